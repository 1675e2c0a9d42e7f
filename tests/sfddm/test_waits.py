"""No part of an iteration waits for the GPU: neither drawing a batch, nor a loss, nor the EMA."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from helpers.without_a_gpu import as_on_a_gpu
from torch._subclasses.fake_tensor import DataDependentOutputException
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from baselines.bootstrap import bootstrap_loss
from baselines.consistency import ConsistencyDistillation, ConsistencyTraining, EasyConsistencyTuning
from baselines.multistep import MultistepCD
from baselines.points import noise_levels
from baselines.self_taught import SelfTaught
from baselines.shortcut import Shortcut
from sfddm.average import Average
from sfddm.batches import draw_batch
from sfddm.checkpoint import DenoiserSpec
from sfddm.ddpm import ddpm_loss
from sfddm.denoiser import Denoiser
from sfddm.noise import BatchGenerator
from sfddm.sampler import from_uint8
from sfddm.single_fold import SingleFoldSettings, single_fold_loss
from sfddm.training import Loss, Moment
from sfddm.trajectory import path_table, trajectory_loss
from sfddm.unet import UNet, UNetConfig
from sfddm.waits import waits

CONFIG = UNetConfig(dim=8, dim_mults=(1, 2), channels=1, heads=1, head_dim=8)
SPEC = DenoiserSpec(network=CONFIG, timesteps=64)
FEW = SPEC.model_copy(update={"indices": tuple(range(7, 64, 8)), "time_input": "phi", "prediction": "v"})


def on_gpu(spec: DenoiserSpec) -> Denoiser:
    with torch.device("cuda"):  # fake weights cannot be moved
        network = UNet(CONFIG)
    denoiser = spec.denoiser(network)
    return replace(denoiser, alpha_bar=denoiser.alpha_bar.to("cuda"), time_input=denoiser.time_input.to("cuda"))


def teacher() -> Loss:
    return ddpm_loss(on_gpu(SPEC))


def single_fold() -> Loss:
    return single_fold_loss(on_gpu(SPEC).respaced(range(7, 64, 8)), on_gpu(FEW), SingleFoldSettings())


def trajectory() -> Loss:
    paths = path_table(range(7, 64, 8), 2)
    return trajectory_loss(on_gpu(SPEC), on_gpu(FEW), paths, "truncated-snr", True)


def self_taught(kind: type[SelfTaught]) -> Callable[[], Loss]:
    def make() -> Loss:
        spec = SPEC.model_copy(update={"prediction": "v"})
        own = kind(kind.Settings(), spec)
        row = own.row(4, noise_levels(on_gpu(spec).alpha_bar))
        return bootstrap_loss(on_gpu(spec), replace(on_gpu(spec), two_times=own.two_times), row)

    return make


KINDS = (ConsistencyDistillation, ConsistencyTraining, EasyConsistencyTuning, MultistepCD, Shortcut)
LOSSES = {"teacher": teacher, "sfddm": single_fold, "sfddm-trajectory": trajectory}
LOSSES |= {kind.name: self_taught(kind) for kind in KINDS}


@pytest.mark.parametrize("make", LOSSES.values(), ids=LOSSES.keys())
def test_a_loss_does_not_wait(make: Callable[[], Loss], monkeypatch: pytest.MonkeyPatch) -> None:
    with as_on_a_gpu(monkeypatch) as watch:
        loss, network = make(), on_gpu(SPEC).network
        x0 = torch.zeros(4, 1, 8, 8, device="cuda")
        watch.found.clear()

        class Generator(BatchGenerator):  # of the CPU, that says it is the GPU's
            device = torch.device("cuda")
            images, batch = range(4), 4

        value = loss(network, x0, Moment(Generator(), network))
        assert value.device.type == "cuda"
        assert watch.found == []
        with pytest.raises(DataDependentOutputException):  # a fake has no value
            value.item()
        assert watch.found == ["_local_scalar_dense"]


def test_drawing_a_batch_and_the_average_do_not_wait_and_those_of_before_did(monkeypatch: pytest.MonkeyPatch) -> None:
    with as_on_a_gpu(monkeypatch) as watch:
        pixels, network = torch.zeros(30, 1, 8, 8, dtype=torch.uint8, device="cuda"), on_gpu(SPEC).network
        ours = Average(network, 0.9)
        theirs = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(0.9))
        watch.found.clear()
        assert from_uint8(draw_batch(pixels, 4, True, 0, 0)).device.type == "cuda"
        ours.update()
        ours.update()
        assert watch.found == []
        pixels[torch.arange(4).to("cuda")]
        assert watch.found == ["_to_copy"]
        watch.found.clear()
        theirs.update_parameters(network)
        theirs.update_parameters(network)
        assert watch.found == ["_to_copy"]


def test_without_a_gpu_nothing_waits() -> None:
    with waits() as found:
        torch.zeros(1).item()
    assert found == [] or torch.cuda.is_available()
