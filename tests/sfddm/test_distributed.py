"""Two processes on gloo, started by torchrun, compared with one."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.two_processes import BATCH, IMAGES, SETTINGS, sampled, trained

from sfddm.distributed import World
from sfddm.errors import InputError
from sfddm.performance import Performance

TRAJECTORY = 1e-5  # of the loss, over 60 iterations in float32
SCRIPT = Path(__file__).parents[1] / "helpers" / "two_processes.py"
SUITE = SCRIPT.parents[2]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What two processes made."""
    path = tmp_path_factory.mktemp("pair") / "result.pt"
    subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", SCRIPT, path],
        check=True,
        timeout=300,
        env=os.environ | {"PYTHONPATH": str(SUITE), "OMP_NUM_THREADS": "1"},
    )
    return torch.load(path, weights_only=True)


@pytest.mark.slow
def test_two_processes_train_along_the_losses_of_one_at_the_same_batch(pair: dict[str, Any]) -> None:
    losses = trained(World(), Performance())[1]
    assert pair["size"] == 2
    assert len(losses) == 2
    assert losses[0] != losses[1]
    torch.testing.assert_close(pair["losses"], losses, rtol=TRAJECTORY, atol=0)


@pytest.mark.slow
def test_two_processes_sample_the_images_of_one_bit_for_bit(pair: dict[str, Any]) -> None:
    alone = sampled(World())
    assert alone is not None
    assert alone.shape == (IMAGES, 1, 4, 4)
    assert torch.equal(pair["images"], alone)


@pytest.mark.slow
def test_weights_that_differ_in_one_bit_are_found_by_both(pair: dict[str, Any]) -> None:
    assert pair["refusals"] == ["the weights differ between the 2 processes, first in stem.weight"] * 2


@pytest.mark.slow
def test_channels_last_over_two_processes_warns_of_nothing(pair: dict[str, Any]) -> None:
    assert pair["warned"] == []


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_shares_and_batches_of_all_processes_make_up_the_whole(size: int) -> None:
    worlds = [World(rank, size) for rank in range(size)]
    assert [image for world in worlds for image in world.share(SETTINGS.batch)] == list(range(SETTINGS.batch))
    pieces = range(0, IMAGES, BATCH)
    assert sorted(piece for world in worlds for piece in world.shard(pieces)) == list(pieces)


def test_a_batch_smaller_than_the_world_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(World, "parallel", lambda _, network: network)
    with pytest.raises(InputError, match="batch: 7 given, at least one image for each of the 8 processes"):
        trained(World(0, 8), Performance())
