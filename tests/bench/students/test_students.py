"""Students that leave: sampled, compared and exported by the command line, the same bits as the run's own images."""

import re
from pathlib import Path

import numpy as np
import pytest
from helpers.command_line import sfddm_bench
from helpers.made_records import sweep
from PIL import Image
from typer.testing import CliRunner

import sfddm
from bench.cli import app
from bench.students.card import by_sfddm, card
from sfddm.errors import InputError

ADDRESSES = ("sfddm:1", "sfddm:4", "ddim:4")


def did(*words: str) -> str:
    ran = CliRunner().invoke(app, words)
    assert ran.exit_code == 0, ran.exception
    return ran.stdout


def run_images(run: Path, address: str) -> np.ndarray:
    """The first images of a run's own cell."""
    return sfddm.load(f"{run}:{address}").sample(6).numpy()


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_folder_a_grid_and_an_array_hold_the_runs_own_images(address: str, digits_run: Path, tmp_path: Path) -> None:
    own, student = run_images(digits_run, address), f"{digits_run}:{address}"
    did("sample", student, "-n", "6", "--to", str(tmp_path / "images"))
    files = sorted((tmp_path / "images").iterdir())
    assert [path.name for path in files] == [f"{k:05}.png" for k in range(6)]
    assert np.array_equal(np.stack([np.asarray(Image.open(path)) for path in files])[:, None], own)
    did("sample", student, "-n", "6", "--to", str(tmp_path / "images.npz"))
    assert np.array_equal(np.load(tmp_path / "images.npz", allow_pickle=False)["images"].transpose(0, 3, 1, 2), own)
    did("sample", student, "-n", "6", "--to", str(tmp_path / "grid.png"))
    assert Image.open(tmp_path / "grid.png").width >= 8 * 8


def test_an_exported_student_is_the_same_model_and_brings_its_card(digits_run: Path, tmp_path: Path) -> None:
    file = tmp_path / "there" / "student.safetensors"
    did("export", str(digits_run), "--method", "sfddm", "--steps", "4", "--to", str(file))
    assert np.array_equal(sfddm.load(file).sample(6).numpy(), run_images(digits_run, "sfddm:4"))
    card = file.with_suffix(".md").read_text()
    assert card.startswith("---\nlicense:")
    for said in ("# sfddm, 4 steps, on digits 8x8", "FD (digits-cnn): ", "protocol ", file.name, "seed 0"):
        assert said in card
    assert "FID" not in card


def test_a_comparison_has_a_row_for_each_model(digits_run: Path, tmp_path: Path) -> None:
    students = [f"{digits_run}:{address}" for address in ADDRESSES]
    did("compare", *students, "--latents", "5", "--to", str(tmp_path / "three.png"))
    did("compare", *students[:1], "--latents", "5", "--to", str(tmp_path / "one.png"))
    three, one = Image.open(tmp_path / "three.png"), Image.open(tmp_path / "one.png")
    assert three.width == one.width
    assert 2.5 * one.height < three.height < 3 * one.height


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["sample", "{run}:sfddm:4", "-n", "0", "--to", "{out}.png"], "--count"),
        (["sample", "{run}:sfddm:4", "--steps", "2", "--to", "{out}.png"], "steps: 2 given, possible: 4"),
        (["sample", "{run}:sfddm:3", "--to", "{out}.png"], "possible: ddim:1:0"),
        (["sample", "{run}:sfddm:4", "--to", "{out}.jpg"], "possible: a folder, or a file that ends in .png or .npz"),
        (["sample", "{run}:sfddm:4", "--to", "{run}"], "which is there already"),
        (["compare", "{run}:sfddm:4", "--to", "{out}.npz"], "--to"),
        (["compare", "{run}:sfddm:4", "--latents", "65", "--to", "{out}.png"], "from 1 to 64"),
        (["export", "{run}", "--method", "sfddm", "--steps", "4", "--to", "{out}.pt"], ".safetensors"),
        (["export", "{run}", "--method", "sfdm", "--steps", "4", "--to", "{out}.safetensors"], "possible: ddim:1:0"),
    ],
)
def test_bad_input_is_refused_and_writes_nothing(words: list[str], said: str, digits_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    caught = CliRunner().invoke(app, [word.format(run=digits_run, out=out) for word in words]).exception
    assert isinstance(caught, InputError)
    assert said in str(caught)
    assert list(tmp_path.iterdir()) == []


def test_a_card_gives_a_distance_with_its_interval() -> None:
    record = next(record for record in sweep(("sfddm",), (4,), (0,)) if record.method == "sfddm")
    assert record.interval is not None
    low, high = record.interval
    text = card(record, "sfddm-bench", by_sfddm("student.safetensors"))
    assert f"(95 %, sampling only: {low:.2f} to {high:.2f})" in text
    assert [line for line in text.splitlines() if re.search(r"\((.+)\): .* \1$", line)] == []  # no unit is said twice


@pytest.mark.slow
def test_a_student_is_sampled_in_a_process_of_its_own(digits_run: Path, tmp_path: Path) -> None:
    ran = sfddm_bench("sample", f"{digits_run}:sfddm:4", "-n", "3", "--to", str(tmp_path / "images"))
    assert (ran.returncode, ran.stdout.strip()) == (0, str(tmp_path / "images"))
