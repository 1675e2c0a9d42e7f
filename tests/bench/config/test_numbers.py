"""Numbers and names of a record: what is no number, out of bounds, or not printable is refused in one line."""

import json
from pathlib import Path

import pytest
from helpers.made_records import changed, made

from bench.records.record import fingerprint, read_record, write_record
from sfddm.errors import InputError

BAD: dict[str, tuple[str, object]] = {
    "a negative distance": ("quality__distance__value", -1.0),
    "NaN": ("quality__kid__mean", float("nan")),
    "infinity": ("consistency__psnr", float("inf")),
    "a precision of 7": ("quality__precision_recall__precision", 7.0),
    "SSIM of 2": ("consistency__ssim", 2.0),
    "negative seconds": ("sampling_cost__wall_seconds", -1.0),
    "a negative count": ("training_cost__evaluations", -1),
    "half a count": ("training_cost__folds", 0.5),
    "a count of 2^63": ("training_cost__evaluations", 2**63),
    "a seed of 2^63": ("seed", 2**63),
    "no images": ("quality__images", 0),
    "0 steps": ("steps", 0),
    "a NaN among the settings": ("config__budget", float("nan")),
    "a dataset that is a path": ("dataset", "../outside"),
    "an absolute dataset": ("dataset", "/outside"),
    "a hidden scale": ("scale", ".hidden"),
    "an empty dataset": ("dataset", ""),
    "a terminal's control sequence": ("method", "ddim\x1b[2J"),
    "a broken variant": ("method", "ddim[eta"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_no_record_can_hold_is_refused_in_one_line_naming_file_and_field(name: str, tmp_path: Path) -> None:
    field, value = BAD[name]
    path = write_record(tmp_path, made("ddim", 4, 0))
    values = json.loads(path.read_text())
    place = values
    *before, last = field.split("__")
    for part in before:
        place = place[part]
    place[last] = value
    text = json.dumps(values)
    path.write_text(json.dumps(values | {"integrity": fingerprint(text)}))
    with pytest.raises(InputError) as refused:
        read_record(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert "\n" not in str(refused.value)


def test_a_number_too_large_for_a_float_and_json_nested_too_deeply_are_refused(tmp_path: Path) -> None:
    path = write_record(tmp_path, made("ddim", 4, 0))
    text = path.read_text()
    path.write_text(text.replace('"budget": null', '"budget": 1e999'))
    with pytest.raises(InputError, match="1e999 is beyond all bounds"):
        read_record(path)
    path.write_text("[" * 200_000)
    with pytest.raises(InputError, match=r"nested more than \d+ deep|recursion"):
        read_record(path)


def test_a_distance_just_below_0_by_rounding_and_a_negative_kid_are_read(tmp_path: Path) -> None:
    record = changed(made("sfddm[init=teacher]", 4, 0), quality__distance__value=-1e-9, quality__kid__mean=-1e-5)
    path = write_record(tmp_path, record)
    assert path.parent.parent == tmp_path / "records"
    assert read_record(path) == record
