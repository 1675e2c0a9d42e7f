import pytest

from bench.store.names import LONGEST, check_name
from sfddm.errors import InputError


@pytest.mark.parametrize("name", ["cifar10-jpeg", "a", "_x", "a.b=c-d_e", "7", "x" * LONGEST])
def test_a_name_of_letters_digits_and_four_signs_is_returned(name: str) -> None:
    assert check_name("--name", name) == name


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", ".x", "../x", "a/b", "a\\b", "/x", "a b", "a\n", "é", "٣", "a\0", "C:", "~", "x" * (LONGEST + 1)],
)
def test_a_name_that_could_lead_elsewhere_is_refused_in_one_line_naming_the_option(name: str) -> None:
    with pytest.raises(InputError, match=r"\A--name: .*possible: [^\n]*\Z"):
        check_name("--name", name)
