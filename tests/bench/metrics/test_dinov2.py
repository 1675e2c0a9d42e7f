"""DINOv2's features against timm's network with the same weights; its images against Pillow; its files."""

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.small_transformers import DEPTH, PATCH, WIDTH, clip_tensors, dinov2_tensors, write
from PIL import Image
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor

from bench.metrics import dinov2
from bench.metrics.features import exact_float32
from bench.metrics.vision_transformer import resized
from sfddm.errors import InputError

PARITY = 1e-5  # float32 sums in another order
SIDE, GRID = 224, 16


def as_in_timm(tensors: dict[str, Tensor]) -> VisionTransformer:
    network = VisionTransformer(SIDE, PATCH, embed_dim=WIDTH, depth=DEPTH, num_heads=1, num_classes=0, init_values=1.0)
    network.load_state_dict({name: value for name, value in tensors.items() if name != "mask_token"})
    return network.eval()


def test_features_are_those_of_timm_with_the_same_weights(tmp_path: Path) -> None:
    tensors = dinov2_tensors(GRID)
    pixels = torch.randint(256, (3, 3, 32, 32), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    mean, sd = (np.array(values, "float32") for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    images = [Image.fromarray(one.permute(1, 2, 0).numpy()).resize((SIDE, SIDE), Image.BICUBIC) for one in pixels]
    x = torch.from_numpy(np.stack([(np.asarray(one) / np.float32(255) - mean) / sd for one in images]))
    with torch.inference_mode(), exact_float32():
        expected = as_in_timm(tensors)(x.permute(0, 3, 1, 2))
        features, probabilities = dinov2.load(write(tmp_path / "small.pth", tensors), "cpu")(pixels)
    assert features.shape == (3, WIDTH)
    assert (features - expected).abs().max() <= PARITY * expected.abs().max()
    assert probabilities is None


def test_positions_of_another_grid_are_read_by_the_cubic_kernel_with_the_published_offset() -> None:
    grid, side, scale = 37, 16, 16.1 / 37
    values = torch.randn(1, 1 + grid**2, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    places = (np.arange(side) + 0.5) / scale - 0.5
    weights = np.zeros((side, grid))
    for row, place in enumerate(places):
        for tap in range(-1, 3):
            column = int(np.floor(place)) + tap
            weights[row, min(max(column, 0), grid - 1)] += cubic(abs(place - column))
    square = values[0, 1:].view(grid, grid, 4).numpy()
    expected = np.einsum("ia,jb,abc->ijc", weights, weights, square).reshape(side**2, 4)
    found = dinov2.positions(values, side)
    assert np.abs(found[0, 1:].numpy() - expected).max() < 1e-10
    assert found[0, 0].equal(values[0, 0])


def cubic(x: float, a: float = -0.75) -> float:
    """Return Keys' kernel (1981) at a distance from 0 to 2."""
    if x <= 1:
        return (a + 2) * x**3 - (a + 3) * x**2 + 1
    return a * (x**3 - 5 * x**2 + 8 * x - 4) if x < 2 else 0.0


def test_a_grey_image_has_the_features_of_the_same_image_in_rgb(tmp_path: Path) -> None:
    grey = torch.randint(256, (2, 1, 8, 8), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    assert resized(grey, 12).equal(resized(grey.expand(-1, 3, -1, -1), 12))
    assert resized(grey, 12).shape == (2, 3, 12, 12)
    assert resized(grey.expand(-1, 3, -1, -1), 8).equal(grey.expand(-1, 3, -1, -1))


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda tensors: clip_tensors(), "it has no 'cls_token'"),
        (lambda tensors: tensors | {"blocks.3.norm1.weight": torch.zeros(WIDTH)}, "it has no blocks, or not all"),
        (lambda tensors: tensors | {"register_tokens": torch.zeros(1, 4, WIDTH)}, "register_tokens"),
        (lambda tensors: {"cls_token": 3}, "it is no state dict"),
    ],
)
def test_a_file_of_another_network_is_refused_in_one_line(tmp_path: Path, spoil, told: str) -> None:
    path = write(tmp_path / "other.pth", spoil(dinov2_tensors()))
    with pytest.raises(InputError, match=r"--extractor-weights: .* no weight file of DINOv2") as raised:
        dinov2.load(path, "cpu")
    assert told in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_no_weight_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "text.pth"
    path.write_text("no weights")
    with pytest.raises(InputError, match="no weight file of DINOv2"):
        dinov2.load(path, "cpu")
