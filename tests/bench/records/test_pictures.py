"""The pictures beside records: shown if they are what was written, else named in a line and left out."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from helpers.made_run import SWEEP
from PIL import Image

from bench.records.pictures import Pictures, find_pictures, sheet_png
from bench.records.record import Record, read_records, write_record
from bench.report.page import write_report

PIXELS = np.random.default_rng(0).integers(0, 256, (64, 1, 8, 8), dtype=np.uint8)
CELLS = [record for record in SWEEP if record.method == "ddim" and record.seed == 0]


def written(root: Path, sealed: bool) -> list[Path]:
    """Write records with a sheet beside each and real images beside all; return the sheets of the cells."""
    sheets = []
    for record in CELLS:
        pictures = {"real-data.png": sheet_png(PIXELS), f"{record.name}.png": sheet_png(PIXELS // (record.steps or 1))}
        path = write_record(root, record, pictures if sealed else None)
        for name, data in pictures.items():
            path.with_name(name).write_bytes(data)
        sheets.append(path.with_suffix(".png"))
    return sheets


def found(root: Path) -> tuple[set[Path], list[str]]:
    """Return the pictures that may be shown, and the lines that name the others."""
    said: list[str] = []
    return set(find_pictures([root], read_records(root), said.append)), said


def small(size: tuple[int, int], mode: str = "L") -> bytes:
    buffer = BytesIO()
    Image.new(mode, size).save(buffer, format="PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("sealed", [True, False])
def test_whole_pictures_are_all_shown_with_a_seal_or_without(sealed: bool, tmp_path: Path) -> None:
    sheets = written(tmp_path, sealed)
    assert found(tmp_path) == ({*sheets, sheets[0].with_name("real-data.png")}, [])


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "truncated": lambda data: data[: len(data) // 2],
    "empty": lambda data: b"",
    "no picture": lambda data: b"<html>",
    "too small": lambda data: small((3, 3)),
    "of another mode": lambda data: small((600, 600), "RGBA"),
    "a bomb": lambda data: data[:16] + b"\xff\xff\xff\xff" * 2 + data[24:],
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
@pytest.mark.parametrize("sealed", [True, False])
def test_a_damaged_picture_is_named_and_left_out_and_nothing_else_is(
    sealed: bool, damage: Callable[[bytes], bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheets = written(tmp_path, sealed)
    sheets[0].write_bytes(damage(sheets[0].read_bytes()))
    shown, (line,) = found(tmp_path)
    assert shown == {*sheets[1:], sheets[0].with_name("real-data.png")}
    assert line.startswith(f"{sheets[0]}: ")
    assert line.endswith("; left out")
    for render in (lambda: write_report([tmp_path]), lambda: Pictures([tmp_path], read_records(tmp_path))):
        render()
        assert capsys.readouterr().err == f"sfddm-bench: {line}\n"


def test_a_picture_of_other_pixels_is_seen_by_its_seal(tmp_path: Path) -> None:
    sheets = written(tmp_path, sealed=True)
    sheets[0].write_bytes(sheets[1].read_bytes())
    assert found(tmp_path)[1] == [f"{sheets[0]}: not what was written (its sha256 differs); left out"]


def test_real_images_are_those_of_any_record_of_the_set(tmp_path: Path) -> None:
    """Another version of the encoder may have written them since, for another record."""
    sheets = written(tmp_path, sealed=True)
    real, other = sheets[0].with_name("real-data.png"), sheet_png(PIXELS // 7)
    write_record(tmp_path, remade(CELLS[0]), {"real-data.png": other})
    assert real.read_bytes() == other
    assert real in found(tmp_path)[0]
    real.write_bytes(sheet_png(PIXELS // 9))
    assert real not in found(tmp_path)[0]


def remade(record: Record) -> Record:
    return record.model_copy(update={"command": ["again"]})


def test_a_picture_that_is_a_folder_is_left_out(tmp_path: Path) -> None:
    sheets = written(tmp_path, sealed=True)
    sheets[0].unlink()
    sheets[0].mkdir()
    assert len(found(tmp_path)[1]) == 1
