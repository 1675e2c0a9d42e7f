"""memory: what the cost stage says of memory is what torch says, and what was taken."""

from functools import partial

import torch
from torch import nn

from bench.config.settings import Config
from bench.gpu.piece import NOT_ON_CPU, Earlier, Found, Part, Piece, Setup
from bench.stages.cost import memory_pass, sampling_of
from bench.store.timing import synchronise

MIB = 2**20
KNOWN = 256 * MIB  # a tensor of this size is taken
NEAR = 0.02  # relative
STEPS, IMAGES = 4, 16


def known_tensor(setup: Setup, _: Earlier) -> Found:
    """Take a tensor of known size in a call, and compare what the pass says."""

    def call() -> torch.Tensor:
        return torch.ones(KNOWN // 4, device=setup.device)

    held = torch.cuda.memory_allocated(setup.device) if setup.cuda else 0
    said = memory_pass(call, nn.Linear(1, 1).to(setup.device), setup.device)
    key = "gpu_peak_bytes" if setup.cuda else "rss_added_bytes"
    peak = said[key]
    if peak is None:
        return Found(None, f"{key} is not known on this system", dict(said))
    holds = abs(peak - held - KNOWN) <= NEAR * KNOWN
    return Found(holds, f"{key}: {(peak - held) / MIB:.1f} MiB for a tensor of {KNOWN // MIB} MiB", dict(said))


def sampling(setup: Setup, _: Earlier, name: str) -> Found:
    """Compare the pass on a method's sampling with torch's own statistics of the same call."""
    config: Config = setup.cifar10()
    found = sampling_of(config, config.method(name), STEPS)
    denoiser = found.spec.denoiser(found.spec.fresh_network(0).eval()).to(setup.device)
    shape = (config.network.channels, config.resolution, config.resolution)
    with config.performance.sampling(denoiser) as fast:
        prepare = found.calls(fast, shape, setup.device).full
        prepare(IMAGES)()  # compiled, and the libraries' own memory taken
        said = memory_pass(prepare(IMAGES), fast.network, setup.device)
        if not setup.cuda:
            added = said["rss_added_bytes"]
            about = "unknown" if added is None else f"{added / MIB:.1f} MiB"
            return Found(None, f"GPU memory {NOT_ON_CPU}; sampling adds {about} of the process's", dict(said))
        call = prepare(IMAGES)
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(setup.device)
        call()
        synchronise(setup.device)
        stats = torch.cuda.memory_stats(setup.device)
    own = stats["allocated_bytes.all.peak"]
    peak, reserved, device = (said[f"gpu_{key}_bytes"] or 0 for key in ("peak", "reserved", "device"))
    holds = abs(peak - own) <= NEAR * own and (said["weights_bytes"] or 0) < peak <= reserved <= device
    line = f"peak {peak / MIB:.0f} MiB, torch's own {own / MIB:.0f}; reserved {reserved / MIB:.0f}"
    line += f", device {device / MIB:.0f}"
    return Found(holds, line, dict(said) | {"torch_peak_bytes": own})


PARTS: dict[str, Part] = {
    "a known tensor": known_tensor,
    **{name: partial(sampling, name=name) for name in ("ddim", "ddpm")},
}
PIECE = Piece(f"Peaks are torch's own to {NEAR:.0%}; weights < peak <= reserved <= device.", PARTS)
