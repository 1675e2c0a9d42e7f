"""Every reader of ours, on damaged files and arbitrary bytes: right, refused in one line, or its documented answer.

Nothing else may leave a reader: no other exception, no wait, no memory that the input did not bring.
"""

import hashlib
import json
from contextlib import suppress
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.made_records import made
from helpers.mutations import damaged, files, tries
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import save

from bench.config.overrides import parse_overrides, setting_names, toml_value
from bench.config.preset import load_preset
from bench.config.resolve import resolve
from bench.config.settings import Config
from bench.config.toml import DEPTH, parse_toml
from bench.config.variants import canonical
from bench.datasets.packed import MANIFEST, Manifest, read_manifest
from bench.experiments.experiment import Experiment, parse_experiment
from bench.records.record import Record, read_record, write_record
from bench.stages.sampling import Shard, is_whole, read_shard, shard_path, write_shard
from bench.store.layout import DONE, SETTINGS, StageFolder
from bench.store.marker import write_marker
from bench.store.requests import RequestedCell, RequestedSweep, read_requests, write_request
from bench.store.seal import sealed
from bench.tables.published import Series, published
from sfddm.checkpoint import DenoiserSpec, load_denoiser, read_spec, save_denoiser
from sfddm.errors import InputError
from sfddm.resume import load_state, save_state, saved_states
from sfddm.unet import UNetConfig

EXAMPLES = [60, pytest.param(300, marks=[pytest.mark.slow, pytest.mark.exhaustive])]
repeated = pytest.mark.parametrize("examples", EXAMPLES)

DEEP_TOML = ["[" * 3000 + "]" * 3000, "a." * 3000 + "b = 1", "{a = " * 3000 + "1" + "}" * 3000, "9" * 5000]
BARE = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def read(reader: Any, *given: Any) -> Any:
    """Return what a reader returns; None if it refuses, which the command line prints as one line."""
    try:
        return reader(*given)
    except InputError:
        return None


def toml_texts(valid: str) -> st.SearchStrategy[str]:
    broken = damaged(valid.encode()).map(lambda data: data.decode("utf-8", "replace"))
    deep = st.sampled_from([f"value = {text}" for text in DEEP_TOML] + DEEP_TOML)
    return broken | st.text(max_size=200) | deep


@repeated
def test_an_experiment_is_read_or_refused(examples: int) -> None:
    text = resources.files("bench.experiments").joinpath("loss.toml").read_text()
    assert read(parse_experiment, "loss", text, "loss.toml") is not None

    def check(text: str) -> None:
        found = read(parse_experiment, "mine", text, "mine.toml")
        assert found is None or isinstance(found, Experiment)

    tries(check, toml_texts(text), examples)


@repeated
def test_published_values_are_read_or_refused(examples: int, tmp_path: Path) -> None:
    path = tmp_path / "published.toml"
    text = resources.files("bench.tables").joinpath("published.toml").read_text()[:2000].rpartition("[[series]]")[0]
    path.write_text(text)
    assert len(published(path)) > 0

    def check(data: bytes) -> None:
        path.write_bytes(data)
        found = read(published, path)
        assert found is None or all(isinstance(one, Series) for one in found)

    texts = toml_texts(text).map(lambda text: text.encode("utf-8", "replace"))
    others = st.sampled_from([b"series = 1", b"series = [1]", b"[series]"])
    tries(check, texts | st.binary(max_size=200) | others, examples)


@repeated
def test_assignments_are_resolved_or_refused(examples: int) -> None:
    preset = load_preset("digits")
    numbers = st.integers().map(str) | st.floats().map(str) | st.integers(2**63, 2**70).map(str)
    values = BARE | numbers | st.sampled_from([*DEEP_TOML, "[1, 2]", "{a = 1}", '"x"', "true", "1\nother = 2"])
    keys = st.sampled_from(setting_names()) | BARE | st.sampled_from(["a." * 5000 + "b", "network", "network.", "."])
    assignment = st.builds(lambda key, value: f"{key}={value}", keys, values) | BARE

    def check(assignments: list[str]) -> None:
        found = read(resolve, preset, None, assignments)
        assert found is None or isinstance(found, Config)

    tries(check, st.lists(assignment, min_size=1, max_size=3), examples)


@repeated
def test_a_value_on_the_command_line_is_toml_or_a_bare_word(examples: int) -> None:
    def check(text: str) -> None:
        value = toml_value(text)
        assert isinstance(value, (str, int, float, bool, list, dict)) or value.isoformat()

    tries(check, BARE | st.sampled_from([*DEEP_TOML, "1\nother = 2"]), examples)


def test_a_line_break_in_a_value_begins_no_other_key() -> None:
    assert parse_overrides(["network.dim=8\nother = 2"]) == {"network": {"dim": "8\nother = 2"}}


@pytest.mark.parametrize("depth", [DEPTH, DEPTH + 1])
def test_toml_is_read_to_a_depth_and_no_deeper(depth: int) -> None:
    text = "a = " + "[" * (depth - 1) + "1" + "]" * (depth - 1)
    if depth <= DEPTH:
        assert "a" in parse_toml(text)
    else:
        with pytest.raises(ValueError, match=f"nested deeper than {DEPTH} levels"):
            parse_toml(text)


