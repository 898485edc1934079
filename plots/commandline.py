"""What the programs of this folder share: mistakes in one line, and files that are whole or not there."""

import argparse
import os
import tempfile


class Parser(argparse.ArgumentParser):
    def error(self, message):
        self.exit(2, f"{self.prog}: {message}; try --help\n")


def write(folder, files):
    """Each file whole or not at all: under a temporary name first, then renamed."""
    os.makedirs(folder, exist_ok=True)
    for name, content in files.items():
        data = content if isinstance(content, bytes) else content.encode("utf-8")
        handle, temporary = tempfile.mkstemp(prefix="." + name, dir=folder)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            os.chmod(temporary, 0o644)
            os.replace(temporary, os.path.join(folder, name))
        except BaseException:
            os.unlink(temporary)
            raise
