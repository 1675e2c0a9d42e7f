"""From a source to images.npy and labels.npy: streamed, on all cores, resumable.

Images are decoded by worker processes and written by this one, in order, so memory does not grow with their number.
Progress is kept beside the growing array, with the identity of what it was made from: an interrupted preparation of the
same files resumes from it, and any other starts again.
"""

import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from bench.datasets.colour import is_reduced
from bench.datasets.dataset import labels_sha256
from bench.datasets.packed import IMAGES, LABELS, MANIFEST, VERIFIED, pixels_digest
from bench.datasets.preprocessing import preprocess
from bench.datasets.sources import Source, first_line
from bench.datasets.workers import in_order
from bench.store.files import readable_size, write_json
from sfddm.errors import InputError
from sfddm.files import TEMPORARY, remove, rename, writing

MOST_CHUNK, MOST_CHUNK_BYTES = 256, 2**24
MOST_CORRUPT = 0.001
HEADER_BYTES = 128
PARTIAL, PROGRESS = "images.partial", "progress.json"
REDUCED, FIRST_FRAME = (
    "of 16 bits a channel, of which the upper 8 are taken",
    "of several frames, of which the first is",
)

Report = Callable[[int, int], None]


class State(BaseModel):
    """How far a preparation is: source images read, images written, numbers of corrupt ones, and what was noted."""

    model_config = ConfigDict(extra="forbid", strict=True)

    identity: str
    read: int = 0
    written: int = 0
    corrupt: list[int] = []
    noted: dict[str, int] = {}


@dataclass(frozen=True)
class Chunk:
    """pixels: uint8 (n,3,H,W) of the readable images; corrupt: number and reason of the others; end: the next."""

    pixels: np.ndarray
    corrupt: list[tuple[int, str]]
    noted: Counter[str]
    end: int


def pack(source: Source, folder: Path, rule: str, resolution: int, identity: str, report: Report) -> State:
    """Write the pixels of all readable images after one another; return what came of it.

    Raises InputError if they do not fit on the disk, or if too many cannot be read: then as often as it is called.
    """
    sweep(folder)
    size, path = 3 * resolution * resolution, folder / PARTIAL
    state = read_state(folder, identity, size)
    check_free(path, HEADER_BYTES + size * (state.written + len(source) - state.read))
    with naming(path), path.open("r+b" if state.read else "w+b") as file:
        file.truncate(HEADER_BYTES + state.written * size)
        file.seek(0, os.SEEK_END)
        for chunk in decoded(source, rule, resolution, state.read):
            state.corrupt += [number for number, _ in chunk.corrupt]
            # Before it counts as read: the same command reads these images again, and is refused again or not.
            check_corrupt(source, state.corrupt, chunk)
            append(file, chunk.pixels)
            state.read, state.written = chunk.end, state.written + len(chunk.pixels)
            state.noted = dict(Counter(state.noted) + chunk.noted)
            write_json(folder / PROGRESS, state.model_dump())
            report(state.read, len(source))
    if not state.written:
        raise InputError(f"--from: none of {len(source)} images can be read")
    return state


def sweep(folder: Path) -> None:
    """Remove what killed preparations left of files being written, and what was said of the pixels."""
    for left in folder.glob(".*.tmp"):
        match = TEMPORARY.fullmatch(left.name)
        if match and match[1] in (LABELS, MANIFEST, PROGRESS, VERIFIED):
            remove(left)
    remove(folder / VERIFIED)


def read_state(folder: Path, identity: str, size: int) -> State:
    """Return how far an earlier preparation of the same files came; the start if there is none."""
    fresh = State(identity=identity)
    try:
        state = State.model_validate_json((folder / PROGRESS).read_bytes())
        there = (folder / PARTIAL).stat().st_size
    except (OSError, ValidationError):
        return fresh
    whole = state.written + len(state.corrupt) == state.read and there >= HEADER_BYTES + state.written * size
    return state if state.identity == identity and whole else fresh


