"""Where files come from and how they are written."""

import os
import re
import sys
import tempfile

DATA = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "data")


LIST = "report.files.txt"


def write_report(folder, files):
    """Writes the files and removes those that an earlier report left here: names in its list, never others."""
    earlier = _listed(folder)
    write(folder, files | {LIST: "".join(f"{name}\n" for name in sorted(files))})
    for name in earlier - files.keys():
        try:
            os.unlink(os.path.join(folder, name))
        except FileNotFoundError:
            pass


def _listed(folder):
    """What the list of an earlier report names: plain files of this very folder, of the kinds that a report writes."""
    try:
        with open(os.path.join(folder, LIST), encoding="utf-8") as file:
            names = file.read().splitlines()
    except (OSError, ValueError):
        return set()
    return {
        name for name in names if re.fullmatch(r"[a-z0-9][\w.-]*\.(csv|html|png|svg|md)", name, re.IGNORECASE | re.ASCII)
    }


def write(folder, files):
    """Each file whole or not at all: under a temporary name first, then renamed. A link stays one, and so does what is
    no file: a device, a pipe."""
    os.makedirs(folder, exist_ok=True)
    for name, content in files.items():
        data = content if isinstance(content, bytes) else content.encode("utf-8", "replace")
        path = os.path.join(folder, name)
        if os.path.exists(path) and not os.path.isfile(path):
            with open(path, "wb") as file:
                file.write(data)
        else:
            _replace(*os.path.split(os.path.realpath(path)), data)


def write_file(path, content):
    """One file by its path."""
    write(os.path.dirname(path) or ".", {os.path.basename(path): content})


def written(verb, path, files):
    """The files into the folder of `path`. False, and one line of the verb's, where that cannot be."""
    try:
        write(os.path.dirname(path) or ".", files)
    except OSError as error:
        print(f"{verb}: cannot write {path}: {error.strerror or error}", file=sys.stderr)
        return False
    return True


def _replace(folder, name, data):
    handle, temporary = tempfile.mkstemp(prefix="." + name, dir=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(temporary, 0o644)
        os.replace(temporary, os.path.join(folder, name))
    except BaseException:
        os.unlink(temporary)
        raise
