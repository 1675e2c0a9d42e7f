"""Inception-2015 features, from images in memory, through the weights that clean-fid uses.

`clean` resizes as clean-fid does (bicubic with antialiasing on unquantised float channels, clipped to 0..255);
`legacy_tensorflow` leaves resizing to the network, as the original TTUR code did. One pass gives the 2048
features of FID and the probabilities of IS, whose logits have no bias, as in the original Inception-score code.

The file is TorchScript, which torch has deprecated, so its weights are read into a plain network (`inception_network`)
and kept beside it as safetensors. The original's hash is still what keys and protocol carry.
"""

import hashlib
import sys
import warnings
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import torch
import torch.nn.functional as F  # noqa: N812
from safetensors.torch import save
from torch import Tensor

from bench.config.sections import Resize
from bench.metrics.features import exact_float32
from bench.metrics.inception_network import FEATURES, SIDE, InceptionNetwork, network_of
from bench.metrics.network_files import WEIGHTS, WEIGHTS_SHA256, cache_folder
from bench.metrics.torchscript_archive import read_tensors
from bench.store.files import file_sha256, write_bytes
from sfddm.errors import InputError
from sfddm.weights import read_safetensors
from sfddm.words import on_one_line

SIDES = (32, 64, 299)  # of CIFAR-10 and CelebA, and of the network itself
COMPARED = 2  # images of each side
EQUAL = 1e-4  # relative; by how much float32 sums in another order may move a feature


def download() -> Path:
    """Download the weights to the cache, checked by their hash. Raises InputError saying where to put them."""
    from cleanfid.downloads_helper import inception_url

    path = cache_folder() / WEIGHTS
    try:
        return fetched(inception_url, WEIGHTS, WEIGHTS_SHA256)
    except (OSError, RuntimeError) as error:  # urllib's errors are OSErrors; another file's hash is a RuntimeError
        raise InputError(
            f"--inception-weights: the Inception weights are not at '{path}' and could not be downloaded ({error}); "
            f"put clean-fid's {WEIGHTS} there, or name it with --inception-weights"
        ) from None


def fetched(url: str, name: str, sha256: str) -> Path:
    """Download a weight file to the cache; return its path. Raises OSError, or RuntimeError if its hash is another."""
    path = cache_folder() / name
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.hub.download_url_to_file(url, str(path), hash_prefix=sha256, progress=False)
    return path


def load_network(path: Path, sha256: str) -> Any:
    """Return the network of a weight file whose hash is known, on the CPU in evaluation mode. Raises InputError.

    It is the plain module with the file's weights, converted on first use. A file with another architecture runs as
    the TorchScript it is, and a line on stderr says so.
    """
    if there := read_converted(sha256):
        return there
    try:
        network = network_of(read_tensors(path))
    except OSError as error:
        raise InputError(f"--inception-weights: '{path}' cannot be read ({error.strerror})") from None
    except ValueError as error:
        return _as_torchscript(path, str(error))
    own = _own_code(path, sha256)
    if own is not None and (difference := max(differences(network, own, SIDES[:1]).values())) > EQUAL:
        return _as_torchscript(path, f"the plain network's features differ by {difference:.1e}")
    with suppress(OSError):  # a cache that cannot be written: it is converted again next time
        write_converted(network, sha256)
    return network


def _own_code(path: Path, sha256: str) -> Any:
    """Return the file's own network to compare with; None for the published file if torch has no TorchScript left."""
    if sha256 == WEIGHTS_SHA256 and not hasattr(torch.jit, "load"):
        return None
    return load_torchscript(path)


def _as_torchscript(path: Path, reason: str) -> Any:
    network = load_torchscript(path)
    print(f"{path} runs as TorchScript, which torch no longer keeps up: {reason}", file=sys.stderr)
    return network


def load_torchscript(path: Path) -> Any:
    """Return the scripted network of a weight file, run by its own code. Raises InputError."""
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*torch.jit.*deprecated")  # said in a line of our own
            network = torch.jit.load(str(path), map_location="cpu").eval()
    except AttributeError:
        raise InputError(
            f"--inception-weights: '{path}' given, which needs TorchScript, but torch {torch.__version__} has none; "
            f"possible: clean-fid's {WEIGHTS}"
        ) from None
    except (RuntimeError, OSError, ValueError) as error:
        raise InputError(f"--inception-weights: '{path}' is no TorchScript file ({on_one_line(error, 80)})") from None
    if not hasattr(network, "layers") or output_weight(network) is None:
        raise InputError(f"--inception-weights: '{path}' is not the Inception-2015 network that clean-fid uses")
    return network


def converted_path(sha256: str) -> Path:
    """Return where the converted weights of an original file are: in the cache folder, named by the original's hash."""
    return cache_folder() / f"inception-{sha256[:16]}.safetensors"


def write_converted(network: InceptionNetwork, sha256: str) -> None:
    """Write a network's weights, with the original's hash and their own in the metadata. Raises OSError."""
    weights = {name: value.contiguous() for name, value in network.state_dict().items()}
    path = converted_path(sha256)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, save(weights, metadata={"original_sha256": sha256, "tensors_sha256": tensors_sha256(weights)}))


def read_converted(sha256: str) -> InceptionNetwork | None:
    """Return the network of an original file's converted weights; None if they are not there or are damaged."""
    path = converted_path(sha256)
    try:
        weights, metadata = read_safetensors(path)
        whole = {"original_sha256": sha256, "tensors_sha256": tensors_sha256(weights)} == metadata
        return network_of(weights) if whole else None
    except (OSError, ValueError):
        return None


def tensors_sha256(tensors: dict[str, Tensor]) -> str:
    """Return the sha256 of names, shapes and numbers, in hexadecimal."""
    seen = hashlib.sha256()
    for name, value in sorted(tensors.items()):
        seen.update(f"{name} {tuple(value.shape)} {value.dtype}\n".encode())
        seen.update(value.contiguous().numpy().data)
    return seen.hexdigest()


def compared(path: Path, sides: Iterable[int]) -> dict[str, float]:
    """Return `differences` of the plain network with a file's weights from the file's own code. Raises InputError."""
    try:
        network = network_of(read_tensors(path))
    except (OSError, ValueError) as error:
        raise InputError(f"--inception-weights: '{path}' does not fit the plain network: {error}") from None
    return differences(network, load_torchscript(path), sides)


def differences(one: Any, other: Any, sides: Iterable[int]) -> dict[str, float]:
    """Return how far two networks' features are apart on seeded noise, for each side and resize.

    Each is the largest difference, relative to the largest feature of `other`.
    """
    found = {}
    for side in sides:
        images = torch.randint(
            256, (COMPARED, 3, side, side), generator=torch.Generator().manual_seed(side), dtype=torch.uint8
        )
        for resize in get_args(Resize):
            ours, theirs = (InceptionFeatures(network, "", resize)(images)[0] for network in (one, other))
            apart = (ours - theirs).abs().max() / theirs.abs().max().clamp_min(1e-30)
            found[f"{side}x{side} {resize}"] = float(apart.nan_to_num(torch.inf))
    return found


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
    sha256 = file_sha256(path)
    return InceptionFeatures(load_network(path, sha256).to(device), sha256, resize)
