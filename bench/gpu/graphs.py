"""graphs: no graph is compiled while a clock runs: of sampling, of its cost, or of training after it has begun."""

import torch

from bench.gpu.out_of_memory import sampling_task, untrained
from bench.gpu.piece import Earlier, Found, Piece, Setup
from bench.stages.cost import Sampling, sampling_of
from bench.stages.sampling import ShardSampler
from bench.stages.training import placed
from bench.store.timing import synchronised_seconds
from sfddm.compiling import compiled, fault, forget
from sfddm.ddpm import ddpm_loss
from sfddm.performance import Performance
from sfddm.training import REPORT_EVERY, Training, TrainSettings, train

COMPILED = Performance(compile=True)
CALLS, MOST_STEPS = 3, 4


def in_sampling(setup: Setup, _: Earlier) -> Found:
    """Count the graphs before and while the clock of sampling runs, of two ways of sampling one after the other."""
    before, inside, whole = compiled.count, 0, untrained(setup, MOST_STEPS)
    for steps in (2, MOST_STEPS):
        with COMPILED.sampling(whole.respaced(range(steps))) as fast:
            task = sampling_task(setup, fast)
            sampler = ShardSampler(task, setup.device)
            warm = compiled.count
            sampler.shard(range(task.count))
            inside += compiled.count - warm
    return said_of(setup, compiled.count - before - inside, inside)


def in_its_cost(setup: Setup, _: Earlier) -> Found:
    """Count the graphs before and while the clock of one batch's cost runs."""
    forget()
    config = setup.cifar10()
    found: Sampling = sampling_of(config, config.method("ddpm"), 2)
    denoiser = found.spec.denoiser(found.spec.fresh_network(0).eval()).to(setup.device)
    before = compiled.count
    with COMPILED.sampling(denoiser) as fast:
        prepare = found.calls(fast, (config.network.channels, config.resolution, config.resolution), setup.device).full
        prepare(1)()
        warm = compiled.count
        for _call in range(CALLS):
            synchronised_seconds(prepare(1), setup.device)
    return said_of(setup, warm - before, compiled.count - warm)


def in_training(setup: Setup, _: Earlier) -> Found:
    """Count the graphs of a training's first iterations, whose compilation its clock leaves out, and of those after."""
    forget()
    spec = setup.digits().teacher_spec()
    denoiser = spec.denoiser(spec.fresh_network(0)).to(setup.device)
    settings = TrainSettings.model_validate({"iterations": 2 * REPORT_EVERY, "batch": 17, "learning_rate": 1e-3})
    training, counts = (
        Training(denoiser.network, settings, 0, Performance(compile=True, micro_batch=5)),
        [compiled.count],
    )
    pixels = placed(torch.zeros(64, 1, 8, 8, dtype=torch.uint8), setup.device)
    train(training, ddpm_loss(denoiser), pixels, setup.device, lambda *_: counts.append(compiled.count))
    return said_of(setup, counts[1] - counts[0], counts[2] - counts[1], needed=setup.cuda)


def said_of(setup: Setup, before: int, inside: int, needed: bool = True) -> Found:
    """Return what holds: something was compiled, if it had to be, and nothing while the clock ran."""
    reason = fault(torch.device(setup.device).type)
    if reason is not None:
        return Found(None, f"nothing can be compiled here: {reason}", {})
    holds = inside == 0 and (before > 0 or not needed)
    return Found(
        holds, f"{before} graphs before the clock, {inside} while it ran", {"before": before, "inside": inside}
    )


PIECE = Piece(
    "No graph is compiled while a clock runs.",
    {"sampling": in_sampling, "its cost": in_its_cost, "training": in_training},
)
