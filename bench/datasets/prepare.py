"""From what people have to a prepared dataset: what is asked for, checked; what is there, packed; what came of it."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import PIL

from bench.datasets.catalogue import CATALOGUE, Definition
from bench.datasets.held_out import LEAST
from bench.datasets.listing import SPLIT
from bench.datasets.open_source import open_source
from bench.datasets.packed import (
    IMAGES,
    LABELS,
    MANIFEST,
    MOST_RESOLUTION,
    SCHEMA,
    TEST,
    VERIFIED,
    Manifest,
    Split,
    folder_of,
)
from bench.datasets.packing import PARTIAL, PROGRESS, Report, State, finish, naming, pack
from bench.datasets.preprocessing import PREPROCESSING, SFDDM_CROP, describe
from bench.datasets.sources import Source, first_line
from bench.datasets.workers import read_apart
from bench.store.files import check_writable, digest, write_json
from bench.store.lock import Locks
from bench.store.names import check_name
from sfddm.errors import InputError
from sfddm.files import remove

BUILT_IN = "digits"
UNREADABLE = "that cannot be read"
GRACE_SECONDS = 5.0  # for the workers of a killed preparation, which hold its lock too, to end
TRIED_FOR_SIZE = 100  # images, of which one must be readable


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
    test_path: Path | None = None,
) -> Path:
    """Write a packed dataset and return its folder. Raises InputError in one line.

    limit: at most so many images from the start; everything: all of them, if the definition takes a share.
    label: the name to keep it under, if it is not the dataset itself but, say, a lossy copy.
    test_path: where the images to hold out are, if not in the source itself; at most `limit` of them as well.
    What was prepared under that name before stays until the new dataset is whole.
    """
    definition = define(name)
    label = name if label is None else check_label(label, definition)
    resolution = check_resolution(definition, resolution)
    if preprocessing is not None and preprocessing not in PREPROCESSING:
        raise InputError(f"--preprocessing: '{preprocessing}' given, possible: {', '.join(PREPROCESSING)}")
    source = open_source(source_path, limit) if source_path else download(name, root)
    test = test_split(source, test_path, limit)
    source.take(wanted_count(source, definition, limit, everything))
    rule = preprocessing or default_rule(definition, source, resolution)
    folder = check_writable(folder_of(root, label, resolution), "--data-root")
    with alone(folder):
        # Where Pillow changes, so may pixels: a preparation that another version began is begun again.
        made_by = {"rule": rule, "does": describe(rule), "resolution": resolution, "pillow": PIL.__version__}

        def packed(part: Source, place: Path) -> State:
            identity = source_identity(part)
            state = pack(part, place, rule, resolution, digest({"source": identity, **made_by}), report)
            if source_identity(part) != identity:
                remove(place / PROGRESS)
                raise InputError(f"--from: '{source_path}' was changed while it was read; give the same command again")
            return state

        apart = check_writable(folder / TEST, "--data-root") if test else folder / TEST
        state, of_test = packed(source, folder), packed(test, apart) if test else None
        sha256, labels = finish(folder, source, state, resolution)
        kept = finished_test(apart, test, of_test, resolution, test_path) if test and of_test else None
        if not test:
            for name_of in (IMAGES, LABELS, VERIFIED, PARTIAL, PROGRESS):  # of an earlier preparation
                remove(apart / name_of)
        names = source.names
        corrupt = {UNREADABLE: len(state.corrupt)} if state.corrupt else {}
        manifest = Manifest(
            schema_version=SCHEMA,
            name=label,
            dataset=name,
            resolution=resolution,
            count=state.written,
            source_kind=source.kind,
            source_name=decodable(source_path.name) if source_path else "download",
            source_count=len(source),
            preprocessing=rule,
            preprocessing_rule=describe(rule),
            versions={"pillow": PIL.__version__, "numpy": np.__version__},
            lossy=source.lossy,
            classes=None if source.classes is None else [decodable(one) for one in source.classes],
            corrupt=[decodable(names[number]) for number in state.corrupt],
            sha256=sha256,
            labels_sha256=labels,
            left_out=dict(source.left_out) | corrupt,
            noted=state.noted,
            test=kept,
        )
        write_json(folder / MANIFEST, manifest.model_dump())
        for place in (folder, apart):
            remove(place / PROGRESS)
    return folder


def test_split(source: Source, path: Path | None, limit: int | None) -> Source | None:
    """Return the images to hold out: those at a path, else those that the source says of; None if there are none.

    They are labelled as the source is, by the names of its classes. Raises InputError.
    """
    test, source.test = source.test, None
    if path is not None:
        try:
            test = open_source(path, limit)
        except InputError as error:
            raise InputError(str(error).replace("--from:", "--test:", 1)) from None
    if test is None:
        return None
    if len(test) < LEAST:
        source.left_out[SPLIT] += len(test)
        return None
    if test.classes != source.classes:
        known = source.classes is not None and set(test.classes or ()) <= set(source.classes)
        if not known or test.labels is None or test.classes is None or source.classes is None:
            test.labels = None
        else:
            test.labels = np.array([source.classes.index(name) for name in test.classes])[test.labels]
    if limit is not None:
        test.take(min(limit, test.total))
    return test


def finished_test(folder: Path, test: Source, state: State, resolution: int, path: Path | None) -> Split:
    """Turn what was packed of the test split into its array; return what the manifest says of it."""
    sha256, labels = finish(folder, test, state, resolution)
    return Split(
        count=state.written,
        source_name=decodable(path.name) if path else "the same",
        corrupt=[decodable(test.names[number]) for number in state.corrupt],
        lossy=test.lossy,
        sha256=sha256,
        labels_sha256=labels,
    )


def counts(manifest: Manifest) -> list[str]:
    """Return the lines that say what a preparation took, and what it left out and why."""
    lines = [f"taken: {manifest.count:,} images"]
    lines += [f"  {count:,} {note}" for note, count in manifest.noted.items()]
    lines += [] if manifest.test is None else [f"held out: {manifest.test.count:,} images"]
    lines += [f"left out: {count:,} {reason}" for reason, count in manifest.left_out.items()]
    return lines if manifest.left_out else [*lines, "left out: none"]


def define(name: str) -> Definition:
    """Return a dataset's definition. Raises InputError."""
    if name not in CATALOGUE:
        raise InputError(f"NAME: '{name}' given, possible: {', '.join(CATALOGUE)}")
    return CATALOGUE[name]


