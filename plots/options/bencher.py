"""Options of `bencher`."""


def add(parser):
    parser.add_argument("file", metavar="FILE.json", help="results of eie bench, or counts of eie count")
    parser.add_argument("--out", metavar="FILE", help="where it goes (default: printed)")
