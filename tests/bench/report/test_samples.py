"""Samples and interpolations on the page, and how their pictures are stored."""

from base64 import b64decode
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from helpers.made_run import SWEEP, record, write_run
from helpers.outline import Outline
from PIL import Image

from bench.records.pictures import REAL_IMAGES, Pictures, closest_name, sheet_png, write_sheet
from bench.records.record import read_records, write_record
from bench.report.page import write_report
from bench.report.samples import LARGEST, compact, contact_sheet

pytestmark = pytest.mark.usefixtures("undrawn")


def test_each_grid_and_strip_of_the_first_seed_is_shown_once_and_real_images_beside_them(folder: Path) -> None:
    alts = [str(a["alt"]) for name, a in Outline(write_report([folder]).read_text()).elements if name == "img"]
    assert alts.count("Images of the dataset") == 1
    assert sum(alt.startswith("Samples of ") for alt in alts) == sum(
        r.steps is not None and r.failure is None and r.seed == 0 for r in SWEEP
    )
    assert [alt for alt in alts if alt.startswith("Interpolation")] == [
        "Interpolation by sfddm, 4 steps, seed 0, linear above, spherical below"
    ]
    assert len(alts) == len(set(alts))


def test_each_dataset_stands_beside_its_own_real_images(tmp_path: Path) -> None:
    write_run(tmp_path, [record("ddim", 1, 0, 5.0), record("ddim", 1, 0, 5.0, dataset="other")])
    records = read_records(tmp_path)
    pictures = Pictures([tmp_path], records)
    assert len({pictures.of(one, REAL_IMAGES) for one in records} - {None}) == 2
    shown = {
        str(a["src"])
        for name, a in Outline(write_report([tmp_path]).read_text()).elements
        if a.get("alt") == "Images of the dataset"
    }
    assert len(shown) == 2


def test_of_two_pictures_of_a_name_the_one_that_the_record_was_written_with_is_shown(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 64, 1, 8, 8), dtype=np.uint8)
    for seed, folder in enumerate(("a", "b")):  # of two machines: the real images of the second are not the first's
        one = record("ddim", 1, seed, 5.0)
        write_record(
            tmp_path / folder, one, {f"{one.name}.png": sheet_png(pixels[0]), REAL_IMAGES: sheet_png(pixels[seed])}
        )
    html = Outline(write_report([tmp_path / "b", tmp_path / "a"]).read_text())
    (shown,) = [str(a["src"]) for _, a in html.elements if a.get("alt") == "Images of the dataset"]
    stored = np.asarray(Image.open(BytesIO(b64decode(shown.partition(",")[2]))))
    assert (stored[:8, :8] == pixels[0, 0, 0]).all()


def test_the_teachers_own_images_stand_below_the_students(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 64, 1, 8, 8), dtype=np.uint8)
    own, teacher = map(sheet_png, pixels)
    for seed in (0, 1):
        one = record("ddim", 1, seed, 5.0)
        write_record(tmp_path, one, {f"{one.name}.png": own, f"full-length-{seed}.png": (teacher, own)[seed]})
    html = Outline(write_report([tmp_path]).read_text())
    (shown,) = [str(a["src"]) for _, a in html.elements if str(a.get("alt", "")).startswith("Images of the teacher")]
    stored = np.asarray(Image.open(BytesIO(b64decode(shown.partition(",")[2]))))
    assert (stored[:8, 9:17] == pixels[1, 1, 0]).all()


def test_images_stand_left_of_the_real_ones_that_they_are_nearest_to(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 1, 8, 8), dtype=np.uint8)
    one = record("ddim", 1, 0, 5.0)
    pictures = {f"{one.name}.png": sheet_png(pixels), closest_name(one.name): sheet_png(pixels)}
    write_record(tmp_path, one, pictures)
    html = Outline(write_report([tmp_path]).read_text())
    (shown,) = [a for _, a in html.elements if "nearest to real ones" in str(a.get("alt", ""))]
    assert shown["alt"] == "The images of ddim, 1 step, seed 0 that are nearest to real ones, each left of its real one"
    stored = np.asarray(Image.open(BytesIO(b64decode(str(shown["src"]).partition(",")[2]))))
    assert stored.shape == (2 * 9 - 1, 8 * 9 - 1)  # two rows of four pairs
    assert (stored[9:17, 9:17] == pixels[9, 0]).all()


def test_a_cells_picture_is_its_first_images_at_their_own_size_without_loss(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 1, 8, 8), dtype=np.uint8)
    write_sheet(pixels, tmp_path / "grid.png")
    stored = np.asarray(Image.open(BytesIO(compact(contact_sheet(tmp_path / "grid.png", SWEEP[-1])))))
    assert stored.shape == (4 * 9 - 1, 4 * 9 - 1)
    assert (stored[:8, 9:17] == pixels[1, 0]).all()
    assert (stored[9:17, :8] == pixels[4, 0]).all()


def test_a_large_picture_is_stored_as_jpeg() -> None:
    ramp = np.linspace(0, 255, 256 * 256 * 3).reshape(256, 256, 3)
    noise = np.random.default_rng(0).normal(0, 6, ramp.shape)
    pixels = np.clip(ramp + noise, 0, 255).astype(np.uint8)
    stored = compact(pixels)
    assert Image.open(BytesIO(stored)).format == "JPEG"
    assert pixels.nbytes > LARGEST
    assert len(stored) < pixels.nbytes / 3