def check_label(label: str, definition: Definition) -> str:
    """Return the name to keep a dataset under. Raises InputError if it is no name, or another dataset's."""
    check_name("--name", label)
    if label == BUILT_IN or (label in CATALOGUE and label != definition.name):
        raise InputError(f"--name: '{label}' given, which is another dataset; possible: any other name")
    return label


def check_resolution(definition: Definition, resolution: int | None) -> int:
    """Return the resolution to prepare: the first of the dataset's if none is given."""
    possible = definition.resolutions
    if resolution is None and possible:
        return possible[0]
    wrong = resolution is None or not 1 <= resolution <= MOST_RESOLUTION or (possible and resolution not in possible)
    if resolution is None or wrong:
        listed = ", ".join(map(str, possible)) or f"any from 1 up to {MOST_RESOLUTION}"
        raise InputError(f"--resolution: {resolution} given, {definition.name} has: {listed}")
    return resolution


def wanted_count(source: Source, definition: Definition, limit: int | None, everything: bool) -> int:
    """Return how many images to take from the start of a source."""
    if limit is not None:
        return min(limit, source.total)
    return source.total if everything else max(source.total // definition.share, 1)


def default_rule(definition: Definition, source: Source, resolution: int) -> str:
    """Return a dataset's preprocessing; the authors' rule first reduces images larger than its crop (CelebA-HQ).

    What is taken as it is stored is reduced by area to a resolution below its own.
    """
    if definition.preprocessing == "none" and resolution != definition.resolutions[0]:
        return "area"
    if definition.name != "celeba_hq":
        return definition.preprocessing
    return "sfddm-reduced" if read_apart(smaller_side, source, what="--from") > SFDDM_CROP else "sfddm"


def smaller_side(source: Source) -> int:
    """Return the smaller side of the first readable image in pixels. Raises InputError if there is none early on."""
    why = ""
    for number in range(min(len(source), TRIED_FOR_SIZE)):
        try:
            with source.image(number) as image:
                return min(image.size)
        except Exception as error:  # decoders raise errors of every kind
            why = why or f"{source.names[number]}: {first_line(error)}"
    raise InputError(f"--from: the first images cannot be read ({why}); repair or remove them")


def source_identity(source: Source) -> str:
    """Return the identity of what is prepared from, as it is now. Raises InputError if some of it is gone."""
    try:
        return source.identity()
    except OSError as error:
        raise InputError(f"--from: '{error.filename}' was there and cannot be read ({error.strerror})") from None


def decodable(name: str) -> str:
    """Return a file's name as text that JSON can hold: names on disk may be bytes in no encoding."""
    return name.encode(errors="surrogateescape").decode(errors="backslashreplace")


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Let one process at a time work on a folder. Raises InputError if another does."""
    with naming(folder), ExitStack() as stack:
        locks, ends = Locks(), time.monotonic() + GRACE_SECONDS
        while not (held := stack.enter_context(locks.hold(folder))) and time.monotonic() < ends:
            time.sleep(0.1)
        if not held:
            raise InputError(
                f"'{folder}': another process is preparing it; wait for it, or keep this under another --name"
            )
        yield


def download(name: str, root: Path) -> Source:
    """Download CIFAR-10 with its checksum; any other dataset is asked for. Raises InputError."""
    definition = define(name)
    if name != "cifar10":
        page = f"; get it from {definition.page}" if definition.page else ""
        raise InputError(f"--from: not given, and {name} is not downloaded by this command{page}")
    from torchvision.datasets import CIFAR10

    folder = check_writable(root / "downloads", "--data-root")
    try:
        with alone(folder):
            CIFAR10(str(folder), download=True)
    except (OSError, RuntimeError) as error:
        raise InputError(
            f"--from: not given, and CIFAR-10 could not be downloaded ({error}); get cifar-10-python.tar.gz from "
            f"{definition.page} and name it with --from"
        ) from None
    return open_source(folder / "cifar-10-batches-py")
