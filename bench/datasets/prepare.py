"""From what people have to the packed array: streamed, on all cores, resumable.

Images are decoded by worker processes and written by this one, in order, so memory does not grow with their
number. Progress is kept beside the growing array; an interrupted preparation resumes where it was.
"""

import json
import multiprocessing.connection
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import PIL
from PIL import Image

from bench.datasets.catalogue import CATALOGUE, Definition
from bench.datasets.packed import IMAGES, LABELS, MANIFEST, Manifest, folder_of, pixels_digest
from bench.datasets.preprocessing import PREPROCESSING, SFDDM_CROP, describe
from bench.datasets.sources import Source, open_source
from bench.store.files import digest, write_json
from sfddm.errors import InputError
from sfddm.files import writing

CHUNK = 256
MOST_CORRUPT = 0.001
HEADER_BYTES = 128
PARTIAL, PROGRESS = "images.partial", "progress.json"

Report = Callable[[int, int], None]


@dataclass
class State:
    """How far a preparation is: source images read, images written, names of corrupt ones."""

    read: int
    written: int
    corrupt: list[int]


def prepare(
    name: str,
    source_path: Path | None,
    root: Path,
    resolution: int | None = None,
    limit: int | None = None,
    label: str | None = None,
    preprocessing: str | None = None,
    everything: bool = False,
    report: Report = lambda *_: None,
) -> Path:
    """Write a packed dataset and return its folder. Raises InputError in one line.

    limit: at most so many images from the start; everything: all of them, if the definition takes a share.
    label: the name to keep it under, if it is not the dataset itself but, say, a lossy copy.
    """
    definition = define(name)
    resolution = check_resolution(definition, resolution)
    source = open_source(source_path, limit) if source_path else download(name, root)
    count = wanted_count(source, definition, limit, everything)
    source.take(count)
    rule = preprocessing or default_rule(definition, source)
    if rule not in PREPROCESSING:
        raise InputError(f"--preprocessing: '{rule}' given, possible: {', '.join(PREPROCESSING)}")
    folder = folder_of(root, label or name, resolution)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST).unlink(missing_ok=True)
    identity = digest({"kind": source.kind, "names": digest(source.names), "rule": rule, "resolution": resolution})
    state = pack(source, folder, rule, resolution, identity, report)
    manifest = Manifest(
        name=label or name,
        dataset=name,
        resolution=resolution,
        count=state.written,
        source_kind=source.kind,
        source_name=source_path.name if source_path else "download",
        source_count=len(source),
        preprocessing=rule,
        preprocessing_rule=describe(rule),
        versions={"pillow": PIL.__version__, "numpy": np.__version__},
        lossy=source.lossy,
        classes=source.classes,
        corrupt=[source.names[number] for number in state.corrupt],
        sha256=finish(folder, source, state, resolution),
    )
    write_json(folder / MANIFEST, manifest.model_dump())
    return folder


def define(name: str) -> Definition:
    """Return a dataset's definition. Raises InputError."""
    if name not in CATALOGUE:
        raise InputError(f"NAME: '{name}' given, possible: {', '.join(CATALOGUE)}")
    return CATALOGUE[name]


def check_resolution(definition: Definition, resolution: int | None) -> int:
    """Return the resolution to prepare: the first of the dataset's if none is given."""
    possible = definition.resolutions
    if resolution is None and possible:
        return possible[0]
    if resolution is None or resolution < 1 or (possible and resolution not in possible):
        listed = ", ".join(map(str, possible)) or "any from 1 up"
        raise InputError(f"--resolution: {resolution} given, {definition.name} has: {listed}")
    return resolution


