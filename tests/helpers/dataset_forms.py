"""Small datasets in the forms people have the real ones in."""

import io
import pickle
import tarfile
import zipfile
from pathlib import Path

import lmdb
import numpy as np
from PIL import Image


def picture(seed: int, width: int = 32, height: int = 32, mode: str = "RGB") -> Image.Image:
    """Return a smooth random picture."""
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC).convert(mode)


def encoded(image: Image.Image, form: str) -> bytes:
    """Return a picture as the bytes of a file."""
    buffer = io.BytesIO()
    image.save(buffer, form)
    return buffer.getvalue()


def cifar_batches(folder: Path, per_batch: int = 20, test: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Write CIFAR-10's five python batches; return their pixels (N,3,32,32) and labels.

    test: so many of the first batch's images are those of a test batch too.
    """
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    data = random.integers(0, 256, (5 * per_batch, 3072), dtype=np.uint8)
    labels = np.arange(5 * per_batch) % 10
    for number in range(5):
        part = slice(number * per_batch, (number + 1) * per_batch)
        batch = {b"batch_label": b"", b"data": data[part], b"labels": labels[part].tolist(), b"filenames": []}
        (folder / f"data_batch_{number + 1}").write_bytes(pickle.dumps(batch, protocol=2))
    if test:
        batch = {b"batch_label": b"", b"data": data[:test], b"labels": labels[:test].tolist(), b"filenames": []}
        (folder / "test_batch").write_bytes(pickle.dumps(batch, protocol=2))
    return data.reshape(-1, 3, 32, 32), labels


def cifar_tarball(folder: Path) -> tuple[Path, np.ndarray]:
    """Write CIFAR-10's tarball; return its path and pixels."""
    pixels, _ = cifar_batches(folder / "cifar-10-batches-py")
    path = folder / "cifar-10-python.tar.gz"
    with tarfile.open(path, "w:gz") as file:
        file.add(folder / "cifar-10-batches-py", "cifar-10-batches-py")
    return path, pixels


def lsun_lmdb(folder: Path, count: int, width: int = 340, height: int = 256) -> list[bytes]:
    """Write an LSUN LMDB: webp values under 40-digit keys; return the values in key order."""
    folder.mkdir(parents=True)
    values = {f"{seed * 7919:040x}".encode(): encoded(picture(seed, width, height), "webp") for seed in range(count)}
    with lmdb.open(str(folder), map_size=1 << 26) as environment, environment.begin(write=True) as transaction:
        for key, value in values.items():
            transaction.put(key, value)
    return [values[key] for key in sorted(values)]


def image_folder(folder: Path, count: int, size: int = 256, ending: str = "png") -> list[Image.Image]:
    """Write a folder of images named by number; return the pictures."""
    folder.mkdir(parents=True)
    pictures = [picture(seed, size, size) for seed in range(count)]
    for number, image in enumerate(pictures):
        image.save(folder / f"{number:05}.{ending}")
    return pictures


def zipped(folder: Path, path: Path) -> Path:
    """Zip a folder's files; return the zip's path."""
    with zipfile.ZipFile(path, "w") as file:
        for member in sorted(folder.rglob("*")):
            file.write(member, member.relative_to(folder))
    return path
