"""Sampling by shards: an image is the same bits however it was cut, and a kill loses at most one shard."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from baselines.ddim import DDIM
from baselines.ddpm import DDPM
from bench.stages import sampling
from bench.stages.sampling import SAMPLES, ShardSampler, Task, read_samples, sample_in_shards
from bench.store.files import write_json
from bench.store.layout import RunFolder
from bench.store.progress import Display
from bench.store.stage import Job
from sfddm.checkpoint import DenoiserSpec
from sfddm.denoiser import Denoiser
from sfddm.distributed import World
from sfddm.method import Method
from sfddm.noise import ImageNoise
from sfddm.sampler import to_uint8
from sfddm.unet import UNetConfig
from sfddm.units import unit_size

SPEC = DenoiserSpec(network=UNetConfig(dim=8, dim_mults=(1, 2), channels=3), timesteps=64)
SHAPE, STEPS, COUNT, UNIT = (3, 16, 16), 3, 21, 4


@pytest.fixture(autouse=True)
def _small_units(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sfddm.units.LARGEST_UNIT", UNIT)


def denoiser() -> Denoiser:
    return SPEC.denoiser(SPEC.fresh_network(3).eval())


def sampled(folder: Path, units: int, count: int = COUNT, kind: type[Method] = DDPM) -> np.ndarray:
    """Sample in a folder and return the images."""
    folder.mkdir(exist_ok=True)
    write_json(folder / "cost.json", sample_in_shards(job(folder), task(denoiser(), kind, count), shard_units=units))
    return np.array(read_samples(folder / SAMPLES))


def job(folder: Path) -> Job:
    return Job(folder, RunFolder(folder), "cpu", Display(), World())


def task(own: Denoiser, kind: type[Method] = DDPM, count: int = COUNT) -> Task:
    """The sampling of a method's images under seed 5."""
    method = kind(kind.Settings(), SPEC)
    return Task(
        label="sampling",
        denoiser=own,
        sample=lambda noise: method.sample(own, STEPS, noise),
        noise=lambda images: ImageNoise(5, images, SHAPE),
        shape=SHAPE,
        count=count,
    )


def test_shard_size_and_number_of_images_change_no_bit_of_an_image(tmp_path: Path) -> None:
    whole = sampled(tmp_path / "whole", 100)
    assert whole.shape == (COUNT, *SHAPE)
    assert whole.dtype == np.uint8
    for units in (1, 2, 3):
        np.testing.assert_array_equal(sampled(tmp_path / str(units), units), whole)
    np.testing.assert_array_equal(sampled(tmp_path / "few", 1, count=6), whole[:6])


def test_the_images_are_the_methods_own(tmp_path: Path) -> None:
    method, images = DDIM(DDIM.Settings(), SPEC), sampled(tmp_path, 2, kind=DDIM)
    one = to_uint8(method.sample(denoiser(), STEPS, ImageNoise(5, range(COUNT), SHAPE))).numpy()
    # Another batch size rounds otherwise: some values may fall on the other side.
    assert (one.astype(int) - images).__abs__().max() <= 1
    assert (one != images).mean() < 1e-3


def test_the_network_always_sees_one_batch_size(tmp_path: Path) -> None:
    seen: set[int] = set()
    own = denoiser()
    own.network.register_forward_pre_hook(lambda _, given: seen.add(len(given[0])))
    sample_in_shards(job(tmp_path), task(own), shard_units=2)
    assert seen == {UNIT}


def test_a_unit_holds_64_images_or_as_many_as_2_to_the_18_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sfddm.units.LARGEST_UNIT", 64)
    assert [unit_size((3, side, side)) for side in (8, 32, 64, 128, 256, 1024)] == [64, 64, 16, 4, 1, 1]
    assert [unit_size((3, side, side), "cuda:0") for side in (32, 64, 128)] == [512, 128, 32]


@pytest.mark.parametrize("memory", [UNIT, 3, 2, 1, 0])
def test_units_are_halved_until_one_fits_into_the_free_memory(memory: int, tmp_path: Path) -> None:
    seen: list[int] = []
    own = denoiser()

    def allocate(_: torch.nn.Module, given: tuple[torch.Tensor, ...]) -> None:
        if len(given[0]) > memory:
            raise torch.OutOfMemoryError("CUDA out of memory")
        seen.append(len(given[0]))

    own.network.register_forward_pre_hook(allocate)
    if memory == 0:
        with pytest.raises(torch.OutOfMemoryError):
            sample_in_shards(job(tmp_path), task(own), shard_units=2)
        return
    cost = sample_in_shards(job(tmp_path), task(own), shard_units=2)
    assert set(seen) == {{4: 4, 3: 2, 2: 2, 1: 1}[memory]}
    assert cost["nfe"] == STEPS
    expected = sampled(tmp_path / "whole", 100).astype(int)
    assert np.abs(read_samples(tmp_path / SAMPLES) - expected).max() <= 1  # another batch size rounds otherwise


class Killed(BaseException):
    """Ends sampling as a kill would."""


def test_a_kill_loses_one_shard_and_costs_add_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = sampled(tmp_path / "whole", 1)
    made: list[int] = []
    own = ShardSampler.shard

    def dies_at_the_fourth(self: ShardSampler, images: range) -> tuple[np.ndarray, sampling.Shard]:
        made.append(images.start)
        if len(made) == 4:
            raise Killed
        return own(self, images)

    monkeypatch.setattr(ShardSampler, "shard", dies_at_the_fourth)
    cut = tmp_path / "cut"
    with pytest.raises(Killed):
        sampled(cut, 1)
    assert made == [0, 4, 8, 12]
    assert not (cut / "samples.npy").exists()
    earlier = [json.loads(path.read_text())["seconds"] for path in sorted(cut.glob("resume*.json"))]
    np.testing.assert_array_equal(sampled(cut, 1), expected)
    assert made == [0, 4, 8, 12, 12, 16, 20]
    cost = json.loads((cut / "cost.json").read_text())
    assert cost["nfe"] == STEPS
    seconds = [json.loads(path.read_text())["seconds"] for path in sorted(cut.glob("resume*.json"))]
    assert seconds[:3] == earlier
    assert cost["wall_seconds"] == pytest.approx(sum(seconds))
    assert cost["images_per_second"] == pytest.approx(COUNT / sum(seconds))


@pytest.mark.parametrize("damage", ["flipped", "truncated", "missing", "sidecar"])
def test_a_damaged_shard_is_named_and_sampled_again(damage: str, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    expected = sampled(tmp_path, 2)
    shard = sorted(tmp_path.glob("resume*.shard"))[1]
    content = bytearray(shard.read_bytes())
    content[100] ^= 1
    if damage == "missing":
        shard.unlink()
    elif damage == "sidecar":
        shard.with_suffix(".json").write_text("{")
    else:
        shard.write_bytes(content if damage == "flipped" else content[:-1])
    capsys.readouterr()
    np.testing.assert_array_equal(sampled(tmp_path, 2), expected)
    told = [line for line in capsys.readouterr().err.splitlines() if str(shard) in line]
    assert len(told) == 1
    assert "sampling it again" in told[0]


def test_reading_streams_from_the_disk(tmp_path: Path) -> None:
    sampled(tmp_path, 1)
    images = read_samples(tmp_path / SAMPLES)
    assert isinstance(images, np.memmap)
    torch.from_numpy(images)  # writable, so that PyTorch does not warn
