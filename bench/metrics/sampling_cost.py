"""What sampling costs in time and memory: one call, a cell's own images. No torch; measured in bench/stages/cost.py."""

from typing import Annotated

from bench.config.numbers import AtLeastOne, Count, NonNegative, PositiveCount, Share
from bench.metrics.shown import Section, Shown

MIB = 2**20
QUIET_RATIO, QUIET_SHARE = 1.1, 0.1
LEAST_OF_OWN_RATE = 0.8


class Latency(Section):
    """Seconds of one image, over calls."""

    median: Annotated[
        NonNegative,
        Shown("seconds per image, batch 1", "s, median", "lower", kind="cost", brief="s/image", doubt="is_noise"),
    ]
    q25: NonNegative
    q75: NonNegative
    p95: NonNegative | None = None
    repeats: PositiveCount
    warm_up_calls: Count | None = None


class Throughput(Section):
    """The best rate over batch sizes, and its batch; stopped: why no larger one was tried, None in older records.

    lower_bound: whether a larger batch might give more; None in older records, which did not look far enough to know.
    """

    images_per_second: Annotated[
        NonNegative,
        Shown("throughput at the best batch", "images/s", "higher", kind="cost", bound="lower_bound", doubt="is_noise"),
    ]
    batch: PositiveCount
    stopped: str | None = None
    lower_bound: bool | None = None


class Noise(Section):
    """How quiet the machine was: A/A ratios, at least 1, of one half of the same calls to the other.

    others: the part of all cores' time that other processes took meanwhile, None if the system does not say.
    """

    latency: AtLeastOne
    throughput: AtLeastOne
    others: Share | None = None


class SamplingCost(Section):
    """wall_seconds, images_per_second: of the cell's own images, from latents to uint8; all else is measured apart.

    Measured once for all cells of a network, a sampler and a step count. compile_seconds: of the first call beyond a
    steady one. overhead_seconds: of a call of one image that are not the network's. gpu_peak_bytes: allocated;
    gpu_reserved_bytes: by PyTorch; gpu_device_bytes: all that the device has less. rss_added_bytes: what the process's
    resident memory has more than before; rss_peak_bytes: all of it, Python and torch included.
    """

    latency: Latency | None = None
    throughput: Throughput | None = None
    wall_seconds: NonNegative | None = None
    images_per_second: Annotated[
        NonNegative | None,
        Shown("sampling rate of the cell's own images", "images/s", "higher", kind="cost", brief="images/s"),
    ] = None
    first_call_seconds: NonNegative | None = None
    compile_seconds: NonNegative | None = None
    seconds_per_nfe: NonNegative | None = None
    overhead_seconds: NonNegative | None = None
    noise: Noise | None = None
    gpu_peak_bytes: Annotated[
        Count | None, Shown("peak GPU memory of sampling, allocated", "MiB", "lower", 0, kind="cost", factor=1 / MIB)
    ] = None
    gpu_reserved_bytes: Count | None = None
    gpu_device_bytes: Count | None = None
    rss_peak_bytes: Count | None = None
    rss_added_bytes: Annotated[
        Count | None, Shown("resident memory that sampling adds", "MiB", "lower", kind="cost", factor=1 / MIB)
    ] = None
    weights_bytes: Count | None = None

    @property
    def is_noise(self) -> bool:
        """Whether what was measured apart cannot be trusted: the machine was not quiet, or the cell itself was faster.

        The same calls differed by more than 10 %, other processes took more than 10 % of the machine, or the cell's own
        images came at a rate that the best throughput is less than 80 % of.
        """
        own, best, noise = self.images_per_second, self.throughput, self.noise
        if own is not None and best is not None and best.images_per_second < LEAST_OF_OWN_RATE * own:
            return True
        return noise is not None and (
            max(noise.latency, noise.throughput) > QUIET_RATIO or (noise.others or 0) > QUIET_SHARE
        )
