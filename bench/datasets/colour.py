"""From an image of any mode and depth to 8-bit RGB, by what the image says of itself, or a reason why not.

Transparency is dropped: what an editor left under it shows, as in torchvision's `convert("RGB")`.
"""

from contextlib import suppress

import numpy as np
from PIL import ExifTags, Image

EIGHT_BITS = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "LAB", "HSV")
SIXTEEN_BITS = ("I;16", "I;16L", "I;16B", "I;16N")
BITS_PER_SAMPLE, PHOTOMETRIC, WHITE_IS_ZERO = 258, 262, 0  # of TIFF
TO_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def to_rgb(image: Image.Image) -> Image.Image:
    """Return an image as 8-bit RGB, its white at 255. Raises ValueError naming a mode that declares no range."""
    image.load()
    if image.mode in EIGHT_BITS:
        return image.convert("RGB")
    if image.mode == "La":  # premultiplied grey, which Pillow converts by way of LA alone
        return image.convert("LA").convert("RGB")
    if image.mode in SIXTEEN_BITS or _is_wide_pgm(image):
        return _grey(np.asarray(image).astype(np.uint32), image)
    raise ValueError(f"mode {image.mode} says nothing of the values of black and white; save it with 8 or 16 bits")


def upright(rgb: Image.Image, original: Image.Image) -> Image.Image:
    """Return `rgb` turned as the EXIF orientation of the loaded image that it was made of says."""
    orientation = 1
    with suppress(Exception):  # EXIF that cannot be read, in whatever way, orders nothing
        orientation = original.getexif().get(ExifTags.Base.Orientation, 1)
    return rgb.transpose(TO_UPRIGHT[orientation]) if orientation in TO_UPRIGHT else rgb


def is_reduced(image: Image.Image) -> bool:
    """Whether an image not yet loaded has 16 bits in each of several channels, of which Pillow keeps the upper 8."""
    tiles = getattr(image, "tile", None) or []
    given = [tile[3] for tile in tiles if len(tile) > 3]  # to the decoder: how it is stored, alone or before the rest
    stored = [one[0] if isinstance(one, tuple) and one else one for one in given]
    return image.mode in EIGHT_BITS and any(";16" in one for one in stored if isinstance(one, str))


def _is_wide_pgm(image: Image.Image) -> bool:
    return image.mode == "I" and image.format == "PPM"  # Pillow brings its declared maximum to 65535


def _grey(values: np.ndarray, image: Image.Image) -> Image.Image:
    tags = getattr(image, "tag_v2", None) or {}
    bits = tags.get(BITS_PER_SAMPLE, (16,))
    white = 2 ** (bits[0] if isinstance(bits, tuple) else bits) - 1
    values = np.minimum(values, white)
    if tags.get(PHOTOMETRIC) == WHITE_IS_ZERO:
        values = white - values
    return Image.fromarray(((values * 255 + white // 2) // white).astype(np.uint8)).convert("RGB")