@repeated
def test_a_variant_has_one_spelling_or_is_refused(examples: int) -> None:
    inner = st.text(alphabet="ab=,[] \n1", max_size=12)

    def check(text: str) -> None:
        found = read(canonical, text)
        assert found is None or canonical(found) == found

    tries(check, BARE | st.builds(lambda text: f"sfddm[{text}]", inner) | inner, examples)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("checkpoint") / "model.safetensors"
    spec = DenoiserSpec(network=UNetConfig(dim=8, dim_mults=(1,), channels=1), timesteps=8)
    save_denoiser(path, spec.fresh_network(0), spec)
    return path


@repeated
def test_a_checkpoint_is_loaded_or_refused(examples: int, checkpoint: Path, tmp_path: Path) -> None:
    valid = checkpoint.read_bytes()
    length = int.from_bytes(valid[:8], "little")
    header, tensors = json.loads(valid[8 : 8 + length]), valid[8 + length :]
    spec = json.loads(header["__metadata__"]["sfddm"])
    assert read(load_denoiser, checkpoint) is not None
    path = tmp_path / "model.safetensors"

    def with_header(text: bytes) -> bytes:
        return len(text).to_bytes(8, "little") + text + tensors

    def with_spec(text: bytes) -> bytes:
        metadata = {"sfddm": text.decode("utf-8", "replace")}
        return with_header(json.dumps(header | {"__metadata__": metadata}).encode())

    def check(data: bytes) -> None:
        path.write_bytes(data)
        found = read(read_spec, path)
        assert found is None or isinstance(found, DenoiserSpec)
        loaded = read(load_denoiser, path)
        assert loaded is None or loaded[1] == found

    of_header = files(json.dumps(header).encode(), header).map(with_header)
    of_spec = files(json.dumps(spec).encode(), spec).map(with_spec)
    sizes = st.builds(
        lambda key, value: with_spec(json.dumps(spec | {"network": spec["network"] | {key: value}}).encode()),
        st.sampled_from(list(spec["network"])),
        st.integers() | st.lists(st.integers(), max_size=3),
    )
    lengths = st.integers(0, 2**64 - 1).map(lambda length: length.to_bytes(8, "little") + valid[8:])
    tries(check, files(valid) | of_header | of_spec | sizes | lengths, examples)


