"""What a quality number was measured under. Numbers of one column have equal protocols."""

from pydantic import BaseModel, ConfigDict

from bench.store.files import digest


class Protocol(BaseModel):
    """All that decides a distance or score apart from the generated images.

    network: the feature network by name, with the sha256 of its weights. reference_sha256: of the packed pixels that
    the reference features were taken from. lossy_reference: those pixels came from a lossy copy of the dataset.
    seed: of subsets and splits; the same for every cell, whatever the cell's own seed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    network: str
    network_sha256: str
    resize: str
    quantisation: str = "uint8, rounded"
    images: int
    reference: str
    reference_sha256: str
    reference_images: int
    preprocessing: str
    lossy_reference: bool
    feature_dtype: str = "float32"
    statistics_dtype: str = "float64"
    tf32: bool = False
    distance: str = "Cholesky and symmetric eigenvalues"
    is_splits: int
    kid_subsets: int
    kid_subset_size: int
    neighbours: int
    seed: int

    @property
    def sha256(self) -> str:
        """The protocol's fingerprint."""
        return digest(self.model_dump())

    def differences(self, other: "Protocol") -> list[str]:
        """Return `field: this | that` for each field in which two protocols differ."""
        mine, theirs = self.model_dump(), other.model_dump()
        return [f"{name}: {mine[name]} | {theirs[name]}" for name in mine if mine[name] != theirs[name]]
