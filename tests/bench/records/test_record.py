"""Records on disk: read back, migrated, or refused by one line that names the file."""

import json
from pathlib import Path

import pytest

from bench.metrics.shown import value_at
from bench.records.migrations import place_of
from bench.records.record import SCHEMA, Record, read_record, read_records, write_record
from sfddm.errors import InputError

# Written by version 0.1.0 as of revision 4fe7ee8, the last of schema 1.
SCHEMA_1 = Path(__file__).parent / "of_old" / "schema-1.json"
# Written by revision 34a71eb, the last of schema 2: a cell of results/digits.
SCHEMA_2 = SCHEMA_1.with_name("schema-2.json")


@pytest.fixture
def written(tmp_path: Path) -> Path:
    return write_record(tmp_path, read_record(SCHEMA_1))


def test_a_record_of_schema_1_is_migrated_with_every_measurement_kept() -> None:
    old, record = json.loads(SCHEMA_1.read_text()), read_record(SCHEMA_1)
    assert record.schema_version == SCHEMA
    assert record.quality.distance.path == old["fd_method"] == "gram"
    assert record.protocol is None
    assert record.reasons["protocol"]
    found = record.model_dump()
    places = {
        name: place_of(name) for name in old.keys() - {"schema_version", "fd_method", "feature_sha256", "reasons"}
    }
    places |= {
        "fd": "quality.distance.value",
        "images": "quality.images",
        "reference_images": "quality.reference_images",
    }
    assert old["fid"] is None
    for name, place in places.items():
        if name != "fid" and old[name] is not None:
            assert value_at(found, tuple(place.split("."))) == old[name], name


def test_a_record_of_schema_2_is_migrated_with_every_measurement_kept_in_its_section() -> None:
    old, record = json.loads(SCHEMA_2.read_text()), read_record(SCHEMA_2)
    found = record.model_dump()
    assert old["fid"] is None
    assert record.quality.distance.name == "FD (digits-cnn)"
    moved = {"fd": "quality.distance.value", "images": "quality.images", "reference_images": "quality.reference_images"}
    for name, value in old.items():
        if name in ("schema_version", "fid", "reasons", "integrity"):
            continue
        place = moved.get(name, place_of(name))
        given = value_at(found, tuple(place.split(".")))
        if isinstance(value, dict) and isinstance(given, dict):  # what schema 2 did not have is None
            given, value = ({key: own for key, own in one.items() if own is not None} for one in (given, value))
        assert given == value, name
    assert {place_of(name) for name in old["reasons"]} - {"fid"} == record.reasons.keys()


def test_a_migrated_record_is_written_in_todays_schema_and_reads_back_equal(written: Path) -> None:
    assert json.loads(written.read_text())["schema_version"] == SCHEMA
    assert read_record(written) == read_record(SCHEMA_1)


def test_any_one_digit_changed_in_a_record_is_refused(written: Path) -> None:
    text = written.read_text()
    digits = [place for place, letter in enumerate(text) if letter.isdigit()]
    assert len(digits) > 400
    for place in digits:
        other = str((int(text[place]) + 1) % 10)
        written.write_text(text[:place] + other + text[place + 1 :])
        with pytest.raises(InputError, match=written.name):
            read_record(written)


def test_a_digit_beyond_float64_is_seen_too(written: Path) -> None:
    text = written.read_text()
    assert '"learning_rate": 0.001,' in text
    padded = text.replace('"learning_rate": 0.001,', '"learning_rate": 0.00100000000000000001,')
    assert json.loads(padded) == json.loads(text)
    written.write_text(padded)
    with pytest.raises(InputError, match="was changed after it was written"):
        read_record(written)


def test_order_and_spacing_of_a_record_are_free(written: Path) -> None:
    values = json.loads(written.read_text())
    written.write_text(json.dumps(dict(reversed(values.items()))))
    assert read_record(written) == read_record(SCHEMA_1)


def test_a_record_of_a_newer_schema_is_refused_saying_so(written: Path) -> None:
    values = json.loads(written.read_text()) | {"schema_version": SCHEMA + 1, "something_new": 1}
    written.write_text(json.dumps(values))
    with pytest.raises(
        InputError, match=rf"its schema is {SCHEMA + 1}, this version reads up to {SCHEMA}; use a newer"
    ):
        read_record(written)


BROKEN = {
    "empty": "",
    "truncated": SCHEMA_1.read_text()[:700],
    "a list": "[1, 2]",
    "no schema": "{}",
    "a schema of another type": '{"schema_version": "2"}',
    "a schema that is no number": '{"schema_version": true}',
    "schema 1 without its fields": '{"schema_version": 1}',
    "schema 1 with a field of another type": json.dumps(json.loads(SCHEMA_1.read_text()) | {"reasons": ["none"]}),
    "schema 2 without its fields": '{"schema_version": 2}',
    "an unknown key": json.dumps(json.loads(SCHEMA_1.read_text()) | {"surprise": 1}),
    "a step count in words": json.dumps(json.loads(SCHEMA_1.read_text()) | {"steps": "four"}),
    "half a pickle": "\x80\x04\x95",
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN.keys())
def test_what_is_no_record_is_one_line_that_names_the_file(text: str, tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"broken\.json: ") as caught:
        read_record(path)
    assert "\n" not in str(caught.value)


def test_bytes_that_are_no_text_are_one_line_that_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"broken\.json: not a readable record"):
        read_record(path)


def test_records_are_read_set_by_set_real_data_first_then_by_seed_steps_and_method(tmp_path: Path) -> None:
    one = read_record(SCHEMA_1)

    def made(method: str, steps: int | None, seed: int, scale: str = "quick") -> Record:
        change = {"method": method, "steps": steps, "seed": seed, "scale": scale, "key": f"{method} {steps} {seed}"}
        return one.model_copy(update=change)

    wanted = [
        made("real data", None, 0),
        made("ddim", 1, 0),
        made("sfddm", 1, 0),
        made("ddim", 4, 0),
        made("ddim", 16, 0),
        made("ddim", 1, 1),
        made("sfddm", 1, 0, "smoke"),
    ]
    for record in reversed(wanted):
        write_record(tmp_path, record)
    assert read_records(tmp_path) == wanted
    with pytest.raises(InputError, match="no records in"):
        read_records(tmp_path / "elsewhere")


def test_a_cell_made_again_under_another_key_takes_the_place_of_the_old_record_and_no_other_cells(
    tmp_path: Path,
) -> None:
    first = read_record(SCHEMA_1)
    old = write_record(tmp_path, first)
    old.with_suffix(".png").touch()
    other = write_record(tmp_path, first.model_copy(update={"key": "1" * 64, "config": first.config | {"budget": 7}}))
    new = write_record(tmp_path, first.model_copy(update={"key": "2" * 64}))
    assert set(new.parent.iterdir()) == {new, other}


def test_settings_of_other_methods_do_not_keep_an_old_record_of_a_cell(tmp_path: Path) -> None:
    first = read_record(SCHEMA_1)
    write_record(tmp_path, first)
    others = first.config | {"methods": first.config["methods"] | {"another": {"clip": "none"}}}
    new = write_record(tmp_path, first.model_copy(update={"key": "2" * 64, "config": others}))
    assert list(new.parent.iterdir()) == [new]
    changed = first.config | {"methods": {first.method: {"clip": "none"}}}
    beside = write_record(tmp_path, first.model_copy(update={"key": "3" * 64, "config": changed}))
    assert set(new.parent.iterdir()) == {new, beside}
