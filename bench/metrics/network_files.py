"""The weight files that others published: their names, hashes and addresses, and where they are kept. No torch."""

from pathlib import Path

from platformdirs import user_cache_path

from bench.metrics.cmmd import CLIP
from bench.metrics.declared import Extract, Extractor
from sfddm.errors import InputError

WEIGHTS = "inception-2015-12-05.pt"
# Of the file that clean-fid downloads, as k-diffusion and others publish it. Only its features give an FID.
WEIGHTS_SHA256 = "f58cb9b6ec323ed63459aa4fb441fe750cfe39fafad6da5cb504a16f19e958f4"

DINOV2_SIDE = 224
DINOV2_RESIZE = f"Pillow bicubic, 8 bits, {DINOV2_SIDE}x{DINOV2_SIDE}"
DINOV2_SOURCE = "https://dl.fbaipublicfiles.com/dinov2"

CLIP_RESIZE = "Pillow bicubic, 8 bits, to the network's side"  # of the published one 336 pixels
CLIP_SHA256 = "3035c92b350959924f9f00213499208652fc7ea050643e8b385c2dac08641f02"
CLIP_URL = f"https://openaipublic.azureedge.net/clip/models/{CLIP_SHA256}/ViT-L-14-336px.pt"


def cache_folder() -> Path:
    """Return the folder where downloaded weights are kept."""
    return user_cache_path("sfddm-bench", appauthor=False)


def find_weights(option: Path | None) -> Path | None:
    """Return Inception's weight file: the one given, else the cache's; None if there is none. Raises InputError."""
    if option is not None:
        if not option.is_file():
            raise InputError(f"--inception-weights: '{option}' given, but there is no such file")
        return option
    path = cache_folder() / WEIGHTS
    return path if path.is_file() else None


def _load_dinov2(path: Path, device: str) -> Extract:
    from bench.metrics.dinov2 import load

    return load(path, device)


def _load_clip(path: Path, device: str) -> Extract:
    from bench.metrics.clip import load

    return load(path, device)


def _dinov2(name: str, size: str, width: int, sha256: str) -> Extractor:
    network, file = f"dinov2_{size}", f"dinov2_{size}_pretrain.pth"
    return Extractor(name, file, sha256, DINOV2_RESIZE, _load_dinov2, f"{DINOV2_SOURCE}/{network}/{file}", width)


VIT_L = _dinov2("dinov2", "vitl14", 1024, "d5383ea8f4877b2472eb973e0fd72d557c7da5d3611bd527ceeb1d7162cbf428")
VIT_B = _dinov2("dinov2-vitb14", "vitb14", 768, "0b8b82f85de91b424aded121c7e1dcc2b7bc6d0adeea651bf73a13307fad8c73")
VIT_L_336 = Extractor(CLIP, "ViT-L-14-336px.pt", CLIP_SHA256, CLIP_RESIZE, _load_clip, CLIP_URL, width=768)
FROM_FILES = {one.name: one for one in (VIT_L, VIT_B, VIT_L_336)}
