"""processes: two processes on one GPU, their gradients exchanged by gloo, train as one does."""

import multiprocessing
from multiprocessing.connection import Connection
from pathlib import Path

import torch
import torch.distributed as dist

from bench.gpu.parity import difference
from bench.gpu.piece import Earlier, Found, Piece, Setup
from bench.stages.training import placed
from sfddm.ddpm import ddpm_loss
from sfddm.distributed import World
from sfddm.performance import Performance
from sfddm.training import Training, TrainSettings, train

TOLERANCE = 1e-4  # as for parity
SIZE, ITERATIONS = 2, 100
SETTINGS = TrainSettings.model_validate(
    {"iterations": ITERATIONS, "batch": 31, "learning_rate": 1e-3, "ema": 0.99, "clip_gradient": 1.0, "flip": True}
)
Losses = list[float]


def two(setup: Setup, _: Earlier) -> Found:
    """Compare the mean losses of a training by two processes with those by one."""
    theirs = trained(setup, World())
    meeting = setup.folder / "meeting"
    meeting.unlink(missing_ok=True)
    context = multiprocessing.get_context("spawn")
    mine, its = context.Pipe(duplex=False)
    processes = [context.Process(target=one_of, args=(setup, meeting, rank, its)) for rank in range(SIZE)]
    for process in processes:
        process.start()
    its.close()
    ours: Losses = mine.recv()  # EOFError if they failed
    for process in processes:
        process.join()
    off = difference(torch.tensor(ours), torch.tensor(theirs))
    codes = [process.exitcode for process in processes]
    said = f"losses off by {off:.1e} after {ITERATIONS} iterations, exit codes {codes}"
    return Found(off <= TOLERANCE and not any(codes), said, {"off": off, "losses": ours})


def one_of(setup: Setup, meeting: Path, rank: int, answer: Connection) -> None:
    """Train as one of the processes; the first one answers with the losses."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{meeting.absolute()}", rank=rank, world_size=SIZE)
    losses = trained(setup, World(rank, SIZE))
    if rank == 0:
        answer.send(losses)
    dist.barrier()
    # The group ends with its process: on a busy machine taking it apart has aborted one (SIGABRT) after its work.


def trained(setup: Setup, world: World) -> Losses:
    """Return the mean losses of training a digits teacher."""
    spec = setup.digits().teacher_spec()
    denoiser = spec.denoiser(spec.fresh_network(0)).to(setup.device)
    training = Training(denoiser.network, SETTINGS, 0, Performance(compile=False), world)
    generator = torch.Generator().manual_seed(1)
    pixels = placed(torch.randint(0, 256, (256, 1, 8, 8), dtype=torch.uint8, generator=generator), setup.device)
    losses: Losses = []
    train(training, ddpm_loss(denoiser), pixels, setup.device, lambda _, value: losses.append(value))
    return losses


PIECE = Piece(
    f"The mean losses of two processes differ from those of one by at most {TOLERANCE:g}; their weights are equal.",
    {"two on one device": two},
)
