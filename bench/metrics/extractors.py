"""Extractors whose network is a file: which there are, and which file each takes.

The file that the command names, else the published one in the cache, else that one downloaded.
No torch, until one is downloaded or opened.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from bench.config.plugins import EXTRACTOR_GROUP, plugins
from bench.metrics.declared import BUILT_SPACES, INCEPTION, Extractor, as_extractor
from bench.metrics.network_files import FROM_FILES, cache_folder
from bench.store.files import file_sha256
from sfddm.errors import InputError


@cache
def extractors() -> dict[str, Extractor]:
    """Return the extractors whose network is a file, by name: this suite's, then those of other packages.

    Raises InputError if one of those has a name of the suite's own.
    """
    taken = (INCEPTION, *BUILT_SPACES, *FROM_FILES)
    return FROM_FILES | {
        name: as_extractor(plugin.load(), name) for name, plugin in plugins(EXTRACTOR_GROUP, taken).items()
    }


@dataclass(frozen=True)
class WeightFiles:
    """The weight files that a command names: Inception's, and others by their feature space, "" for whichever it is."""

    inception: Path | None = None
    extractors: Mapping[str, Path] = field(default_factory=dict)

    def of(self, name: str) -> Path | None:
        """Return the file that is named for an extractor; None if none is."""
        return self.extractors.get(name, self.extractors.get(""))


def weight_files(inception: Path | None, given: Sequence[str], spaces: Sequence[str] | None = None) -> WeightFiles:
    """Return the files that `--inception-weights` and `--extractor-weights` name, the latter as FILE or NAME=FILE.

    spaces: the run's feature spaces, if it is known which. Raises InputError for no file, and for one that is of none
    of them or might be of several.
    """
    found: dict[str, Path] = {}
    for text in given:
        name, _, file = text.partition("=") if text.partition("=")[0] in extractors() else ("", "", text)
        taking = [space for space in spaces or extractors() if space in extractors()]
        if not Path(file).is_file():
            raise InputError(f"--extractor-weights: '{file}' given, but there is no such file")
        if not taking:
            raise InputError(f"--extractor-weights: '{text}' given, but {', '.join(spaces or ())} takes no such file")
        if spaces and not name and len(taking) == 1:
            name = taking[0]
        if (spaces and not name) or (name and name not in taking) or name in found:
            possible = ", ".join(f"{one}={file}" for one in taking)
            raise InputError(f"--extractor-weights: '{text}' given, a file for each is possible: {possible}")
        found[name] = Path(file)
    return WeightFiles(inception, found)


def there(declared: Extractor) -> Path | None:
    """Return an extractor's weight file in the cache; None if there is none. Raises InputError if it is another."""
    path = cache_folder() / declared.weights
    if not path.is_file():
        return None
    if file_sha256(path) != declared.sha256:
        raise InputError(
            f"evaluation.feature_space: '{declared.name}' given, but '{path}' is not its weight file (its sha256 is "
            f"not {declared.sha256[:12]}...)"
        )
    return path


def lacking(declared: Extractor, why: str = "its weights are not there") -> str:
    """Return the line that says where to put an extractor's weights."""
    path = cache_folder() / declared.weights
    return (
        f"evaluation.feature_space: '{declared.name}' given, but {why}; put them at '{path}', or name the file with "
        "--extractor-weights"
    )


def extractor_weights(declared: Extractor, option: Path | None, dry_run: bool) -> Path | None:
    """Return the weight file of an extractor, downloaded if it is not here, but by no dry run. Raises InputError.

    option: the file that the command names; one other than the declared is opened once, so that a wrong one is refused
    before anything is trained.
    """
    if option is not None:
        sha256 = file_sha256(option)
        other = next((one.name for one in extractors().values() if one.sha256 == sha256), declared.name)
        if other != declared.name:
            raise InputError(f"--extractor-weights: '{option}' given for {declared.name}, but it is {other}'s file")
        if sha256 != declared.sha256:
            declared.load(option, "cpu")
        return option
    found = there(declared)
    if found or dry_run:
        return found
    if declared.url is None:
        raise InputError(lacking(declared))

    from bench.metrics.inception import fetched

    try:
        return fetched(declared.url, declared.weights, declared.sha256)
    except (OSError, RuntimeError) as error:
        raise InputError(lacking(declared, f"its weights could not be downloaded ({error})")) from None
