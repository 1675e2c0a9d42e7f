"""Which feature spaces a run may be judged in. No torch."""

from collections.abc import Sequence

from bench.config.sections import ANY_RESOLUTION, Sections
from bench.datasets.dataset import Images
from bench.metrics.declared import INCEPTION, LEAST_IMAGES, OWN_CLASSIFIER, PIXELS, RANDOM
from bench.metrics.extractors import WeightFiles, extractors, lacking, there
from sfddm.errors import InputError


def is_from_file(name: str) -> bool:
    """Tell whether a feature space's network is a file."""
    return name == INCEPTION or name in extractors()


def check_feature_space(
    sections: Sections,
    images: Images,
    asked: Sequence[str],
    files: WeightFiles | None = None,
    option: str = "--set: evaluation.feature_space =",
) -> None:
    """Raise InputError if the run's feature space is not to be had with this dataset and the metrics asked for.

    Also if weights that cannot be downloaded are not here; files: those that the command names. option: what named the
    space.
    """
    family = images.name if sections.dataset == ANY_RESOLUTION else sections.dataset  # cifar10, of a cifar10-jpeg
    wanted, own = sections.evaluation.feature_space, family + OWN_CLASSIFIER
    pixels = [PIXELS] * ("quality" not in asked)
    possible = [INCEPTION, *[own] * (images.labels is not None), RANDOM, *pixels, *extractors()]
    if wanted not in possible:
        why = "" if images.labels is not None else f"; {images.name} has no labels to train a classifier on"
        why = "; quality has no meaning in pixels" if wanted == PIXELS else why
        raise InputError(f"{option} '{wanted}' given, possible: {', '.join(possible)}{why}")
    if wanted == own and len(images.pixels) < LEAST_IMAGES:
        raise InputError(
            f"{option} '{wanted}' given, but {images.name} has {len(images.pixels)} images; a classifier needs "
            f"{LEAST_IMAGES} or more, to train on and to test"
        )
    if wanted in extractors() and not (files and files.of(wanted)):
        declared = extractors()[wanted]
        if there(declared) is None and declared.url is None:
            raise InputError(lacking(declared))
