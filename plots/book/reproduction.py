"""Makes the reproduction book from four files of `eie explore`. Measures nothing; `./run reproduction` calls it.

    python3 -m plots reproduction --queue Q.json --scale S.json --large L.json --space P.json [--out DIR] [--data DIR]

Exit codes: 0 good, 2 usage or bad input, 3 the output could not be written.
"""

import os
import sys

from plots.book.bookpages import FOLDER, Book
from plots.book.sweeps import Sweep
from plots.core.commandline import Parser
from plots.core.load import InputError
from plots.core.markdown import markdown
from plots.core.output import DATA, write
from plots.core.published import Published


def main(arguments=None):
    parser = Parser("reproduction", description="The reproduction book from files of eie explore.")
    parser.add_argument("--queue", required=True, help="depths 2..256 at 64 PEs, with --precision")
    parser.add_argument("--scale", required=True, help="PEs 1..256 and widths 32..512 at depth 8")
    parser.add_argument("--large", required=True, help="device eie-256pe-28nm")
    parser.add_argument("--space", required=True, help="a sweep of designs for the last picture")
    parser.add_argument("--out", default="results", help="folder of REPRODUCTION.md (default: results)")
    parser.add_argument("--data", default=DATA)
    options = parser.parse_args(arguments)
    try:
        queue, scale, large, space = (Sweep(path) for path in (options.queue, options.scale, options.large, options.space))
        book = Book(Published(options.data), options.data, queue, scale, large)
        page = markdown(book.page())
    except InputError as error:
        print(f"reproduction: {error}", file=sys.stderr)
        return 2
    try:
        os.makedirs(os.path.join(options.out, FOLDER), exist_ok=True)
        from plots.book import bookpictures  # late: matplotlib is slow to load

        drawn = bookpictures.pictures(book, space)
        write(options.out, {"REPRODUCTION.md": page})
        write(os.path.join(options.out, FOLDER), drawn | {f"{table.name}.csv": table.csv() for table in book.tables()})
    except OSError as error:
        print(f"reproduction: cannot write to {options.out}: {error.strerror or error}", file=sys.stderr)
        return 3
    return 0
