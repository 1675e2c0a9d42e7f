"""How templates become HTML: the joining of their lines, and what they refuse."""

import pytest
from jinja2 import DictLoader, Environment, UndefinedError

from bench.report.html import JoinedLines, data_url, render


def joined(template: str, **values: object) -> str:
    environment = Environment(loader=DictLoader({"it": template}), autoescape=True, extensions=[JoinedLines])
    return environment.get_template("it").render(**values)


@pytest.mark.parametrize(
    ("template", "page"),
    [
        ("<p>\n  a\n</p>\n\n<b>c</b>", "<p>a</p><b>c</b>"),
        ("<p>one\n   two {{ x }}\n   three\n   {{ x }}</p>", "<p>one two X three X</p>"),
        ("<p>\n  {{ x }}\n  {{ x }}\n</p>", "<p>XX</p>"),
        ("{% if x %}\n  one\n  two\n{% endif %}\n<b>", "one two<b>"),
        ("<i>a</i> <b>{{ x }} </b>", "<i>a</i> <b>X </b>"),
        ('<img src="a"\n  alt="b c">', '<img src="a" alt="b c">'),
    ],
)
def test_a_break_is_nothing_beside_markup_and_a_space_between_words(template: str, page: str) -> None:
    assert joined(template, x="X") == page


def test_line_breaks_of_values_are_kept() -> None:
    assert joined("<pre>\n  {{ x }}\n</pre>", x="<a\n  b>") == "<pre>&lt;a\n  b&gt;</pre>"


def test_a_template_that_names_a_value_that_is_not_there_is_refused() -> None:
    with pytest.raises(UndefinedError, match="about"):
        render(sections=[])


def test_pictures_say_what_they_are() -> None:
    assert data_url(b"\x89PNG\r\n\x1a\n") == "data:image/png;base64,iVBORw0KGgo="
    assert data_url(b"RIFF") == "data:image/webp;base64,UklGRg=="
    assert data_url(b"\xff\xd8\xff") == "data:image/jpeg;base64,/9j/"
