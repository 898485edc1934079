"""./run bundle: what a vendor copies to a device under test."""

from bench.door.arguments import Parser
from bench.door.messages import say
from bench.door.project import LOG, build, install

MARK = "-- bundle: "


def main(arguments):
    Parser(
        "bundle",
        "One folder, and an archive of it, that runs on another machine without installation: build/bundle/eiebench-*.",
    ).parse(arguments)
    install("build")
    build("bundle")
    with open(LOG, encoding="utf-8", errors="replace") as log:
        made = [line[len(MARK) :].rstrip("\n") for line in log if line.startswith(MARK)]
    say("\n".join(made))