@pytest.mark.parametrize("network", [{"dim": 2**40}, {"dim": 80_000}, {"dim_mults": [1] * 10**6}, {"heads": 2**31}])
def test_a_checkpoint_that_says_it_is_huge_takes_no_memory(network: dict[str, Any], checkpoint: Path) -> None:
    with safe_open(checkpoint, framework="pt") as file:
        spec = json.loads(file.metadata()["sfddm"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    path = checkpoint.with_name("huge.safetensors")
    spec["network"] |= network
    path.write_bytes(save(tensors, metadata={"sfddm": json.dumps(spec)}))
    with pytest.raises(InputError):
        load_denoiser(path)


@repeated
def test_a_training_state_is_the_newest_whole_one_or_none(examples: int, tmp_path: Path) -> None:
    state = {"training": {"network": {"weight": torch.ones(2)}, "iteration": 3}, "losses": [(1, 0.5)]}
    save_state(tmp_path, 1, state)
    [first] = saved_states(tmp_path)
    valid = first.read_bytes()

    def check(given: tuple[bytes, bool]) -> None:
        data, sealed = given
        sha256 = hashlib.sha256(data).hexdigest()[:16] if sealed else "0" * 16
        path = tmp_path / f"resume-000000002-{sha256}.pt"
        path.write_bytes(data)
        said: list[str] = []
        found = load_state(tmp_path, said.append)
        assert isinstance(found, dict)
        if path.exists():  # it was taken: only a file with the right hash may be
            assert sealed
            path.unlink()
        else:
            assert found.keys() == state.keys()
            assert len(said) == 1
            assert said[0].startswith(str(path))
            assert "\n" not in said[0]

    tries(check, st.tuples(files(valid), st.booleans()), examples)


class Told:
    """What of a job a shard's check needs."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.display, self.said = folder, self, []

    def say(self, line: str) -> None:
        self.said.append(line)

    def log(self, line: str) -> None:
        self.said.append(line)


@repeated
def test_a_shard_is_whole_with_its_cost_or_is_sampled_again(examples: int, tmp_path: Path) -> None:
    pixels = torch.arange(2 * 3 * 4 * 4, dtype=torch.uint8).reshape(2, 3, 4, 4).numpy()
    images = range(0, 2)
    path = shard_path(tmp_path, images)
    shard = Shard(hashlib.sha256(pixels.data).hexdigest(), 1, 4, 0.5)
    write_shard(path, pixels, shard)
    about, data = path.with_suffix(".json").read_bytes(), path.read_bytes()

    def check(given: tuple[bytes, bool]) -> None:
        changed, of_pixels = given
        path.write_bytes(changed if of_pixels else data)
        path.with_suffix(".json").write_bytes(about if of_pixels else changed)
        job = Told(tmp_path)
        whole = is_whole(job, images)  # type: ignore[arg-type]
        assert len(job.said) == 1
        assert path.with_suffix(".json").exists() == whole
        if whole:
            found = read_shard(path)
            assert (path.read_bytes(), found.sha256) == (data, shard.sha256)
            assert found.units > 0
            assert found.calls >= 0
            assert 0 <= found.seconds < float("inf")

    given = st.tuples(files(about, json.loads(about)), st.just(False)) | st.tuples(damaged(data), st.just(True))
    tries(check, given, examples)
    with suppress(FileNotFoundError):
        path.unlink()
    path.with_suffix(".json").write_bytes(about)
    assert not is_whole(Told(tmp_path), images)  # type: ignore[arg-type]


@repeated
def test_a_record_is_read_or_refused(examples: int, tmp_path: Path) -> None:
    path = write_record(tmp_path, made("sfddm", 4, 0))
    valid = json.loads(path.read_text())
    whole = read_record(path)

    def check(given: tuple[bytes, bool]) -> None:
        data, with_seal = given
        with suppress(ValueError, RecursionError):
            values = json.loads(data)
            if with_seal and isinstance(values, dict):
                data = json.dumps(sealed(values)).encode()
        path.write_bytes(data)
        found = read(read_record, path)
        assert found is None or isinstance(found, Record)
        assert found in (None, whole) or with_seal  # changed, and read all the same: only if it was sealed again

    tries(check, st.tuples(files(json.dumps(valid).encode(), valid), st.booleans()), examples)


@pytest.fixture
def stage(tmp_path: Path) -> StageFolder:
    """A done stage."""
    folder = StageFolder(tmp_path / f"fold-{'a' * 16}")
    folder.path.mkdir()
    (folder.path / "model.pt").write_bytes(b"weights")
    parents = {"teacher-" + "b" * 16: {"model.pt": "c" * 64}}
    write_marker(folder.path / DONE, {"seconds": 1.5, **folder.hashes(), "parents": parents})
    return folder


@repeated
def test_a_done_marker_is_read_or_is_a_fault(examples: int, stage: StageFolder) -> None:
    path = stage.path / DONE
    valid = json.loads(path.read_text())
    assert stage.fault(every_hash=True) is None

    def check(data: bytes) -> None:
        path.write_bytes(data)
        found = read(stage.marker)
        assert found is None or isinstance(found["sha256"], dict)
        fault = StageFolder(stage.path).fault(every_hash=True)
        assert (fault is None) or "\n" not in fault
        assert fault or found

    tries(check, files(json.dumps(valid).encode(), valid), examples)


@repeated
def test_a_stages_settings_are_read_or_empty(examples: int, stage: StageFolder) -> None:
    valid = {"kind": "fold", "label": "fold 1", "settings": {"a": [1, 2]}, "parents": ["b" * 16]}

    def check(data: bytes) -> None:
        (stage.path / SETTINGS).write_bytes(data)
        found = StageFolder(stage.path)
        assert isinstance(found.settings, dict)
        assert found.label is None or isinstance(found.label, str)
        assert all(isinstance(key, str) for key in found.parents)

    tries(check, files(json.dumps(valid).encode(), valid), examples)


@repeated
def test_a_sweep_is_read_or_named_and_left_out(examples: int, tmp_path: Path) -> None:
    cell = RequestedCell(method="ddim", steps=4, seed=0, record="records/a/b.json", stages=(f"fold-{'a' * 16}",))
    path = write_request(tmp_path, RequestedSweep(dataset="digits", resolution=8, scale="smoke", cells=(cell,)))
    valid = json.loads(path.read_text())

    def check(data: bytes) -> None:
        path.write_bytes(data)
        said: list[str] = []
        found = read_requests(tmp_path, said.append)
        assert len(found) + len(said) == 1
        assert all(line.startswith(str(path)) for line in said)

    tries(check, files(json.dumps(valid).encode(), valid), examples)


@repeated
def test_a_manifest_is_read_or_refused(examples: int, tmp_path: Path) -> None:
    folder = tmp_path / "cifar10" / "32"
    folder.mkdir(parents=True)
    valid = {
        "schema_version": 2,
        "name": "cifar10",
        "dataset": "cifar10",
        "resolution": 32,
        "count": 4,
        "source_kind": "zip",
        "source_name": "a.zip",
        "source_count": 5,
        "preprocessing": "none",
        "preprocessing_rule": "as it is",
        "versions": {"pillow": "11"},
        "lossy": False,
        "classes": ["a", "b"],
        "corrupt": ["c.png"],
        "sha256": "0" * 64,
        "labels_sha256": "1" * 64,
        "left_out": {"hidden": 2},
    }
    (folder / MANIFEST).write_text(json.dumps(valid))
    assert read_manifest(folder).count == 4

    def check(data: bytes) -> None:
        (folder / MANIFEST).write_bytes(data)
        found = read(read_manifest, folder)
        assert found is None or isinstance(found, Manifest)

    tries(check, files(json.dumps(valid).encode(), valid), examples)
