"""CLIP's embeddings against timm's network with the same weights, from a state dict and from TorchScript."""

import warnings
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from helpers.small_transformers import DEPTH, PATCH, WIDTH, Scripted, clip_tensors, dinov2_tensors, write
from timm.layers import QuickGELU
from timm.models.vision_transformer import VisionTransformer, checkpoint_filter_fn
from torch import Tensor

from bench.metrics import clip
from bench.metrics.features import exact_float32
from bench.metrics.vision_transformer import resized
from sfddm.errors import InputError

PARITY = 1e-5  # float32 sums in another order
SIDE = 28
PIXELS = torch.randint(256, (3, 3, 32, 32), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def as_in_timm(tensors: dict[str, Tensor]) -> VisionTransformer:
    """Return timm's network with CLIP's tensors, renamed by timm's own code."""
    network = VisionTransformer(
        SIDE,
        PATCH,
        embed_dim=WIDTH,
        depth=DEPTH,
        num_heads=1,
        num_classes=32,
        pre_norm=True,
        act_layer=QuickGELU,
        norm_layer=torch.nn.LayerNorm,
    )
    state = checkpoint_filter_fn({name: value.clone() for name, value in tensors.items()}, network)
    network.load_state_dict(state | {"head.bias": torch.zeros(32)})
    return network.eval()


def test_embeddings_are_those_of_timm_with_the_same_weights_at_unit_length(tmp_path: Path) -> None:
    tensors = clip_tensors(SIDE)
    mean = torch.tensor([0.48145466, 0.4578275, 0.40821073]).view(3, 1, 1)
    sd = torch.tensor([0.26862954, 0.26130258, 0.27577711]).view(3, 1, 1)
    with torch.inference_mode(), exact_float32():
        expected = F.normalize(as_in_timm(tensors)((resized(PIXELS, SIDE) / 255 - mean) / sd), dim=1)
        found, probabilities = clip.load(write(tmp_path / "small.pt", tensors), "cpu")(PIXELS)
    assert found.shape == (3, 32)
    assert (found - expected).abs().max() <= PARITY
    assert probabilities is None


def test_a_torchscript_file_in_float16_gives_the_embeddings_of_its_weights(tmp_path: Path) -> None:
    halves = {name: value.half() for name, value in clip_tensors(SIDE).items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch has deprecated TorchScript, in which CLIP is published
        torch.jit.script(Scripted(halves)).save(str(tmp_path / "scripted.pt"))
    with torch.inference_mode():
        found = clip.load(tmp_path / "scripted.pt", "cpu")(PIXELS)[0]
        assert found.dtype == torch.float32
        assert found.equal(clip.load(write(tmp_path / "plain.pt", halves), "cpu")(PIXELS)[0])


def test_another_networks_file_is_refused_in_one_line(tmp_path: Path) -> None:
    path = write(tmp_path / "other.pt", dinov2_tensors())
    with pytest.raises(InputError, match=r"--extractor-weights: .* no weight file of CLIP: it has no 'proj'$"):
        clip.load(path, "cpu")
