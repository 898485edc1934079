"""Options of `squeezenet`."""


def add(parser):
    parser.add_argument("folder", metavar="FOLDER", help="with run.json, bench.json and what else ./run squeezenet measured")
    parser.add_argument(
        "--out", metavar="FILE.md", help="the page; its cells go into FILE.csv (default: FOLDER/squeezenet.md)"
    )
