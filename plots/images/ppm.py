"""Images of any format that Pillow reads (PNG, JPEG, ...) as PPM, upright and in red, green and blue, for eie run.

    python3 -m plots ppm IMAGE... --out DIR

DIR/NAME.ppm of each, NAME being the file's with its ending. Exit codes: 0 good, 2 usage or bad input.
"""

import os
import sys

from PIL import Image, ImageOps

from plots.core.commandline import Parser

MOST = 16384  # pixels of a side, what eie run reads


def convert(path, out):
    """A reason why not, or none."""
    try:
        with Image.open(path) as image:
            if max(image.size) > MOST:
                return f"its sides are {image.size[0]} x {image.size[1]}, {MOST} are read"
            ImageOps.exif_transpose(image).convert("RGB").save(out, "PPM")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        return " ".join(str(error).split()) or type(error).__name__
    return ""


def main():
    parser = Parser("ppm", description=__doc__.split("\n")[0])
    parser.add_argument("images", nargs="+", metavar="IMAGE")
    parser.add_argument("--out", required=True, metavar="DIR", help="an existing folder")
    options = parser.parse_args()
    for path in options.images:
        reason = convert(path, os.path.join(options.out, os.path.basename(path) + ".ppm"))
        if reason:
            print(f"ppm: {path}: {reason}", file=sys.stderr)
            return 2
    return 0
