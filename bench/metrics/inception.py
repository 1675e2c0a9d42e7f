"""Inception-2015 features, from images in memory, through the weights that clean-fid uses.

`clean` resizes as clean-fid does (bicubic with antialiasing on unquantised float channels, clipped to 0..255);
`legacy_tensorflow` leaves resizing to the network, as the original TTUR code did. One pass gives the 2048
features of FID and the probabilities of IS, whose logits have no bias, as in the original Inception-score code.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from platformdirs import user_cache_path
from torch import Tensor

from bench.config.settings import Resize
from bench.metrics.features import exact_float32
from bench.store.files import file_sha256
from sfddm.errors import InputError

WEIGHTS = "inception-2015-12-05.pt"
# Of the file that clean-fid downloads, as k-diffusion and others publish it. Only its features give an FID.
WEIGHTS_SHA256 = "f58cb9b6ec323ed63459aa4fb441fe750cfe39fafad6da5cb504a16f19e958f4"
FEATURES = 2048
SIDE = 299


def cache_folder() -> Path:
    """Return the folder where downloaded weights are kept."""
    return user_cache_path("sfddm-bench", appauthor=False)


def find_weights(option: Path | None) -> Path | None:
    """Return the weight file: the one given, else the cache's; None if there is none. Raises InputError."""
    if option is not None:
        if not option.is_file():
            raise InputError(f"--inception-weights: '{option}' given, but there is no such file")
        return option
    path = cache_folder() / WEIGHTS
    return path if path.is_file() else None


def download() -> Path:
    """Download the weights to the cache, checked by their hash. Raises InputError saying where to put them."""
    from cleanfid.downloads_helper import inception_url

    path = cache_folder() / WEIGHTS
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(inception_url, str(path), hash_prefix=WEIGHTS_SHA256, progress=False)
    except (OSError, RuntimeError) as error:  # urllib's errors are OSErrors; another file's hash is a RuntimeError
        raise InputError(
            f"--inception-weights: the Inception weights are not at '{path}' and could not be downloaded ({error}); "
            f"put clean-fid's {WEIGHTS} there, or name it with --inception-weights"
        ) from None
    return path


def load_network(path: Path) -> Any:
    """Return the scripted network of a weight file. Raises InputError."""
    try:
        network = torch.jit.load(str(path), map_location="cpu").eval()
    except (RuntimeError, OSError, ValueError) as error:
        raise InputError(
            f"--inception-weights: '{path}' is no TorchScript file ({' '.join(str(error).split())[:80]})"
        ) from None
    if not hasattr(network, "layers") or output_weight(network) is None:
        raise InputError(f"--inception-weights: '{path}' is not the Inception-2015 network that clean-fid uses")
    return network


def output_weight(network: Any) -> Tensor | None:
    """Return the last linear layer's weight (classes, 2048), found by its shape."""
    found = [value for value in network.state_dict().values() if value.ndim == 2 and value.shape[1] == FEATURES]
    return found[-1] if found else None


def resized(pixels: Tensor) -> Tensor:
    """Return uint8 images (N,3,H,W) as clean-fid resizes them: float32 (N,3,299,299) in 0..255, not quantised."""
    x = pixels.float()
    return F.interpolate(x, size=(SIDE, SIDE), mode="bicubic", antialias=True, align_corners=False).clamp(0, 255)


def network_name(weights_sha256: str) -> str:
    """Return a network's name. Weights other than the published are named by their hash: their distance is no FID."""
    return "inception-2015" if weights_sha256 == WEIGHTS_SHA256 else f"weights {weights_sha256[:8]}"


@dataclass(frozen=True)
class InceptionFeatures:
    """The Inception network as a feature extractor: uint8 (N,C,H,W) -> features (N,2048) and probabilities (N,1008)."""

    network: Any
    weights_sha256: str
    resize: Resize

    @property
    def network_name(self) -> str:
        """The network, whatever is resized."""
        return network_name(self.weights_sha256)

    @property
    def name(self) -> str:
        """The feature space: the network with its resize."""
        return f"{self.network_name} {self.resize}"

    @torch.inference_mode()
    def __call__(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        weight = output_weight(self.network)
        assert weight is not None
        x = pixels.to(weight.device)
        x = x.expand(-1, 3, -1, -1) if x.shape[1] == 1 else x
        with exact_float32():
            if self.resize == "clean":
                features = self.network.layers((resized(x) - 128) / 128).reshape(len(x), FEATURES)
            else:
                features = self.network(x.float(), return_features=True).reshape(len(x), FEATURES)
            probabilities = (features @ weight.T).softmax(1)
        return features.cpu(), probabilities.cpu()


def inception_features(path: Path, resize: Resize, device: str) -> InceptionFeatures:
    """Return the feature extractor of a weight file on a device."""
    return InceptionFeatures(load_network(path).to(device), file_sha256(path), resize)
