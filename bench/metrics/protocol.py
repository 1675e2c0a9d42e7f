"""What a quality number was measured under. Numbers of one column have equal protocols. No torch."""

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from bench.config.numbers import Count, PositiveCount
from bench.store.files import digest

if TYPE_CHECKING:
    import torch

    from bench.config.sections import EvaluationSettings
    from bench.datasets.dataset import Images


# Raised when numbers change their meaning though no other field of their protocol does; then they are measured again.
VERSION = 1


class Protocol(BaseModel):
    """All that decides a distance or score apart from the generated images.

    version: of what these fields mean; 1 in records from before it was counted.
    network: the feature network by name, with the sha256 of its weights. reference_sha256: of the packed pixels that
    the reference features were taken from. lossy_reference: those pixels came from a lossy copy of the dataset.
    seed: of subsets and splits; the same for every cell, whatever the cell's own seed. held_out_images,
    held_out_sha256: of the images kept apart from training, None if there are none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: PositiveCount = 1
    network: str
    network_sha256: str
    resize: str
    quantisation: str = "uint8, rounded"
    images: PositiveCount
    reference: str
    reference_sha256: str
    reference_images: PositiveCount
    preprocessing: str
    lossy_reference: bool
    feature_dtype: str = "float32"
    statistics_dtype: str = "float64"
    tf32: bool = False
    distance: str = "Cholesky and symmetric eigenvalues"
    is_splits: PositiveCount
    kid_subsets: PositiveCount
    kid_subset_size: PositiveCount
    neighbours: PositiveCount
    seed: Count
    held_out_images: PositiveCount | None = None
    held_out_sha256: str | None = None

    @property
    def sha256(self) -> str:
        """The protocol's fingerprint; neither None nor version 1 is in it, as they were not before there were such."""
        first = {"version"} if self.version == 1 else set()
        return digest(self.model_dump(exclude_none=True, exclude=first))


def protocol_of(
    extractor: dict[str, Any],
    dataset: "Images",
    images: int,
    reference_images: int,
    dtypes: "tuple[torch.dtype, torch.dtype]",
    settings: "EvaluationSettings",
) -> Protocol:
    """Return what the quality was measured under; dtypes: of the features and reference statistics, as they are."""
    features, statistics = (str(dtype).removeprefix("torch.") for dtype in dtypes)
    return Protocol(
        version=VERSION,
        network=extractor["network"],
        network_sha256=extractor["weights_sha256"],
        resize=extractor["resize"],
        images=images,
        reference=dataset.name,
        reference_sha256=dataset.sha256,
        reference_images=reference_images,
        preprocessing=dataset.preprocessing,
        lossy_reference=dataset.lossy,
        feature_dtype=features,
        statistics_dtype=statistics,
        is_splits=settings.splits,
        kid_subsets=settings.kid_subsets,
        kid_subset_size=settings.kid_subset_of(images, reference_images),
        neighbours=settings.neighbours,
        seed=settings.seed,
        held_out_images=None if dataset.held_out is None else len(dataset.held_out.pixels),
        held_out_sha256=None if dataset.held_out is None else dataset.held_out.sha256,
    )
