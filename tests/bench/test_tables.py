"""Tables and plots from records alone."""

import json
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pandas as pd
import pytest

from bench.plots import write_plots
from bench.records import REAL, Record, read_record, write_record
from bench.tables import frame, markdown, write_tables
from sfddm.errors import InputError


def record(method: str, steps: int | None, seed: int, fd: float, **other: object) -> Record:
    given = {
        "key": f"{method}-{steps}-{seed}", "dataset": "digits", "dataset_sha256": "0", "preprocessing": "none", "resolution": 8,
        "method": method, "steps": steps, "nfe": steps, "grid": "trailing", "timesteps": None, "sampling": {}, "seed": seed,
        "scale": "quick", "images": 1797, "reference_images": 1797, "feature_space": "digits-cnn",
        "fid": None, "fd": fd, "distance_path": "cholesky", "is_mean": 6.0, "is_std": 0.1, "wall_seconds": 1.0,
        "images_per_second": 1797.0, "gpu_peak_bytes": None, "rss_peak_bytes": 2**30, "teacher_seconds": 1.0,
        "teacher_evaluations": 10, "train_seconds": 1.0, "train_evaluations": 10, "folds": 1, "reasons": {}, "config": {},
        "versions": {}, "machine": {}, "git": {},
    }  # fmt: skip
    return Record(**(given | other))


SEVERAL = [
    record(REAL, None, 0, 1.0, nfe=None, folds=None, images=898, reference_images=899),
    *(record("sfddm", steps, seed, 40.0 / steps + seed) for steps in (1, 4) for seed in (0, 1)),
    *(record("ddim", steps, seed, 50.0 / steps + seed) for steps in (1, 16) for seed in (0, 1)),
]


def test_summary_shows_mean_and_sd_over_seeds_and_a_dash_for_what_is_missing() -> None:
    text = markdown(SEVERAL)
    rows = {line.split("|")[1].strip(): [c.strip() for c in line.split("|")[2:-1]] for line in text.splitlines()[4:8]}
    assert rows["method"] == ["1 step", "4 steps", "16 steps"]
    assert rows["sfddm"] == ["40.50 ± 0.71", "10.50 ± 0.71", "-"]
    assert rows["ddim"] == ["50.50 ± 0.71", "-", "3.62 ± 0.71"]
    assert "FD (digits-cnn) 1.00 between two disjoint halves of the real data (898 against 899 images)" in text


def test_one_seed_shows_no_sd() -> None:
    summary = markdown([r for r in SEVERAL if r.seed == 0]).split("Each cell")[0]
    assert "±" not in summary


def test_csv_reads_back_to_the_same_numbers(tmp_path: Path) -> None:
    path = write_tables(SEVERAL, tmp_path)[1]
    pd.testing.assert_frame_equal(
        pd.read_csv(StringIO(path.read_text())), frame(SEVERAL), check_dtype=False, check_exact=True
    )


def test_rendering_is_the_same_bytes_each_time(tmp_path: Path) -> None:
    once = [p.read_bytes() for p in write_tables(SEVERAL, tmp_path / "a") + write_plots(SEVERAL, tmp_path / "a")]
    again = [p.read_bytes() for p in write_tables(SEVERAL, tmp_path / "b") + write_plots(SEVERAL, tmp_path / "b")]
    assert once == again


def test_rendering_needs_no_torch() -> None:
    probe = "import sys, bench.tables, bench.plots; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", probe], check=False, cwd=Path(__file__).parents[2]).returncode == 0


def test_a_record_reads_back_as_it_was_written(tmp_path: Path) -> None:
    path = write_record(tmp_path, SEVERAL[1])
    assert read_record(path) == SEVERAL[1]
    assert path.name == "sfddm-1-seed0-sfddm-1-.json"


@pytest.mark.parametrize("text", ["{", "{}", json.dumps(record("ddim", 1, 0, 1.0).model_dump() | {"surprise": 1})])
def test_a_broken_record_is_named(text: str, tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"broken\.json"):
        read_record(path)
