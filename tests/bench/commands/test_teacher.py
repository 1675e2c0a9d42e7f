"""Teachers brought in and taken out through the command line."""

from pathlib import Path

import pytest
import torch
from denoising_diffusion_pytorch import GaussianDiffusion, Unet
from diffusers import DDPMScheduler, UNet2DModel
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
    assert (
        "weights (U-Net, sigmoid schedule, T = 1024, predicts v, float32; assumed, as it does not say: " in run.stdout
    )
    with safe_open(teacher, framework="pt") as file:  # the library's default objective, which the file tells
        assert '"prediction":"v"' in file.metadata()["sfddm"]
    out = tmp_path / "out"
    words = ["--steps", "2", "--metrics", "quality", "--set", f"teacher.weights={teacher}", *TINY]
    run = sfddm_bench("run", "--out", str(out), *words)
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
        str(out),
        "--to",
        str(teacher),
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
        (
            ["--format", "lucidrains", "--dataset", "digits", "--set", "teacher.prediction=eps"],
            "--set: teacher.prediction=eps given",
        ),
    ],
)
def test_a_teacher_that_does_not_fit_is_one_line(words: list[str], message: str, tmp_path: Path) -> None:
    source, to = library_teacher(tmp_path / "authors.pth"), tmp_path / "teacher.safetensors"
    run = sfddm_bench("teacher", "import", str(source), "--to", str(to), *words)
    assert run.returncode == 2
    assert run.stderr.count("\n") == 1
    assert message in run.stderr
    assert not to.exists()


def test_a_network_that_the_datasets_images_do_not_go_through_is_refused(tmp_path: Path) -> None:
    torch.save(Unet(dim=8, dim_mults=(1, 2, 4, 8, 16), channels=1).state_dict(), tmp_path / "deep.pth")
    to = tmp_path / "teacher.safetensors"
    words = ["teacher", "import", str(tmp_path / "deep.pth"), "--format", "lucidrains", "--dataset", "digits"]
    run = sfddm_bench(*words, "--to", str(to))
    assert run.returncode == 2
    assert "its network takes no images of 8x8" in run.stderr
    assert run.stderr.count("\n") == 1
    assert not to.exists()


def test_a_diffusers_import_says_what_was_read_and_assumed(tmp_path: Path) -> None:
    options = {
        "in_channels": 1,
        "out_channels": 1,
        "layers_per_block": 1,
        "block_out_channels": (8, 16),
        "sample_size": 16,
    }
    blocks = {"down_block_types": ("DownBlock2D", "AttnDownBlock2D"), "up_block_types": ("AttnUpBlock2D", "UpBlock2D")}
    UNet2DModel(**options, **blocks, norm_num_groups=4).half().save_pretrained(tmp_path / "model")
    to = tmp_path / "teacher.safetensors"
    words = ["teacher", "import", str(tmp_path / "model"), "--format", "diffusers", "--dataset", "digits"]
    run = sfddm_bench(*words, "--to", str(to), "--set", "teacher.prediction=v")
    assert run.returncode == 0, run.stderr
    assert "(UNet2DModel, linear schedule, T = 1000, predicts v, float16; assumed" in run.stdout
    assert "as it does not say: schedule, timesteps; made for" in run.stdout
    with safe_open(to, framework="pt") as file:
        assert '"prediction":"v"' in file.metadata()["sfddm"]
    DDPMScheduler(clip_sample=True).save_pretrained(tmp_path / "model")
    run = sfddm_bench(*words, "--to", str(to))
    assert run.returncode == 0, run.stderr
    assert "about sampling and not used: clip_sample" in run.stdout
    assert "made for images of 16, digits has 8x8" in run.stdout
    assert "assumed" not in run.stdout
