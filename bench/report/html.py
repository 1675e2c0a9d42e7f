"""How templates become a page: Jinja's settings, the inline style and scripts, and what templates may call."""

import hashlib
import re
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from jinja2.ext import Extension
from jinja2.lexer import Token, TokenStream

from bench.claims.page import MARKS, informed
from bench.config.methods import CONTROL
from bench.tables.table import number
from sfddm.words import plural

PACKAGE = "bench.report"
BREAK = r"\s*\n\s*"


class JoinedLines(Extension):
    """Joins the lines of templates, so that they can be indented and the page is still small.

    A line break, with the spaces around it, is nothing beside a tag, beside a statement ({% %}) or alone between two
    expressions; elsewhere, as between words, it is one space. This covers what `trim_blocks` and `lstrip_blocks` would
    do. The text of records is not in a template, so it keeps its line breaks.
    """

    def filter_stream(self, stream: TokenStream) -> Iterator[Token]:
        """Yield a template's tokens, with the lines of its literal text joined."""
        previous = "block_end"
        for token in stream:
            if token.type == "data":
                text = re.sub(rf"\A{BREAK}\Z|(?<=>){BREAK}|{BREAK}(?=<)", "", token.value)
                text = re.sub(rf"\A{BREAK}", "", text) if previous == "block_end" else text
                text = re.sub(rf"{BREAK}\Z", "", text) if stream.current.type == "block_begin" else text
                token = Token(token.lineno, "data", re.sub(BREAK, " ", text))
            previous = token.type
            yield token


def data_url(picture: bytes) -> str:
    """Return a PNG, JPEG or WebP file as an address that holds it."""
    return f"data:image/{kind_of(picture)};base64,{b64encode(picture).decode()}"


def kind_of(picture: bytes) -> str:
    """Return what kind of file a picture is: PNG, WebP or JPEG."""
    if picture.startswith(b"\x89PNG"):
        return "png"
    return "webp" if picture.startswith(b"RIFF") else "jpeg"


@dataclass(frozen=True)
class Form:
    """The form of a page: its style and scripts, files of this package, and where its pictures are.

    address: what gives a picture its address. pictures_from: the sources that the page's policy allows for them.
    """

    styles: tuple[str, ...] = ("style.css",)
    scripts: tuple[str, ...] = ("sort.js",)
    address: Callable[[bytes], str] = data_url
    pictures_from: str = "data:"


ALONE = Form()  # one file with all pictures in it


def render(template: str = "page.html", form: Form = ALONE, **values: object) -> str:
    """Return the page: a template filled with values, and with style and scripts inside."""
    environment = Environment(
        loader=PackageLoader(PACKAGE), autoescape=True, undefined=StrictUndefined, extensions=[JoinedLines]
    )
    environment.filters |= {
        "address": form.address,
        "informed": informed,
        "number": number,
        "sha256": sha256,
        "plural": plural,
    }
    environment.globals |= {"CONTROL": CONTROL, "MARKS": MARKS}
    inside = {
        "style": "".join(map(text_of, form.styles)),
        "scripts": [text_of(name) for name in form.scripts],
        "pictures_from": form.pictures_from,
    }
    return environment.get_template(template).render(**inside, **values) + "\n"


def text_of(name: str) -> str:
    """Return the text of a style or script of this package."""
    return files(PACKAGE).joinpath(name).read_text(encoding="utf-8")


def sha256(text: str) -> str:
    """Return the hash of an inline text as a Content-Security-Policy names it, in base64."""
    return b64encode(hashlib.sha256(text.encode()).digest()).decode()
