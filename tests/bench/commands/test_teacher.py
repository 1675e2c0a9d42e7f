"""Teachers brought in and taken out through the command line."""

from pathlib import Path

import pytest
import torch
from denoising_diffusion_pytorch import GaussianDiffusion, Unet
from helpers.command_line import TINY, records, sfddm_bench
from safetensors import safe_open

pytestmark = pytest.mark.slow


def library_teacher(path: Path, **options: object) -> Path:
    torch.manual_seed(0)
    network = Unet(dim=8, dim_mults=(1, 2), channels=1)
    torch.save(GaussianDiffusion(network, image_size=8, timesteps=1024, **options).state_dict(), path)
    return path


def test_an_imported_teacher_is_the_teacher_of_a_run(tmp_path: Path) -> None:
    source, teacher = library_teacher(tmp_path / "authors.pth"), tmp_path / "teacher.safetensors"
    run = sfddm_bench(
        "teacher", "import", str(source), "--format", "lucidrains", "--dataset", "digits", "--to", str(teacher)
    )
    assert run.returncode == 0, run.stderr
    assert f"--set teacher.weights={teacher}" in run.stdout
    out = tmp_path / "out"
    run = sfddm_bench("run", "--out", str(out), "--steps", "2", "--set", f"teacher.weights={teacher}", *TINY)
    assert run.returncode == 0, run.stderr
    assert "teacher (" not in run.stderr  # nothing was trained
    for record in records(out).values():
        if record["steps"]:
            assert record["training_cost.teacher_seconds"] is None
            assert "given" in record["reasons"]["training_cost.teacher_seconds"]


def test_an_exported_teacher_carries_its_configuration(tmp_path: Path) -> None:
    out, teacher = tmp_path / "out", tmp_path / "teacher.safetensors"
    words = [
        "teacher",
        "export",
        str(teacher),
        "--out",
        str(out),
        "--scale",
        "smoke",
        "--set",
        "teacher.iterations=4",
        "--set",
        "teacher.timesteps=64",
    ]
    missing = sfddm_bench(*words)
    assert missing.returncode == 2
    assert "train it with: sfddm-bench run" in missing.stderr
    assert sfddm_bench("run", "--out", str(out), "--steps", "1", "--methods", "ddim", *TINY).returncode == 0
    assert sfddm_bench(*words).returncode == 0
    with safe_open(teacher, framework="pt") as file:
        assert '"schedule":"sigmoid"' in file.metadata()["sfddm"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--format", "keras", "--dataset", "digits"], "--format: 'keras' given, possible: lucidrains, diffusers"),
        (["--format", "lucidrains", "--dataset", "cifar10"], "has 1 image channels, cifar10 has 3"),
        (
            ["--format", "lucidrains", "--dataset", "digits", "--set", "teacher.schedule=cosine"],
            "its alpha_bar differs",
        ),
        (["--format", "diffusers", "--dataset", "digits"], "config.json: not readable"),
    ],
)
def test_a_teacher_that_does_not_fit_is_one_line(words: list[str], message: str, tmp_path: Path) -> None:
    source, to = library_teacher(tmp_path / "authors.pth"), tmp_path / "teacher.safetensors"
    run = sfddm_bench("teacher", "import", str(source), "--to", str(to), *words)
    assert run.returncode == 2
    assert run.stderr.count("\n") == 1
    assert message in run.stderr
    assert not to.exists()
