"""Models out of a run: their images are the run's own, bit by bit, and what cannot be loaded is named in one line."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import sfddm
from sfddm.errors import InputError, ParameterError
from sfddm.image_model import ImageModel, Sampling, sampler_of
from sfddm.sampler import AncestralSampler, DDIMSampler
from sfddm.unet import UNetConfig

CELLS = [("sfddm", 1), ("sfddm", 4), ("ddim", 1), ("ddim", 4)]


def samples_of(run: Path, method: str, steps: int) -> Path:
    """The folder of a cell's images."""
    for path in run.glob("stages/samples-*/settings.json"):
        settings = json.loads(path.read_text())["settings"]
        if (settings["method"], settings["steps"]) == (method, steps):
            return path.parent
    raise AssertionError((method, steps))


@pytest.mark.parametrize(("method", "steps"), CELLS)
def test_its_images_are_the_runs_own_whichever_way_it_is_named(
    method: str, steps: int, digits_run: Path, tmp_path: Path
) -> None:
    folder = samples_of(digits_run, method, steps)
    expected = np.load(folder / "samples.npy", allow_pickle=False)
    named = sfddm.load(f"{digits_run}:{method}:{steps}:0")
    named.write(tmp_path / "student.safetensors")
    for path in (f"{digits_run}:{method}:{steps}", folder, tmp_path / "student.safetensors"):
        images = sfddm.load(path).sample(len(expected), steps=steps)
        np.testing.assert_array_equal(images.numpy(), expected)
    np.testing.assert_array_equal(named.sample(3).numpy(), expected[:3])
    assert not np.array_equal(named.sample(3, seed=1).numpy(), expected[:3])


def test_the_folder_of_a_fold_is_sampled_as_the_run_did(digits_run: Path) -> None:
    samples = samples_of(digits_run, "sfddm", 4)
    (key,) = json.loads((samples / "settings.json").read_text())["parents"]
    model = sfddm.load(digits_run / "stages" / f"fold-{key}")
    expected = np.load(samples / "samples.npy", allow_pickle=False)
    np.testing.assert_array_equal(model.sample(len(expected)).numpy(), expected)


def test_a_teachers_folder_makes_images_in_any_number_of_steps(digits_run: Path) -> None:
    (folder,) = digits_run.glob("stages/teacher-*")
    expected = np.load(samples_of(digits_run, "ddim", 4) / "samples.npy", allow_pickle=False)
    model = sfddm.load(folder)
    np.testing.assert_array_equal(model.sample(len(expected), steps=4).numpy(), expected)
    assert model.sample(2, steps=3).shape == (2, 1, 8, 8)
    with pytest.raises(ParameterError, match=r"^steps: 65 given, 1 to 64 possible"):
        model.sample(1, steps=65)


def test_images_do_not_depend_on_how_many_there_are(digits_run: Path) -> None:
    model = sfddm.load(f"{digits_run}:sfddm:1")
    np.testing.assert_array_equal(model.sample(130)[:5].numpy(), model.sample(5).numpy())
    assert [len(images) for images in model.units(130)] == [64, 64, 2]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"steps": 2}, "steps: 2 given, possible: 4"),
        ({"n": 0}, "n: 0 given"),
        ({"seed": -1}, "seed: -1 given"),
        ({"device": "cuda:99"}, "device: 'cuda:99' given, possible here: cpu"),
    ],
)
def test_what_is_not_possible_is_said_in_one_line(given: dict, said: str, digits_run: Path) -> None:
    with pytest.raises(ParameterError) as error:
        sfddm.load(f"{digits_run}:sfddm:4").sample(**{"n": 1} | given)
    assert str(error.value).startswith(said)
    assert "\n" not in str(error.value)


def test_what_cannot_be_loaded_is_named_in_one_line(runs: Path) -> None:
    samples = samples_of(runs, "sfddm", 4)
    (other,) = runs.glob("stages/classifier-*")
    cases = [
        (f"{runs}:sfddm:2", "'sfddm:2:0' given, possible: ddim:1:0, ddim:4:0, sfddm:1:0, sfddm:4:0"),
        (f"{runs / 'none'}:sfddm:2", "no records of images"),
        (str(runs / "none"), "no such file or folder, possible: a file, the folder of a stage"),
        (str(runs), "no folder of a stage"),
        (str(other), "a stage of the kind 'classifier', possible: samples, fold, teacher"),
    ]
    shutil.copytree(next(runs.glob("records/*")), runs / "records" / "again")
    cases.append((f"{runs}:sfddm:4", "is there 2 times; name one of these"))
    for path, said in cases:
        with pytest.raises(InputError) as error:
            sfddm.load(path)
        assert said in str(error.value)
        assert "\n" not in str(error.value)
    assert sfddm.load(f"{runs / 'records' / 'again'}:sfddm:4").steps == 4
    (samples / "done.json").unlink()
    with pytest.raises(InputError, match="this stage is not done"):
        sfddm.load(samples)


def test_a_file_that_says_nothing_of_sampling_needs_the_size_of_its_images(tmp_path: Path) -> None:
    spec = sfddm.DenoiserSpec(network=UNetConfig(dim=8, dim_mults=(1, 2), channels=1), timesteps=16)
    sfddm.save_denoiser(tmp_path / "teacher.safetensors", spec.fresh_network(0), spec)
    with pytest.raises(ParameterError, match=r"^size: not given"):
        sfddm.load(tmp_path / "teacher.safetensors")
    model = sfddm.load(tmp_path / "teacher.safetensors", size=8)
    assert model.sample(2, steps=3).shape == (2, 1, 8, 8)


def test_parts_that_do_not_belong_together_are_refused() -> None:
    spec = sfddm.DenoiserSpec(network=UNetConfig(dim=8, dim_mults=(1, 2), channels=1), timesteps=16)
    denoiser, ddim = spec.denoiser(spec.fresh_network(0)), DDIMSampler().describe()
    for sampling, said in [
        (Sampling(shape=(3, 8, 8), visits="any", sampler=ddim), "3 channels, its network has 1"),
        (Sampling(shape=(1, 8, 8), visits=(3, 16), sampler=ddim), "spans 3..16, possible 0..15"),
        (Sampling(shape=(1, 8, 8), visits="any", sampler={"sampler": "euler"}), "sampler 'euler'"),
    ]:
        with pytest.raises(InputError, match=said):
            ImageModel.of("mine", denoiser, spec, sampling)


@pytest.mark.parametrize("sampler", [DDIMSampler(0.5, False), AncestralSampler("large")])
def test_a_sampler_is_read_from_how_it_describes_itself(sampler: DDIMSampler | AncestralSampler) -> None:
    assert sampler_of(sampler.describe()) == sampler
    for wrong in ({"clip": "x1"}, {"eta": 2.0}, {"order": 3}):
        with pytest.raises(InputError, match="are none of the sampler"):
            sampler_of(sampler.describe() | wrong)
