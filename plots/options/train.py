"""Options of `train` that are the page's."""


def add(parser):
    parser.add_argument(
        "folder", metavar="FOLDER", help="with ledgers of eie train, NAME.json; choice/ has those of candidates"
    )
    parser.add_argument("--out", metavar="FILE.md", help="the page; its cells go into FILE.csv, its picture into FILE.png")
