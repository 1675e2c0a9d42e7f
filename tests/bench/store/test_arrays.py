"""Arrays larger than a limit are mapped from their file, and are the same."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.store import arrays
from bench.store.arrays import empty, gathered, read_arrays

GIVEN = {
    "features": np.random.default_rng(0).random((50, 7), np.float32),
    "probabilities": np.asfortranarray(np.random.default_rng(1).random((50, 3), np.float32)),
    "a name that is longer": np.arange(5),
}


@pytest.mark.parametrize("limit", [0, 700, 2**30])
def test_what_was_saved_is_read_mapped_or_not(limit: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "LARGEST_IN_MEMORY", limit)
    np.savez(tmp_path / "file.npz", **GIVEN)
    found = read_arrays(tmp_path / "file.npz")
    mapped = str(tmp_path / "file.npz") in Path("/proc/self/maps").read_text()
    assert mapped == any(array.nbytes + 128 > limit for array in GIVEN.values())
    assert list(found) == list(GIVEN)
    for name, array in GIVEN.items():
        np.testing.assert_array_equal(found[name].numpy(), array)
        assert found[name].numpy().dtype == array.dtype


def test_a_large_compressed_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez_compressed(tmp_path / "file.npz", **GIVEN)
    np.testing.assert_array_equal(read_arrays(tmp_path / "file.npz")["features"].numpy(), GIVEN["features"])
    monkeypatch.setattr(arrays, "LARGEST_IN_MEMORY", 0)
    with pytest.raises(ValueError, match=r"file\.npz: features\.npy is compressed"):
        read_arrays(tmp_path / "file.npz")


@pytest.mark.parametrize("limit", [0, 2**30])
def test_a_large_empty_array_is_a_file_without_a_name(
    limit: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrays, "LARGEST_IN_MEMORY", limit)
    array = empty((30, 4), tmp_path)
    assert (array.shape, array.dtype) == ((30, 4), torch.float32)
    array[:] = torch.arange(120).view(30, 4)
    assert array.sum() == 119 * 60
    assert not list(tmp_path.iterdir())
    assert (str(tmp_path) in Path("/proc/self/maps").read_text()) == (limit == 0)
    del array
    assert str(tmp_path) not in Path("/proc/self/maps").read_text()


def test_a_full_disk_is_an_error_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize
    monkeypatch.setattr(arrays, "LARGEST_IN_MEMORY", 0)
    with pytest.raises(OSError, match=r"No space left|File too large"):
        empty((free, 2), tmp_path)


def test_rows_are_gathered_a_part_at_a_time(tmp_path: Path) -> None:
    array = torch.arange(3 * 2**22, dtype=torch.float32).view(3, 2**22)  # 16 MiB a row
    rows = np.array([2, 0, 1, 2, 2, 1])
    assert torch.equal(gathered(array, rows, tmp_path), array[rows])
