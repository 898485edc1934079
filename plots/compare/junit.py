"""Verdicts as JUnit's XML, which CI servers show as tests: a test case a row."""

import re
import xml.etree.ElementTree as xml
from dataclasses import dataclass

UNPRINTABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # what XML has no form for


@dataclass(frozen=True)
class Case:
    group: str  # the kernel
    name: str  # the rest of the row
    failure: str = ""  # why it fails, in one line
    skipped: str = ""  # why it says nothing
    output: str = ""


def junit(name, cases):
    """One suite of the cases, as a file's text."""
    counts = {
        "tests": len(cases),
        "failures": sum(bool(case.failure) for case in cases),
        "errors": 0,
        "skipped": sum(bool(case.skipped and not case.failure) for case in cases),
    }
    words = {key: str(value) for key, value in counts.items()}
    root = xml.Element("testsuites", {"name": name} | words)
    suite = xml.SubElement(root, "testsuite", {"name": name, "time": "0"} | words)
    for case in cases:
        one = xml.SubElement(suite, "testcase", {"classname": _clean(case.group), "name": _clean(case.name), "time": "0"})
        if case.failure:
            xml.SubElement(one, "failure", {"message": _clean(case.failure)}).text = _clean(case.failure)
        elif case.skipped:
            xml.SubElement(one, "skipped", {"message": _clean(case.skipped)})
        if case.output:
            xml.SubElement(one, "system-out").text = _clean(case.output)
    xml.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + xml.tostring(root, encoding="unicode") + "\n"


def _clean(text):
    return UNPRINTABLE.sub("?", text)