def wanted_count(source: Source, definition: Definition, limit: int | None, everything: bool) -> int:
    """Return how many images to take from the start of a source."""
    total = getattr(source, "total", len(source))
    if limit is not None:
        return min(limit, total)
    return total if everything else max(total // definition.share, 1)


def default_rule(definition: Definition, source: Source) -> str:
    """Return a dataset's preprocessing; the authors' rule first reduces images larger than its crop (CelebA-HQ)."""
    if definition.name != "celeba_hq":
        return definition.preprocessing
    with source.image(0) as first:
        return "sfddm-reduced" if min(first.size) > SFDDM_CROP else "sfddm"


def download(name: str, root: Path) -> Source:
    """Download CIFAR-10 with its checksum; any other dataset is asked for. Raises InputError."""
    definition = define(name)
    if name != "cifar10":
        page = f"; get it from {definition.page}" if definition.page else ""
        raise InputError(f"--from: not given, and {name} is not downloaded by this command{page}")
    from torchvision.datasets import CIFAR10

    folder = root / "downloads"
    try:
        CIFAR10(str(folder), download=True)
    except (OSError, RuntimeError) as error:
        raise InputError(
            f"--from: not given, and CIFAR-10 could not be downloaded ({error}); get cifar-10-python.tar.gz from "
            f"{definition.page} and name it with --from"
        ) from None
    return open_source(folder / "cifar-10-batches-py")


def pack(source: Source, folder: Path, rule: str, resolution: int, identity: str, report: Report) -> State:
    """Write the pixels of all readable images after one another; return what came of it."""
    state = read_state(folder, identity)
    size = 3 * resolution * resolution
    with (folder / PARTIAL).open("r+b" if state.read else "w+b") as file:
        file.truncate(HEADER_BYTES + state.written * size)
        file.seek(0, os.SEEK_END)
        for pixels, corrupt, read in decoded(source, rule, resolution, state.read):
            file.write(pixels.tobytes())
            file.flush()
            state.read, state.written = read, state.written + len(pixels)
            state.corrupt += corrupt
            write_json(folder / PROGRESS, {"identity": identity, **vars(state)})
            check_corrupt(source, state)
            report(state.read, len(source))
    return state


def read_state(folder: Path, identity: str) -> State:
    """Return how far an earlier preparation of the same thing came; the start if there is none."""
    try:
        kept = json.loads((folder / PROGRESS).read_text())
    except (OSError, json.JSONDecodeError):
        return State(0, 0, [])
    if kept.pop("identity", None) != identity or not (folder / PARTIAL).exists():
        return State(0, 0, [])
    state = State(**kept)
    whole = state.written + len(state.corrupt) == state.read
    return state if whole else State(0, 0, [])


def check_corrupt(source: Source, state: State) -> None:
    """Raise InputError if more than 0.1 % of all images are corrupt."""
    if len(state.corrupt) > MOST_CORRUPT * len(source):
        shown = ", ".join(source.names[number] for number in state.corrupt[:5])
        raise InputError(
            f"--from: {len(state.corrupt)} of the first {state.read} images cannot be read (more than 0.1 % of "
            f"{len(source)}): {shown}{', ...' if len(state.corrupt) > 5 else ''}; mend or remove them"
        )


def decoded(source: Source, rule: str, resolution: int, start: int) -> Iterator[tuple[np.ndarray, list[int], int]]:
    """Yield (pixels uint8 (n,3,H,W), numbers of corrupt images, images read so far) in order, decoded on all cores."""
    work = partial(decode_chunk, rule=rule, resolution=resolution)
    chunks = [range(first, min(first + CHUNK, len(source))) for first in range(start, len(source), CHUNK)]
    workers = min(os.cpu_count() or 1, len(chunks))
    if not chunks:
        return
    with ProcessPoolExecutor(workers, initializer=set_source, initargs=(source,)) as pool:
        waiting: list[Future[Any]] = []
        ahead = iter(chunks)
        try:
            for chunk in chunks:
                # A few chunks for each worker, so that a slow disk holds up the reading, not the memory.
                room = islice(ahead, 3 * workers - len(waiting))
                waiting += [pool.submit(work, following) for following in room]
                pixels, corrupt = waiting.pop(0).result()
                yield pixels, corrupt, chunk.stop
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


_source: Source  # of a worker process


def set_source(source: Source) -> None:
    """Give a worker process its source; it ends when the process that started it is killed."""
    global _source
    _source = source
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    multiprocessing.connection.wait([parent.sentinel])
    os._exit(1)


def decode_chunk(numbers: range, rule: str, resolution: int) -> tuple[np.ndarray, list[int]]:
    """Return the pixels of a chunk's readable images and the numbers of the others."""
    pixels, corrupt = [], []
    for number in numbers:
        try:
            with _source.image(number) as image:
                ready = PREPROCESSING[rule](image.convert("RGB"), resolution)
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
            corrupt.append(number)
            continue
        pixels.append(np.asarray(ready).transpose(2, 0, 1))
    return np.array(pixels, np.uint8).reshape(-1, 3, resolution, resolution), corrupt


def finish(folder: Path, source: Source, state: State, resolution: int) -> str:
    """Turn the partial file into images.npy, write the labels, and return the sha256 of the pixels."""
    partial_path, path = folder / PARTIAL, folder / IMAGES
    shape = (state.written, 3, resolution, resolution)
    with partial_path.open("r+b") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
        if file.tell() != HEADER_BYTES:
            raise RuntimeError(f"the .npy header takes {file.tell()} bytes, {HEADER_BYTES} were kept for it")
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial_path, path)
    (folder / PROGRESS).unlink(missing_ok=True)
    if source.labels is not None:
        kept = np.setdiff1d(np.arange(len(source)), state.corrupt)
        with writing(folder / LABELS) as file:
            np.save(file, source.labels[kept])
    return pixels_digest(path)