def check_free(path: Path, needed: int) -> None:
    """Raise InputError if the disk has no room for a file of so many bytes, the part that is there included."""
    free = shutil.disk_usage(path.parent).free + (path.stat().st_size if path.exists() else 0)
    if needed > free:
        raise InputError(
            f"{path}: {readable_size(needed)} are needed and {readable_size(free)} are free; name another place with "
            "--data-root, or take fewer with --limit"
        )


def append(file: BinaryIO, pixels: np.ndarray) -> None:
    """Write pixels, and see to it that they are on disk before progress says so."""
    file.write(pixels.tobytes())
    file.flush()
    os.fsync(file.fileno())


def check_corrupt(source: Source, corrupt: list[int], chunk: Chunk) -> None:
    """Raise InputError if more than 0.1 % of all images are corrupt."""
    if len(corrupt) > MOST_CORRUPT * len(source):
        names = source.names
        shown = ", ".join(names[number] for number in corrupt[:5]) + (", ..." if len(corrupt) > 5 else "")
        number, why = chunk.corrupt[-1]
        raise InputError(
            f"--from: {len(corrupt)} of the first {chunk.end} images cannot be read (more than 0.1 % of "
            f"{len(source)}): {shown}; repair or remove them ({names[number]}: {why})"
        )


def decoded(source: Source, rule: str, resolution: int, start: int) -> Iterator[Chunk]:
    """Yield the images from `start` on, in chunks, in order, decoded on all cores."""
    step = max(1, min(MOST_CHUNK, MOST_CHUNK_BYTES // (3 * resolution * resolution)))
    chunks = [range(first, min(first + step, len(source))) for first in range(start, len(source), step)]
    work = partial(decode_chunk, rule=rule, resolution=resolution)
    yield from in_order(work, chunks, partial(set_source, source), "--from")


_source: Source  # of a worker process


def set_source(source: Source) -> None:
    """Give a worker process its source."""
    global _source
    _source = source


def decode_chunk(numbers: range, rule: str, resolution: int) -> Chunk:
    """Return a chunk's readable images, and what is wrong with the others."""
    pixels: list[np.ndarray] = []
    corrupt: list[tuple[int, str]] = []
    noted: Counter[str] = Counter()
    for number in numbers:
        try:
            with _source.image(number) as image:
                notes = {REDUCED: is_reduced(image), FIRST_FRAME: getattr(image, "is_animated", False)}
                ready = np.asarray(preprocess(rule, image, resolution)).transpose(2, 0, 1)
        except MemoryError:
            raise
        except Exception as error:  # decoders raise errors of every kind
            corrupt.append((number, first_line(error)))
            continue
        pixels.append(ready)
        noted.update([note for note, holds in notes.items() if holds])
    return Chunk(np.array(pixels, np.uint8).reshape(-1, 3, resolution, resolution), corrupt, noted, numbers.stop)


def finish(folder: Path, source: Source, state: State, resolution: int) -> tuple[str, str | None]:
    """Turn the partial file into images.npy, write the labels, and return the sha256 of both.

    From here on the dataset that was here before, if there was one, is gone: its manifest goes first.
    """
    partial_path, path = folder / PARTIAL, folder / IMAGES
    shape = (state.written, 3, resolution, resolution)
    with naming(partial_path), partial_path.open("r+b") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
        if file.tell() != HEADER_BYTES:
            raise RuntimeError(f"the .npy header takes {file.tell()} bytes, {HEADER_BYTES} were kept for it")
        file.flush()
        os.fsync(file.fileno())
    sha256 = pixels_digest(partial_path)
    remove(folder / MANIFEST)
    labels = write_labels(folder / LABELS, source, state)
    rename(partial_path, path)
    return sha256, labels


def write_labels(path: Path, source: Source, state: State) -> str | None:
    """Write the labels of the images that were read and return their sha256; none are left there if there are none."""
    if source.labels is None:
        remove(path)
        return None
    labels = np.delete(source.labels, state.corrupt)
    with writing(path) as file:
        np.save(file, labels)
    return labels_sha256(labels)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let a disk fault in the block, such as a full disk, name the file."""
    try:
        yield
    except OSError as error:
        if error.filename is not None:
            raise
        raise OSError(error.errno, error.strerror or str(error), str(path)) from None
