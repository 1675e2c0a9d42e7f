"""Which file an extractor takes: the one that is named, the cache's, or one that is downloaded; never another."""

from dataclasses import replace
from pathlib import Path

import pytest
from helpers.small_transformers import clip_tensors, dinov2_tensors, write

from bench.commands.completion import space_lists
from bench.metrics import extractors, network_files
from bench.metrics.extractors import WeightFiles, extractor_weights, weight_files
from bench.metrics.network_files import FROM_FILES
from bench.metrics.spaces import FileSpace
from bench.store.files import file_sha256
from sfddm.errors import InputError


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "sfddm-bench"


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return write(tmp_path / "small.pt", clip_tensors())


def test_the_published_files_are_those_of_their_authors() -> None:
    assert list(FROM_FILES) == ["dinov2", "dinov2-vitb14", "clip"]
    assert [one.weights for one in FROM_FILES.values()] == [
        "dinov2_vitl14_pretrain.pth",
        "dinov2_vitb14_pretrain.pth",
        "ViT-L-14-336px.pt",
    ]
    for one in FROM_FILES.values():
        assert one.url is not None
        assert one.url.endswith(f"/{one.weights}")
    assert set(FROM_FILES) <= set(space_lists(""))  # what a shell completes


def test_a_file_that_is_named_is_taken_and_says_so_in_name_and_identity(small: Path, cache: Path) -> None:
    assert extractor_weights(network_files.VIT_L_336, small, dry_run=False) == small
    space, usual = FileSpace(network_files.VIT_L_336, None, small), FileSpace(network_files.VIT_L_336, None, None)
    sha256 = file_sha256(small)
    assert (space.name, usual.name) == (f"clip weights {sha256[:8]}", "clip")
    assert space.identity == usual.identity | {"weights": sha256}
    assert usual.identity == {
        "extractor": "clip",
        "weights": network_files.CLIP_SHA256,
        "resize": network_files.CLIP_RESIZE,
    }


def test_what_is_in_the_cache_is_taken_if_it_is_the_file_and_refused_if_it_is_another(small: Path, cache: Path) -> None:
    cache.mkdir()
    own = replace(network_files.VIT_L_336, sha256=file_sha256(small))
    (cache / own.weights).write_bytes(small.read_bytes())
    assert extractor_weights(own, None, dry_run=False) == cache / own.weights
    (cache / own.weights).write_bytes(b"another")
    with pytest.raises(InputError, match="is not its weight file"):
        extractor_weights(own, None, dry_run=False)


def test_it_is_downloaded_if_it_is_not_here_but_by_no_dry_run_and_no_other_file_stays(small: Path, cache: Path) -> None:
    own = replace(network_files.VIT_L_336, sha256=file_sha256(small), url=small.as_uri())
    assert extractor_weights(own, None, dry_run=True) is None
    assert not cache.exists()
    assert extractor_weights(own, None, dry_run=False) == cache / own.weights
    (cache / own.weights).unlink()
    with pytest.raises(InputError, match=r"could not be downloaded .*; put them at '.*ViT-L-14-336px.pt', or name"):
        extractor_weights(replace(own, sha256="0" * 64), None, dry_run=False)
    assert not list(cache.iterdir())


def test_another_extractors_file_is_refused_by_its_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "b.pth", dinov2_tensors())
    known = {one.name: one for one in (network_files.VIT_L, replace(network_files.VIT_B, sha256=file_sha256(path)))}
    monkeypatch.setattr(extractors, "extractors", lambda: known)
    with pytest.raises(InputError, match="given for dinov2, but it is dinov2-vitb14's file"):
        extractor_weights(network_files.VIT_L, path, dry_run=False)


def test_files_are_named_for_a_space_or_for_the_only_one_there_is(small: Path) -> None:
    alone = weight_files(None, [str(small)], ["inception", "clip"])
    assert alone.of("clip") == small
    both = weight_files(None, [f"clip={small}", f"dinov2={small}"], ["clip", "dinov2"])
    assert both == WeightFiles(None, {"clip": small, "dinov2": small})
    assert both.of("dinov2-vitb14") is None
    with pytest.raises(InputError, match="a file for each is possible: clip="):
        weight_files(None, [f"dinov2={small}"], ["clip"])
    with pytest.raises(InputError, match="a file for each is possible"):
        weight_files(None, [f"clip={small}", f"clip={small}"], ["clip"])
    with pytest.raises(InputError, match="a file for each is possible: clip="):  # neither is silently left out
        weight_files(None, [str(small), f"clip={small}"], ["inception", "clip"])
