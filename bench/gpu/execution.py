"""execution: the 35.7 M U-Net eager and compiled, contiguous and channels_last, in each precision, interleaved."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import product
from statistics import median
from typing import Any, get_args

from bench.gpu.piece import Earlier, Found, Part, Piece, Setup
from bench.speed.contestants import Terms
from bench.speed.diffusion import sampling_work, training_work, untrained
from bench.speed.rounds import interleaved, noise_floor, paired_ratio
from bench.store.timing import synchronised_seconds
from sfddm.compiling import compiled, fault
from sfddm.performance import Performance, Precision

SECONDS, SMALL_SECONDS = 40.0, 0.2  # of the rounds
UNIT_SECONDS, SMALL_UNIT_SECONDS = 0.5, 0.02  # of one call in a round, of the eager network
STEPS = 10
SAMPLED = 256  # images a batch
EAGER, AGAIN = "eager", "eager (again)"

Call = Callable[[int], object]  # does so many units of work
Build = Callable[[Terms, Performance], Call]


def terms_of(setup: Setup) -> Terms:
    """Return the network and batch of CIFAR-10's preset."""
    config = setup.cifar10()
    teacher = config.teacher
    batch = teacher.batch
    return Terms(config.network, config.resolution, batch, setup.device, teacher.timesteps, teacher.training())


def training(terms: Terms, performance: Performance) -> Call:
    """Return what trains a teacher for so many iterations."""
    return training_work(terms, terms.defaults, performance).call


def sampling(terms: Terms, performance: Performance) -> Call:
    """Return what samples so many batches by DDIM in ten steps, with a network of its own: its layout may change."""
    wide = replace(terms, batch=sampled(terms))
    return sampling_work(wide, untrained(wide), STEPS, performance).call


def sampled(terms: Terms) -> int:
    """Return how many images a batch of sampling has."""
    return SAMPLED if terms.device.startswith("cuda") else terms.batch


def contest(setup: Setup, _: Earlier, build: Build, unit: str, precision: Precision) -> Found:
    """Time all ways to execute in one precision in interleaved rounds; compilation is apart."""
    terms, reason = terms_of(setup), fault(setup.device.partition(":")[0])
    calls: dict[str, Call] = {}
    compile_seconds: dict[str, float] = {}
    for compiles, channels_last in product((False, True), (False, True)):
        if compiles and reason is not None:
            continue
        name = f"{'compiled' if compiles else 'eager'}{', channels_last' if channels_last else ''}"
        calls[name] = build(terms, Performance(precision=precision, compile=compiles, channels_last=channels_last))
        compile_seconds[name] = first_calls(calls[name], setup.device)
    calls[AGAIN] = calls[EAGER]
    wanted = SMALL_UNIT_SECONDS if setup.small else UNIT_SECONDS
    count = max(1, round(wanted / synchronised_seconds(lambda: calls[EAGER](1), setup.device)))
    timed = {name: partial(seconds_of, call, count, setup.device) for name, call in calls.items()}
    before = compiled.count
    samples = interleaved(timed, SMALL_SECONDS if setup.small else SECONDS)
    graphs = compiled.count - before
    floor = noise_floor(paired_ratio(samples[AGAIN], samples[EAGER]))
    per_call = count if unit == "it/s" else count * sampled(terms)
    rows: dict[str, Any] = {}
    for name, seconds in samples.items():
        ratio = paired_ratio(samples[EAGER], seconds)
        rows[name] = {
            "rate": per_call / median(seconds),
            "faster_by": ratio.value,
            "low": ratio.low,
            "high": ratio.high,
        }
        rows[name] |= {"compile_seconds": compile_seconds.get(name), "seconds": seconds}
    said = "; ".join(f"{name} {row['rate']:.4g} {unit} ({row['faster_by']:.2f})" for name, row in rows.items())
    said += "" if reason is None else f"; nothing can be compiled here: {reason}"
    values = {"unit": unit, "noise_floor": floor, "graphs_while_timed": graphs, "rows": rows}
    return Found(graphs == 0, said, values)


def first_calls(call: Call, device: str) -> float:
    """Call until nothing is compiled any more; return the seconds that compiling took."""
    before, count = compiled.seconds, -1
    while count != compiled.count:
        count = compiled.count
        synchronised_seconds(lambda: call(1), device)
    return compiled.seconds - before


def seconds_of(call: Call, count: int, device: str) -> float:
    """Return the seconds of so many units of work."""
    return synchronised_seconds(lambda: call(count), device)


BUILDS: dict[str, tuple[Build, str]] = {"training": (training, "it/s"), "sampling": (sampling, "images/s")}
PARTS: dict[str, Part] = {
    f"{name}, {precision}": partial(contest, build=build, unit=unit, precision=precision)
    for precision, (name, (build, unit)) in product(get_args(Precision), BUILDS.items())
}
PIECE = Piece("Rates and their ratios to eager, contiguous; no graph is compiled while they are timed.", PARTS)
