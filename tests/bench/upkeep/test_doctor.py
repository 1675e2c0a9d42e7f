"""`doctor`: what is here, what is missing, and for each the command that fixes it."""

import os
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest
from helpers.command_line import ENVIRONMENT, PROGRAM
from helpers.dataset_forms import image_folder

from bench.datasets.catalogue import CATALOGUE
from bench.datasets.prepare import prepare
from bench.metrics.network_files import WEIGHTS
from bench.store.files import file_sha256
from bench.upkeep import doctor
from bench.upkeep.doctor import (
    BROKEN,
    GOOD,
    LACKING,
    Line,
    datasets,
    disk,
    extractor_files,
    gpu,
    inception_file,
    torch_fits_torchvision,
)


def run_doctor(*words: str, first: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command, with a folder before all others on the path."""
    paths = [str(first)] * (first is not None) + [ENVIRONMENT["PYTHONPATH"]]
    environment = ENVIRONMENT | {"PYTHONPATH": os.pathsep.join(paths)}
    return subprocess.run([*PROGRAM, "doctor", *words], capture_output=True, text=True, env=environment, check=False)


@pytest.mark.slow
def test_it_says_what_is_here_and_how_to_get_every_dataset(tmp_path: Path) -> None:
    run = run_doctor(str(tmp_path / "runs"), "--data-root", str(tmp_path / "data"))
    assert (run.returncode, run.stderr) == (0, "")
    for name in ("torch", "torchvision", "clean-fid", "scipy"):
        assert f"{name:22} {version(name)}" in run.stdout
    for name, definition in CATALOGUE.items():
        assert f"fix: sfddm-bench datasets prepare {name} {definition.example} --resolution" in run.stdout
    for about in ("GPU", "threads", "Inception weights", "run folder", "lmdb", "diffusers"):
        assert f" {about} " in run.stdout
    assert f"{tmp_path / 'runs'}: " in run.stdout
    assert run.stdout.splitlines()[-1].startswith("a digits run can work here: sfddm-bench run")
    assert not list(tmp_path.iterdir())  # looking changes nothing


@pytest.mark.slow
def test_a_torchvision_that_was_built_for_another_torch_is_named_with_its_fix_and_exit_code_1(tmp_path: Path) -> None:
    (tmp_path / "torchvision").mkdir()
    (tmp_path / "torchvision" / "__init__.py").touch()
    (tmp_path / "torchvision" / "_C.so").write_bytes(b"of another")
    run = run_doctor("--data-root", str(tmp_path), first=tmp_path)
    assert run.returncode == 1
    assert "Traceback" not in run.stderr
    assert f"cannot be imported (Could not load this library: {tmp_path}" in run.stdout
    assert "fix: pip install --force-reinstall torch torchvision" in run.stdout
    assert "sfddm-bench datasets prepare cifar10" in run.stdout  # the rest is reported all the same


@pytest.mark.parametrize(
    ("torch", "mark"), [("2.9.1", GOOD), ("2.9.1+cpu", GOOD), ("2.9.0", BROKEN), ("2.10.0+cu128", BROKEN)]
)
def test_torch_must_be_the_one_that_torchvision_pins(torch: str, mark: str, monkeypatch: pytest.MonkeyPatch) -> None:
    there = {"torch": torch, "torchvision": "0.24.1+cpu"}
    monkeypatch.setattr(doctor, "version", there.__getitem__)
    monkeypatch.setattr(doctor, "requires", lambda _: ["numpy", "torch==2.9.1", 'pillow; extra == "x"'])
    found = torch_fits_torchvision()
    assert found.mark == mark
    assert found.fix == ("" if mark == GOOD else "pip install torch==2.9.1 torchvision==0.24.1")


def test_a_prepared_dataset_is_said_with_its_size(tmp_path: Path) -> None:
    image_folder(tmp_path / "images", 20, 16)
    prepare("folder", tmp_path / "images", tmp_path / "data", 16, None, "mine", None, False, lambda *_: None)
    found = {finding.about: finding for finding in datasets(tmp_path / "data")}
    assert found["folder"].mark == GOOD
    assert "mine 16x16: 20" in found["folder"].found
    assert found["cifar10"].mark == LACKING


def test_lsun_without_lmdb_is_repaired_by_both(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(doctor, "installed", lambda name: None)
    found = {finding.about: finding.fix for finding in datasets(tmp_path)}
    assert found["lsun_church"].startswith("pip install lmdb && sfddm-bench datasets prepare lsun_church")
    assert found["cifar10"].startswith("sfddm-bench datasets prepare cifar10")
    assert [finding.fix for finding in doctor.extras()] == ["pip install lmdb", "pip install diffusers"]


def test_inception_weights_are_missing_wrong_or_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    missing = inception_file(None)
    assert missing.mark == LACKING
    assert str(tmp_path / "sfddm-bench" / WEIGHTS) in missing.fix
    assert inception_file(tmp_path / "none.pt").mark == LACKING
    other = tmp_path / "other.pt"
    other.write_bytes(b"not the network")
    assert "is not the published file: its distance will not be called FID" in inception_file(other).found
    monkeypatch.setattr(doctor, "WEIGHTS_SHA256", file_sha256(other))
    assert inception_file(other).mark == GOOD


def test_a_gpu_that_this_torch_cannot_use_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr(doctor, "nvidia_smi", lambda: [("NVIDIA H100", "570.10")])
    found = gpu()
    assert found.mark == LACKING
    assert "NVIDIA H100 with driver 570.10 is here, but this torch" in found.found
    monkeypatch.setattr(doctor, "nvidia_smi", list)
    assert gpu().found.startswith("none")


def test_a_full_disk_and_an_unwritable_folder_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert disk(tmp_path / "deep" / "runs").mark == GOOD
    (tmp_path / "file").write_text("not a folder")
    blocked = disk(tmp_path / "file" / "runs")
    assert (blocked.mark, blocked.fix) == (BROKEN, "name another with run --out")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9, 5 * 10**6))
    full = disk(tmp_path)
    assert full == Line(LACKING, "run folder", f"{tmp_path}: only 5.0 MB free", f"sfddm-bench clean {tmp_path}")


def test_extractors_without_their_weights_say_what_cannot_be_run_and_how_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    found = {line.about: line for line in extractor_files()}
    assert list(found) == ["dinov2 weights", "dinov2-vitb14 weights", "clip weights"]
    assert {line.mark for line in found.values()} == {LACKING}
    assert found["clip weights"].found == "not here; nothing can be run for --features clip"
    place = tmp_path / "sfddm-bench" / "ViT-L-14-336px.pt"
    assert f"/ViT-L-14-336px.pt at {place} (a run with network downloads it there)" in found["clip weights"].fix
    place.parent.mkdir()
    place.write_bytes(b"another")
    assert "is not its weight file" in list(extractor_files())[-1].found
