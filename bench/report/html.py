"""How templates become the page: Jinja's settings, the inline style and script, and what templates may call."""

import hashlib
import re
from base64 import b64encode
from collections.abc import Iterator
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


def render(**values: object) -> str:
    """Return the page: the template page.html filled with values, and with style and script inside."""
    environment = Environment(
        loader=PackageLoader(PACKAGE), autoescape=True, undefined=StrictUndefined, extensions=[JoinedLines]
    )
    environment.filters |= {
        "data_url": data_url,
        "informed": informed,
        "number": number,
        "sha256": sha256,
        "plural": plural,
    }
    environment.globals |= {"CONTROL": CONTROL, "MARKS": MARKS}
    style, script = (files(PACKAGE).joinpath(name).read_text(encoding="utf-8") for name in ("style.css", "sort.js"))
    return environment.get_template("page.html").render(style=style, script=script, **values) + "\n"


def data_url(picture: bytes) -> str:
    """Return a PNG or JPEG file as an address that holds it."""
    kind = "png" if picture.startswith(b"\x89PNG") else "jpeg"
    return f"data:image/{kind};base64,{b64encode(picture).decode()}"


def sha256(text: str) -> str:
    """Return the hash of an inline text as a Content-Security-Policy names it, in base64."""
    return b64encode(hashlib.sha256(text.encode()).digest()).decode()
