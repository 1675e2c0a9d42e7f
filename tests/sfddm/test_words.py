"""Counts and nouns."""

from sfddm.words import plural


def test_one_is_singular_and_everything_else_plural() -> None:
    assert [plural(count, "step") for count in (0, 1, 2, 10_000)] == ["0 steps", "1 step", "2 steps", "10000 steps"]
