"""Records on disk: read back, migrated, or refused by one line that names the file."""

import hashlib
import json
import threading
from pathlib import Path

import pytest

from bench.metrics.shown import value_at
from bench.records.migrations import place_of
from bench.records.record import SCHEMA, Record, read_record, read_records, write_record
from bench.store.seal import sealed
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
    moved = {
        "distance_infinity": "quality.distance.extrapolated",
        "fd": "quality.distance.value",
        "images": "quality.images",
        "reference_images": "quality.reference_images",
    }
    for name, value in old.items():
        if name in ("schema_version", "fid", "reasons", "integrity"):
            continue
        place = moved.get(name, place_of(name))
        given = value_at(found, tuple(place.split(".")))
        if isinstance(value, dict) and isinstance(given, dict):  # what schema 2 did not have is None
            given, value = ({key: own for key, own in one.items() if own is not None} for one in (given, value))
        value = value | {"version": 1} if name == "protocol" else value  # protocols had no version yet
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


@pytest.mark.parametrize("schema", [2, SCHEMA])
def test_a_record_whose_seal_was_taken_away_is_refused_saying_what_to_do(schema: int, written: Path) -> None:
    text = SCHEMA_2.read_text() if schema == 2 else written.read_text()
    values = {name: value for name, value in json.loads(text).items() if name != "integrity"}
    assert values["schema_version"] == schema
    written.write_text(json.dumps(values))
    with pytest.raises(InputError, match=rf"{written.name}: lacks its own hash \(integrity\); run its cell again"):
        read_record(written)


@pytest.mark.parametrize("odd", ["[" * 100_000, '{"schema_version": 3, "seed": ' + "9" * 5000 + "}", '{"a": NaN}'])
def test_odd_json_is_one_line_that_names_the_record(odd: str, written: Path) -> None:
    written.write_text(odd)
    with pytest.raises(InputError, match=f"{written.name}: not a readable record") as caught:
        read_record(written)
    assert "\n" not in str(caught.value)


def test_a_failure_does_not_replace_a_good_record_of_the_same_key(written: Path, tmp_path: Path) -> None:
    good, before = read_record(written), written.read_bytes()
    failed = good.model_copy(update={"failure": "out of memory", "quality": None})
    assert write_record(tmp_path, failed, {"a.png": b"of the failure"}) == written
    assert written.read_bytes() == before
    assert [path.name for path in written.parent.iterdir()] == [written.name]


def test_a_good_record_replaces_a_failure_and_a_broken_one_is_replaced_by_either(written: Path, tmp_path: Path) -> None:
    good = read_record(written)
    failed = good.model_copy(update={"failure": "out of memory"})
    written.write_text("{")
    write_record(tmp_path, failed)
    assert read_record(written).failure == "out of memory"
    write_record(tmp_path, good)
    assert read_record(written) == good


def test_a_failure_of_another_key_is_written_over_a_record_of_the_same_name(written: Path, tmp_path: Path) -> None:
    """A file name has eight digits of a key; the whole key says whether the stages are the same."""
    failed = read_record(written)
    failed = failed.model_copy(update={"failure": "out of memory", "key": failed.key[:8] + "0" * 56})
    assert write_record(tmp_path, failed) == written
    assert read_record(written).failure == "out of memory"


def test_of_processes_that_fail_and_one_that_does_not_the_good_record_stays(written: Path, tmp_path: Path) -> None:
    good = read_record(written)
    failed = good.model_copy(update={"failure": "out of memory"})
    for _ in range(10):
        written.unlink()
        threads = [threading.Thread(target=write_record, args=(tmp_path, one)) for one in (failed, good, failed)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert read_record(written) == good
    assert [path.name for path in written.parent.iterdir()] == [written.name]


def test_a_record_holds_the_hashes_of_the_pictures_written_beside_it(written: Path, tmp_path: Path) -> None:
    path = write_record(tmp_path, read_record(written), {"real-data.png": b"picture"})
    assert read_record(path).pictures == {"real-data.png": hashlib.sha256(b"picture").hexdigest()}
    assert (path.parent / "real-data.png").read_bytes() == b"picture"


@pytest.mark.parametrize("name", ["../a.png", "/a.png", "a/b.png", ".png", "a.svg", "a\0.png"])
def test_a_picture_is_named_beside_its_record(name: str, written: Path) -> None:
    values = json.loads(written.read_text()) | {"pictures": {name: "0" * 64}}
    del values["integrity"]
    written.write_text(json.dumps(sealed(values)))
    with pytest.raises(InputError, match=f"{written.name}: not a record: pictures"):
        read_record(written)


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
    of_other_weights = first.model_copy(update={"key": "3" * 64, "feature_space": "clip weights 01234567"})
    beside = write_record(tmp_path, of_other_weights)
    new = write_record(tmp_path, first.model_copy(update={"key": "2" * 64}))
    assert set(new.parent.iterdir()) == {new, other, beside}


def test_settings_of_other_methods_do_not_keep_an_old_record_of_a_cell(tmp_path: Path) -> None:
    first = read_record(SCHEMA_1)
    write_record(tmp_path, first)
    others = first.config | {"methods": first.config["methods"] | {"another": {"clip": "none"}}}
    new = write_record(tmp_path, first.model_copy(update={"key": "2" * 64, "config": others}))
    assert list(new.parent.iterdir()) == [new]
    changed = first.config | {"methods": {first.method: {"clip": "none"}}}
    beside = write_record(tmp_path, first.model_copy(update={"key": "3" * 64, "config": changed}))
    assert set(new.parent.iterdir()) == {new, beside}
