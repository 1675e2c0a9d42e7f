"""From an image of any size and mode to RGB at the wanted resolution, by named rules.

Training and reference statistics read the same packed array, so a rule is applied once, here. Each rule is PIL
alone, takes RGB, and equals torchvision's transforms on PIL images to the pixel.
"""

from collections.abc import Callable

from PIL import Image, ImageOps

from bench.datasets.colour import to_rgb, upright

SFDDM_CROP = 256
UPRIGHT = ("square-lanczos",)  # torchvision, and so the paper's rules, leave an image as it is stored


def sfddm(image: Image.Image, resolution: int) -> Image.Image:
    "Centre crop 256 of the image as stored, black if it is smaller, then bilinear with antialiasing (the authors')."
    return _bilinear(_centre_crop(image, SFDDM_CROP), resolution)


def sfddm_reduced(image: Image.Image, resolution: int) -> Image.Image:
    """The authors' rule on a larger square image (CelebA-HQ at 1024): LANCZOS to 256 first."""
    return sfddm(square_lanczos(image, SFDDM_CROP), resolution)


def square_lanczos(image: Image.Image, resolution: int) -> Image.Image:
    """The largest centre square, then LANCZOS; of the image as it is shown, turned by its EXIF orientation."""
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    square = image.crop((left, top, left + side, top + side))
    return square.resize((resolution, resolution), Image.Resampling.LANCZOS)


def area(image: Image.Image, resolution: int) -> Image.Image:
    """The mean over the area of each pixel, of a square image; ValueError if it is not square."""
    if image.width != image.height:
        raise ValueError(f"{image.width}x{image.height} image where a square one is needed")
    return image.resize((resolution, resolution), Image.Resampling.BOX)


def none(image: Image.Image, resolution: int) -> Image.Image:
    """The image as it is stored; ValueError if that is not the resolution."""
    if image.size != (resolution, resolution):
        raise ValueError(f"{image.width}x{image.height} image where {resolution}x{resolution} is needed")
    return image


PREPROCESSING: dict[str, Callable[[Image.Image, int], Image.Image]] = {
    "sfddm": sfddm,
    "sfddm-reduced": sfddm_reduced,
    "square-lanczos": square_lanczos,
    "area": area,
    "none": none,
}


def preprocess(name: str, image: Image.Image, resolution: int) -> Image.Image:
    """Return an opened image of any mode as RGB at a resolution. Raises ValueError if rule or mode forbids it."""
    rgb = to_rgb(image)
    return PREPROCESSING[name](upright(rgb, image) if name in UPRIGHT else rgb, resolution)


def describe(name: str) -> str:
    """Return what a rule does, in a line."""
    return (PREPROCESSING[name].__doc__ or "").splitlines()[0]


def _centre_crop(image: Image.Image, side: int) -> Image.Image:
    # torchvision pads a smaller image, the odd pixel to the right and bottom, and rounds half to even when cropping.
    wide, high = max(side - image.width, 0), max(side - image.height, 0)
    if wide or high:
        image = ImageOps.expand(image, (wide // 2, high // 2, (wide + 1) // 2, (high + 1) // 2), fill=0)
    left, top = round((image.width - side) / 2), round((image.height - side) / 2)
    return image.crop((left, top, left + side, top + side))


def _bilinear(image: Image.Image, resolution: int) -> Image.Image:
    if image.size == (resolution, resolution):
        return image
    return image.resize((resolution, resolution), Image.Resampling.BILINEAR)
