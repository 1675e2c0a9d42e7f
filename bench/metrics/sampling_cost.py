"""What sampling costs in time and memory: one call, a cell's own images. No torch; measured in bench/stages/cost.py."""

from typing import Annotated

from bench.config.numbers import Count, NonNegative, PositiveCount
from bench.metrics.shown import Section, Shown

MIB = 2**20


class Latency(Section):
    """Seconds of one image, over calls."""

    median: Annotated[
        NonNegative, Shown("seconds per image, batch 1", "s, median", "lower", kind="cost", brief="s/image")
    ]
    q25: NonNegative
    q75: NonNegative
    p95: NonNegative
    repeats: PositiveCount
    warm_up_calls: Count | None = None


class Throughput(Section):
    """The best rate over batch sizes, and its batch."""

    images_per_second: Annotated[NonNegative, Shown("throughput at the best batch", "images/s", "higher", kind="cost")]
    batch: PositiveCount


class SamplingCost(Section):
    """wall_seconds, images_per_second: of the cell's own images, from latents to uint8; all else is measured apart.

    compile_seconds: of the first call beyond a steady one. gpu_peak_bytes: allocated; gpu_reserved_bytes: by PyTorch;
    gpu_device_bytes: all that the device has less. rss_peak_bytes: the process's resident memory.
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
    gpu_peak_bytes: Annotated[
        Count | None, Shown("peak GPU memory of sampling, allocated", "MiB", "lower", 0, kind="cost", factor=1 / MIB)
    ] = None
    gpu_reserved_bytes: Count | None = None
    gpu_device_bytes: Count | None = None
    rss_peak_bytes: Annotated[
        Count | None, Shown("peak resident memory of sampling", "MiB", "lower", 0, kind="cost", factor=1 / MIB)
    ] = None
    weights_bytes: Count | None = None
