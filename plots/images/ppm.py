"""Images of any format that Pillow reads (PNG, JPEG, ...) as PPM, upright and in red, green and blue, for eie run.

    python3 -m plots ppm IMAGE... --out DIR

DIR/NAME.ppm of each, NAME being the file's with its ending. Grey values of 16 bits become 8. Exit codes: 0 good, 2 usage or
bad input, 3 the output could not be written.
"""

import os
import sys

import numpy
from PIL import Image, ImageOps

from plots.core.commandline import Parser

MOST = 16384  # pixels of a side, what eie run reads


def _eight_bits(image):
    """Pillow would cut what is above 255 off; values of 32 bits and floats have no range that could be scaled."""
    if image.mode in ("I", "F"):
        raise ValueError(f"values of 32 bits (Pillow's mode {image.mode}) are not read: save it with 8 bits a colour")
    if image.mode.startswith("I;16"):
        return Image.fromarray((numpy.asarray(image).astype(numpy.uint32) // 257).astype(numpy.uint8))
    return image


def read(path):
    """The image; OSError, ValueError and what else Pillow raises."""
    with Image.open(path) as image:
        if max(image.size) > MOST:
            raise ValueError(f"its sides are {image.size[0]} x {image.size[1]}, {MOST} are read")
        return _eight_bits(ImageOps.exif_transpose(image)).convert("RGB")


def _reason(error):
    return " ".join(str(getattr(error, "strerror", None) or error).split()) or type(error).__name__


def main(arguments=None):
    parser = Parser("ppm", description=__doc__.split("\n")[0])
    parser.add_argument("images", nargs="+", metavar="IMAGE")
    parser.add_argument("--out", required=True, metavar="DIR", help="an existing folder")
    options = parser.parse_args(arguments)
    for path in options.images:
        try:
            image = read(path)
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            print(f"ppm: {path}: {_reason(error)}", file=sys.stderr)
            return 2
        try:
            image.save(os.path.join(options.out, os.path.basename(path) + ".ppm"), "PPM")
        except OSError as error:
            print(f"ppm: cannot write into {options.out}: {_reason(error)}", file=sys.stderr)
            return 3
    return 0
