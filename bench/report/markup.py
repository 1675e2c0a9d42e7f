"""HTML elements from Python values; text that is not markup is escaped on its way in."""

from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

VOID = ("img",)


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


def tag(name: str, *children: str, **attributes: str | int | None) -> Html:
    """Return an element; `class_` is class, `data_value` is data-value, an attribute that is None is left out."""
    given = "".join(
        f' {key.strip("_").replace("_", "-")}="{escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Html(f"<{name}{given}>" if name in VOID else f"<{name}{given}>{join(children)}</{name}>")


def join(parts: Iterable[str], between: str = "") -> Html:
    """Return parts one after the other, each escaped unless it is markup."""
    return Html(between.join(part if isinstance(part, Html) else escape(part) for part in parts))


def image(data: bytes, alt: str, **attributes: str | int | None) -> Html:
    """Return a PNG or JPEG as an element that holds it."""
    kind = "png" if data.startswith(b"\x89PNG") else "jpeg"
    return tag("img", src=f"data:image/{kind};base64,{b64encode(data).decode()}", alt=alt, **attributes)


def facts(pairs: Iterable[tuple[str, str]], class_: str = "facts") -> Html:
    """Return names with their values as a description list."""
    return tag("dl", *(tag("div", tag("dt", name), tag("dd", value)) for name, value in pairs), class_=class_)


def details(summary: str, *children: str) -> Html:
    """Return a part that opens on demand."""
    return tag("details", tag("summary", summary), *children)


@dataclass(frozen=True)
class Cell:
    """A table's cell: what is shown, and the number it is sorted by (None: no number, or the text itself)."""

    text: str
    value: float | None = None
    mark: str = ""  # best or second: shown as a word, and in bold if clear
    clear: bool = False

    def markup(self) -> Html:
        """Return the cell as an element."""
        shown = tag("strong", self.text) if self.clear else Html(escape(self.text))
        mark = (" ", tag("span", self.mark, class_=f"mark {self.mark}")) if self.mark else ()
        return tag("td", shown, *mark, data_value=None if self.value is None else repr(self.value))


def table(
    caption: str,
    head: Sequence[str],
    rows: Iterable[tuple[str, Sequence[Cell]]],
    foot: Iterable[tuple[str, Sequence[Cell]]] = (),
) -> Html:
    """Return a sortable table in a container that scrolls by itself. The foot stays below however it is sorted."""

    def line(row: tuple[str, Sequence[Cell]]) -> Html:
        return tag("tr", tag("th", row[0], scope="row"), *(cell.markup() for cell in row[1]))

    below = [line(row) for row in foot]
    parts = [
        tag("caption", caption),
        tag("thead", tag("tr", *(tag("th", name, scope="col") for name in head))),
        tag("tbody", *map(line, rows)),
        *([tag("tfoot", *below)] if below else []),
    ]
    return scroll(tag("table", *parts, class_="sortable"), caption)


def scroll(content: Html, label: str) -> Html:
    """Return a container that scrolls sideways by itself, reachable by keyboard."""
    return tag("div", content, class_="scroll", tabindex=0, role="region", aria_label=label)
