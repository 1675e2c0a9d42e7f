"""How measured numbers are declared: a section of a record is a model whose fields carry title, unit and direction.

This is the only place a number is described; tables, plots and reports read it from here. No torch.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict

Kind = Literal["quality", "cost"]
Better = Literal["lower", "higher", None]


@dataclass(frozen=True)
class Shown:
    """How a field is shown, as metadata of its type: `mean: Annotated[float, Shown("IS{space}", better="higher")]`.

    title: `{space}` stands for the feature space in brackets, unless it is Inception-2015; `{distance}` for what the
    distance is called; `{field}` for the name of the field whose model this one belongs to.
    digits: after the point, or None for three significant ones. better: which end is good. factor: from the stored
    value to the shown one. brief: the title on the terminal after a run, which has room for a few only.
    beside: the field of the same model that it is read against. interval: the two fields with its interval. bound: the
    field that tells whether it is only a lower bound. doubt: what of the record's section tells whether it is noise.
    real: what the row of the real data is called, if its value is not of one half against the other. fresh: where the
    record of the real data has what held-out images would get in a cell's place.
    """

    title: str
    unit: str = ""
    better: Better = None
    digits: int | None = None
    kind: Kind = "quality"
    factor: float = 1
    brief: str = ""
    beside: str = ""
    interval: tuple[str, str] | None = None
    bound: str = ""
    doubt: str = ""
    real: str = ""
    fresh: tuple[str, ...] = ()


class Section(BaseModel):
    """A part of a record: numbers that are measured together. A number that could not be measured is None."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def shown_fields(model: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Shown]]:
    """Yield (path, how it is shown) of every declared field of a model and of the models in it, in their order."""
    for name, info in model.model_fields.items():
        own = (*path, name)
        yield from ((own, one) for one in info.metadata if isinstance(one, Shown))
        for inner in models_of(info.annotation):
            yield from shown_fields(inner, own)


def whole_fields(model: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the path of every field that is a whole number, or None."""
    for name, info in model.model_fields.items():
        own = (*path, name)
        if set(_members(info.annotation)) - {type(None)} == {int}:
            yield own
        for inner in models_of(info.annotation):
            yield from whole_fields(inner, own)


def models_of(annotation: Any) -> list[type[BaseModel]]:
    """Return the models that an annotation names: itself, or the members of a union."""
    return [one for one in _members(annotation) if isinstance(one, type) and issubclass(one, BaseModel)]


def _members(annotation: Any) -> list[Any]:
    """Return the types that an annotation allows: the members of a union, each without its bounds."""
    found = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    return [get_args(one)[0] if get_origin(one) is Annotated else one for one in found]


def value_at(root: Any, path: tuple[str, ...]) -> Any:
    """Return the value at a path of fields or keys; None if any part of the way is missing."""
    for name in path:
        root = root.get(name) if isinstance(root, dict) else getattr(root, name, None)
        if root is None:
            return None
    return root
