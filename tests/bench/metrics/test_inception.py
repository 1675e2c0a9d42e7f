"""Inception features against clean-fid's folder pipeline, on a scripted stand-in; where the weights are looked for."""

from collections.abc import Iterator
from pathlib import Path

import cleanfid.downloads_helper
import numpy as np
import pytest
import torch
from cleanfid import fid
from cleanfid.inception_torchscript import InceptionV3W
from helpers.stand_in_inception import write_stand_in
from PIL import Image

from bench.config.sections import Resize
from bench.metrics import inception
from bench.metrics.features import extract
from bench.metrics.inception import download, inception_features
from bench.metrics.network_files import WEIGHTS, WEIGHTS_SHA256, find_weights
from bench.store.files import file_sha256
from sfddm.errors import InputError
from sfddm.performance import set_products

FOLDER_PIPELINE = 1e-3  # relative; clean-fid resizes through PIL, one channel at a time
BATCH = 1e-5  # relative; the order of float32 sums


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_stand_in(tmp_path_factory.mktemp("weights") / WEIGHTS)


def pixels(n: int, side: int, channels: int = 3) -> torch.Tensor:
    return torch.randint(256, (n, channels, side, side), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


@pytest.mark.parametrize("side", [32, 64])
@pytest.mark.parametrize("resize", ["clean", "legacy_tensorflow"])
def test_images_in_memory_have_the_features_of_clean_fids_folder_of_pngs(
    side: int, resize: Resize, weights: Path, tmp_path: Path
) -> None:
    images = pixels(12, side)
    for k, image in enumerate(images):
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(tmp_path / f"{k:03}.png")
    network = InceptionV3W(str(weights.parent), download=False, resize_inside=resize == "legacy_tensorflow")
    theirs = fid.get_folder_features(
        str(tmp_path), network, num_workers=0, batch_size=5, device=torch.device("cpu"), mode=resize, verbose=False
    )
    ours, _ = extract(inception_features(weights, resize, "cpu"), images, batch=7)
    assert ours.dtype == torch.float32
    assert np.abs(ours.numpy() - theirs).max() < FOLDER_PIPELINE * np.abs(theirs).max()
    other, _ = extract(
        inception_features(weights, "legacy_tensorflow" if resize == "clean" else "clean", "cpu"), images, 7
    )
    assert np.abs(other.numpy() - theirs).max() > FOLDER_PIPELINE * np.abs(theirs).max()


def test_probabilities_are_of_the_same_features_without_the_bias(weights: Path) -> None:
    features, probabilities = inception_features(weights, "clean", "cpu")(pixels(3, 32))
    state = torch.jit.load(str(weights)).state_dict()
    assert state["output.bias"].abs().max() > 0
    torch.testing.assert_close(probabilities, (features @ state["output.weight"].T).softmax(1))
    torch.testing.assert_close(probabilities.sum(1), torch.ones(3))


@pytest.mark.parametrize("resize", ["clean", "legacy_tensorflow"])
def test_a_batch_of_one_equals_a_batch_of_64(resize: Resize, weights: Path) -> None:
    network, images = inception_features(weights, resize, "cpu"), pixels(64, 16)
    one, whole = extract(network, images, 1)[0], extract(network, images, 64)[0]
    assert (one - whole).abs().max() <= BATCH * whole.abs().max()


def test_grey_images_are_repeated_over_three_channels(weights: Path) -> None:
    network, grey = inception_features(weights, "clean", "cpu"), pixels(2, 8, channels=1)
    torch.testing.assert_close(network(grey)[0], network(grey.repeat(1, 3, 1, 1))[0])


@pytest.fixture
def _tf32() -> Iterator[None]:
    """The switches of TF32 may be set in a test."""
    cudnn, products = torch.backends.cudnn.allow_tf32, torch.get_float32_matmul_precision()
    yield
    torch.backends.cudnn.allow_tf32 = cudnn
    torch.set_float32_matmul_precision(products)


@pytest.mark.usefixtures("_tf32")
@pytest.mark.parametrize("before", [True, False])
def test_tf32_is_off_while_the_network_runs_and_as_it_was_afterwards(before: bool) -> None:
    class Probe:
        def layers(self, x: torch.Tensor) -> torch.Tensor:
            self.seen = torch.backends.cudnn.allow_tf32, torch.get_float32_matmul_precision(), x.dtype
            return torch.zeros(len(x), 2048)

        def state_dict(self) -> dict[str, torch.Tensor]:
            return {"output.weight": torch.zeros(5, 2048)}

    set_products("tf32" if before else "fp32")
    probe = Probe()
    inception.InceptionFeatures(probe, "0" * 64, "clean")(pixels(1, 8))
    assert probe.seen == (False, "highest", torch.float32)
    precision = "high" if before else "highest"
    assert (torch.backends.cudnn.allow_tf32, torch.get_float32_matmul_precision()) == (before, precision)


def test_only_the_published_weights_are_called_inception(weights: Path) -> None:
    stand_in = inception_features(weights, "clean", "cpu")
    assert stand_in.name == f"weights {file_sha256(weights)[:8]} clean"
    published = inception.InceptionFeatures(None, WEIGHTS_SHA256, "legacy_tensorflow")
    assert published.name == "inception-2015 legacy_tensorflow"


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "sfddm-bench"


def test_the_option_comes_before_the_cache_and_the_cache_before_a_download(weights: Path, cache: Path) -> None:
    assert find_weights(None) is None
    cache.mkdir()
    (cache / WEIGHTS).write_bytes(b"cached")
    assert find_weights(None) == cache / WEIGHTS
    assert find_weights(weights) == weights
    with pytest.raises(InputError, match="but there is no such file"):
        find_weights(cache / "none.pt")


def test_a_download_is_checked_and_renamed(monkeypatch: pytest.MonkeyPatch, weights: Path, cache: Path) -> None:
    monkeypatch.setattr(cleanfid.downloads_helper, "inception_url", weights.as_uri())
    monkeypatch.setattr(inception, "WEIGHTS_SHA256", file_sha256(weights))
    assert download() == cache / WEIGHTS
    assert [path.name for path in cache.iterdir()] == [WEIGHTS]
    assert (cache / WEIGHTS).read_bytes() == weights.read_bytes()


@pytest.mark.parametrize("there", [True, False])
def test_a_download_that_fails_leaves_nothing_and_says_where_to_put_the_file(
    there: bool, monkeypatch: pytest.MonkeyPatch, weights: Path, cache: Path
) -> None:
    """Another file than the published one, and no file at all."""
    source = weights if there else weights.with_name("none")
    monkeypatch.setattr(cleanfid.downloads_helper, "inception_url", source.as_uri())
    with pytest.raises(InputError) as error:
        download()
    assert "\n" not in str(error.value)
    for part in (
        "--inception-weights",
        str(cache / WEIGHTS),
        "could not be downloaded",
        f"put clean-fid's {WEIGHTS} there",
    ):
        assert part in str(error.value)
    assert not list(cache.iterdir())


def test_another_file_is_refused_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "text.pt").write_text("no network")
    with pytest.raises(InputError, match="is no TorchScript file"):
        inception_features(tmp_path / "text.pt", "clean", "cpu")
    torch.jit.script(torch.nn.Linear(3, 3)).save(str(tmp_path / "linear.pt"))
    with pytest.raises(InputError, match="is not the Inception-2015 network"):
        inception_features(tmp_path / "linear.pt", "clean", "cpu")
