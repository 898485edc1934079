"""Options of `map`."""


def add(parser):
    parser.add_argument("file", metavar="MAP.json", help="a map of eie map")
    add_further(parser)


def add_further(parser):
    parser.add_argument("--out", metavar="DIR", help="folder of the page (default: the map's folder)")
