"""Students that go to diffusers: what its own pipeline makes of an exported folder is what the run made."""

import re
from pathlib import Path

import pytest
import torch
from helpers.command_line import TINY, sfddm_bench
from helpers.small_unet2d import images_by_diffusers, small_teacher
from typer.testing import CliRunner

import sfddm
from bench.cli import app
from sfddm.checkpoint import save_denoiser
from sfddm.errors import InputError
from sfddm.sampler import from_uint8

CELLS = [(method, steps) for method in ("sfddm", "pd", "ddim") for steps in (1, 3, 4)]
IMAGES = 6
HALF_A_LEVEL = 1 / 255  # of images in [-1, 1]: what rounding to uint8 changes


@pytest.fixture(scope="module")
def unet2d_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run whose teacher is a network of diffusers, which predicts eps."""
    folder = tmp_path_factory.mktemp("unet2d")
    spec = small_teacher(timesteps=64)
    save_denoiser(folder / "teacher.safetensors", spec.fresh_network(0), spec)
    words = ["--methods", "sfddm,pd,ddim", "--steps", "1,3,4", "--metrics", "quality", "--out", str(folder / "runs")]
    words += ["--set", f"teacher.weights={folder / 'teacher.safetensors'}", "--set", "sfddm.prediction=v"]
    run = sfddm_bench("run", *TINY, *words)
    assert run.returncode == 0, run.stderr
    return folder / "runs"


def exported(run: Path, method: str, steps: int, to: Path) -> Path:
    words = ["export", str(run), "--method", method, "--steps", str(steps), "--format", "diffusers", "--to", str(to)]
    ran = CliRunner().invoke(app, words)
    assert (ran.exit_code, ran.stdout) == (0, f"{to}\n"), ran.exception
    return to


@pytest.mark.slow
@pytest.mark.parametrize(("method", "steps"), CELLS)
def test_diffusers_makes_the_runs_own_images(method: str, steps: int, unet2d_run: Path, tmp_path: Path) -> None:
    folder = exported(unet2d_run, method, steps, tmp_path / "student")
    theirs = images_by_diffusers(folder, IMAGES, num_inference_steps=steps, use_clipped_model_output=True)
    own = from_uint8(sfddm.load(f"{unet2d_run}:{method}:{steps}").sample(IMAGES))
    assert len(own.unique()) > (1 if method == "ddim" else 10)  # an untrained eps leads to black and white alone
    # To 1e-5 without rounding: tests/sfddm/exports.
    torch.testing.assert_close(theirs, own, rtol=0, atol=HALF_A_LEVEL + 1e-4)


@pytest.mark.slow
def test_the_card_in_the_folder_says_how_to_sample_it(
    unet2d_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    card = (exported(unet2d_run, "sfddm", 4, Path("student")) / "README.md").read_text()
    assert card.startswith("---\nlicense: unknown\nlibrary_name: diffusers\n")
    assert "# sfddm, 4 steps, on digits 8x8" in card
    assert "- FD (digits-cnn): " in card
    (program,) = re.findall(r"^```python\n(.*?)^```", card, re.MULTILINE | re.DOTALL)
    found: dict = {}
    exec(program, found)
    assert [(image.mode, image.size) for image in found["images"]] == [("L", (8, 8))] * 16


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--format", "diffusers", "--to", "{out}"], "'diffusers' given, but the model has this suite's own U-Net"),
        (["--format", "diffusers", "--to", "{out}.safetensors"], "with --format diffusers a folder is possible"),
        (["--format", "diffusers", "--to", "{run}"], "which is there already; name a new folder, or an empty one"),
        (["--format", "diffuser", "--to", "{out}"], "(did you mean 'diffusers'?), possible: safetensors, diffusers"),
        (["--format", "safetensors", "--to", "{out}"], "a file that ends in .safetensors is possible"),
    ],
)
def test_bad_input_is_refused_and_writes_nothing(words: list[str], said: str, digits_run: Path, tmp_path: Path) -> None:
    given = [word.format(run=digits_run, out=tmp_path / "out") for word in words]
    caught = CliRunner().invoke(app, ["export", str(digits_run), "--method", "sfddm", "--steps", "4", *given]).exception
    assert isinstance(caught, InputError)
    assert said in str(caught)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_refusal_by_the_library_names_the_option(digits_run: Path, tmp_path: Path) -> None:
    words = ["export", str(digits_run), "--method", "ddim", "--steps", "1", "--format", "diffusers"]
    run = sfddm_bench(*words, "--to", str(tmp_path / "student"))
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr.startswith("sfddm-bench: --format: 'diffusers' given, but the model has")
    assert run.stderr.count("\n") == 1
