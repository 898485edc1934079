"""Options of `even` that are the page's."""


def add(parser):
    parser.add_argument("folder", metavar="FOLDER", help="with ledgers of eie train, NAME.json; layers/bench.json has times")
    parser.add_argument("--out", metavar="FILE.md", help="the page; its cells go into FILE.csv")
