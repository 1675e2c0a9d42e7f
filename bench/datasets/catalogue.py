"""The paper's datasets, and `folder` for a user's own: what each is and where to get it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Definition:
    """One dataset. resolutions: the default first, empty for any.

    share: the part of a source taken by default, from its start (SFDDM: 1/20 of LSUN Bedroom).
    """

    name: str
    summary: str
    resolutions: tuple[int, ...]
    preprocessing: str
    page: str
    example: str
    share: int = 1


CATALOGUE: dict[str, Definition] = {
    definition.name: definition
    for definition in (
        Definition(
            "cifar10",
            "CIFAR-10, 50,000 training images of 32x32",
            (32, 16),
            "none",
            "https://www.cs.toronto.edu/~kriz/cifar.html",
            "--from cifar-10-python.tar.gz",
        ),
        Definition(
            "celeba_hq",
            "CelebA-HQ, 30,000 faces, from images of 256x256 or 1024x1024",
            (64, 128),
            "sfddm",
            "https://github.com/tkarras/progressive_growing_of_gans",
            "--from celeba_hq_256.zip",
        ),
        Definition(
            "lsun_church",
            "LSUN Church outdoor, 126,227 images",
            (64, 128),
            "sfddm",
            "https://github.com/fyu/lsun",
            "--from church_outdoor_train_lmdb",
        ),
        Definition(
            "lsun_bedroom",
            "LSUN Bedroom, the first 1/20 of 3,033,042 images as the authors, or all with --limit all",
            (128, 64),
            "sfddm",
            "https://github.com/fyu/lsun",
            "--from bedroom_train_lmdb",
            share=20,
        ),
        Definition("folder", "a folder or zip of your own images", (), "square-lanczos", "", "--from my_images"),
    )
}
