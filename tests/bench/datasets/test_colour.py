"""Colours against Pillow's own conversions for 8 bits, and against the values put in for other depths."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from helpers.dataset_forms import picture
from PIL import ExifTags, Image, ImageOps

from bench.datasets.colour import TO_UPRIGHT, is_reduced, to_rgb, upright
from bench.datasets.prepare import prepare
from sfddm.errors import InputError

RAMP = np.linspace(0, 65535, 256).round().astype(np.uint16).reshape(16, 16)
GREY = np.repeat(np.arange(256, dtype=np.uint8).reshape(16, 16, 1), 3, 2)


def reopened(image: Image.Image, form: str, **options: object) -> Image.Image:
    file = io.BytesIO()
    image.save(file, form, **options)
    file.seek(0)
    return Image.open(file)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "LAB", "HSV"])
def test_a_mode_of_8_bits_is_converted_as_pillow_does(mode: str) -> None:
    image = picture(0).convert("P").convert(mode) if mode == "PA" else picture(0)
    image = image if image.mode == mode else image.convert(mode)
    np.testing.assert_array_equal(np.asarray(to_rgb(image)), np.asarray(image.convert("RGB")))


@pytest.mark.parametrize(("mode", "plain"), [("RGBa", "RGBA"), ("La", "LA")])
def test_premultiplied_colours_are_divided_by_their_opacity(mode: str, plain: str) -> None:
    image = picture(1).convert(plain)
    image.putalpha(128)
    got, expected = np.asarray(to_rgb(image.convert(mode)), int), np.asarray(image.convert("RGB"), int)
    assert np.abs(got - expected).max() <= 2  # the rounding of a product with 128/255


def test_transparency_is_dropped_and_not_painted_over() -> None:
    image = picture(2).convert("RGBA")
    image.putalpha(0)
    np.testing.assert_array_equal(np.asarray(to_rgb(image)), np.asarray(picture(2)))


@pytest.mark.parametrize("form", ["PNG", "TIFF", "PPM"])
def test_16_bits_of_grey_become_8_by_a_257th(form: str) -> None:
    image = reopened(Image.fromarray(RAMP), form)
    np.testing.assert_array_equal(np.asarray(to_rgb(image)), GREY)


def test_16_bits_in_another_byte_order_are_the_same_grey() -> None:
    data = RAMP.astype(">u2").tobytes()
    np.testing.assert_array_equal(np.asarray(to_rgb(Image.frombytes("I;16B", (16, 16), data))), GREY)


def test_a_pgm_with_a_maximum_of_its_own_is_scaled_by_it() -> None:
    values = np.linspace(0, 1000, 256).round().astype(">u2")
    image = Image.open(io.BytesIO(b"P5\n16 16\n1000\n" + values.tobytes()))
    expected = np.round(values.astype(float) * 255 / 1000).reshape(16, 16)
    assert np.abs(np.asarray(to_rgb(image), int)[..., 0] - expected).max() <= 1


def tiff(bits: int, photometric: int, data: bytes) -> Image.Image:
    """Return a TIFF of 16x16 grey pixels, of which Pillow writes neither 12 bits nor white as zero."""
    entries = [
        (256, 16),
        (257, 16),
        (258, bits),
        (259, 1),
        (262, photometric),
        (273, 0),
        (277, 1),
        (278, 16),
        (279, len(data)),
    ]
    start = 8 + 2 + 12 * len(entries) + 4
    packed = b"".join(
        tag.to_bytes(2, "little") + b"\x04\x00\x01\x00\x00\x00" + (start if tag == 273 else value).to_bytes(4, "little")
        for tag, value in entries
    )
    return Image.open(io.BytesIO(b"II*\0\x08\0\0\0" + len(entries).to_bytes(2, "little") + packed + bytes(4) + data))


def test_a_tiff_whose_white_is_zero_is_turned_round() -> None:
    np.testing.assert_array_equal(np.asarray(to_rgb(tiff(16, 0, RAMP.astype("<u2").tobytes()))), 255 - GREY)


def test_a_tiff_of_12_bits_has_its_white_at_4095() -> None:
    white = np.asarray(to_rgb(tiff(12, 1, b"\xff" * 384)))
    assert (white.min(), white.max()) == (255, 255)


@pytest.mark.parametrize("mode", ["I", "F"])
def test_a_mode_without_a_declared_range_is_refused_by_its_name(mode: str, tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    Image.fromarray(RAMP.astype(np.int32 if mode == "I" else np.float32)).save(tmp_path / "set" / "a.tif")
    with pytest.raises(InputError, match=rf"a\.tif: mode {mode} says nothing of the values of black and white"):
        prepare("folder", tmp_path / "set", tmp_path / "data", 16)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_image_is_turned_as_pillow_turns_it(orientation: int) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    image = reopened(picture(3, 24, 16), "PNG", exif=exif)
    got = upright(to_rgb(image), image)
    np.testing.assert_array_equal(np.asarray(got), np.asarray(ImageOps.exif_transpose(image)))
    assert (orientation in TO_UPRIGHT) == (orientation > 1)


def test_a_tiff_which_pillow_turns_itself_is_not_turned_twice() -> None:
    image = reopened(picture(4, 24, 16), "TIFF", tiffinfo={274: 6})
    got = upright(to_rgb(image), image)
    np.testing.assert_array_equal(np.asarray(got), np.asarray(picture(4, 24, 16).transpose(Image.Transpose.ROTATE_270)))


def test_only_images_of_16_bits_in_several_channels_are_noted_as_reduced() -> None:
    assert not is_reduced(reopened(picture(0), "PNG"))
    assert not is_reduced(reopened(Image.fromarray(RAMP), "PNG"))
    for compression in ("raw", "tiff_lzw"):  # whose decoders are given offsets and strides, which have a 16 in them
        assert not is_reduced(reopened(picture(0, 16, 16), "TIFF", compression=compression))

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = b"".join(b"\0" + bytes(12) for _ in range(2))
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 2, 16, 2, 0, 0, 0))
    assert is_reduced(Image.open(io.BytesIO(png + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))))
