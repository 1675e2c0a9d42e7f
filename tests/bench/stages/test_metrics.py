"""Every quality metric of one set of features, and the protocol it is under."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.command_line import ROOT
from helpers.stand_in_inception import write_stand_in

from bench.config.preset import load_preset
from bench.config.resolve import resolve
from bench.config.sections import EvaluationSettings
from bench.config.settings import Config
from bench.datasets.dataset import Images
from bench.datasets.registry import load
from bench.metrics import frechet, neighbours
from bench.metrics import inception_score as inception_score_module
from bench.metrics.cmmd import CMMD, squared_discrepancy
from bench.metrics.frechet import Subsets, frechet_distance, reference
from bench.metrics.inception_score import inception_score
from bench.metrics.jackknife import jackknife
from bench.metrics.kid import kid
from bench.metrics.metric import NOT_HELD_OUT, Given
from bench.metrics.neighbours import neighbourhood, squared_distances
from bench.metrics.protocol import Protocol
from bench.metrics.quality import BUILT_IN, Quality, measure_quality, metrics_identity, metrics_in
from bench.records.measured import CLOSEST, read_quality
from bench.run.worker import Worker
from bench.stages import features, floor, held_out, metrics, statistics
from bench.stages import reference as reference_stage
from bench.stages.context import make_context
from bench.store import arrays
from bench.store.files import file_sha256, flat, write_json
from bench.store.marker import write_marker
from bench.store.progress import Display
from bench.store.stage import Job, Stage
from bench.upkeep.recompute import scales_of, unequal

SETTINGS = EvaluationSettings(feature_space="any", images=120, kid_subset=50, kid_subsets=4, seed=3)
DIGITS = load("digits", 8, None, 0.0)
APART = ("held_out", "memorisation.held_out_ratio", "memorisation.held_out_nearest")
# Of the trace: some features of digits are 0 everywhere, and roots of eigenvalues of about 1e-17 are in a distance.
ROUNDING = 1e-7


def drawn(n: int, seed: int, d: int = 8) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed)) + 0.2 * seed


def given(n: int, settings: EvaluationSettings = SETTINGS) -> Given:
    real = drawn(90, 0)
    return Given(drawn(n, 1), drawn(n, 2, 5).softmax(1), real, reference(real), settings, "any")


def test_each_field_is_its_metrics_value_under_the_settings_seed() -> None:
    one, done = given(120), list[int]()
    found, reasons = measure_quality(one, done.append)
    x, real = one.features, one.real
    assert found.distance.value == frechet_distance(x, real).value
    expected = jackknife(Subsets(x, reference(real)), 3)
    assert (found.distance.low, found.distance.high) == (expected.low, expected.high)
    assert found.distance.infinity == expected.infinity
    assert found.distance.name == "FD (any)"
    assert (found.kid.mean, found.kid.sd) == kid(x, real, 4, 50, 3)
    assert (found.inception_score.mean, found.inception_score.sd) == inception_score(one.probabilities, 10, 3)
    pairs = neighbourhood(x, real, 3)
    for name in ("precision_recall", "coverage", "memorisation"):
        assert getattr(found, name) == BUILT_IN[name].seen_in(pairs)[0]
    assert found.held_out is found.fresh is None
    assert (found.images, found.reference_images) == (120, 90)
    assert reasons == dict.fromkeys(APART, NOT_HELD_OUT)
    assert done == list(range(1, len(metrics_in("any")) + 1))


def test_cmmd_is_measured_in_clips_space_alone() -> None:
    one = replace(given(120), space="clip")
    assert measure_quality(one)[0].cmmd == CMMD(value=squared_discrepancy(one.features, one.real))
    assert measure_quality(given(120))[0].cmmd is None
    assert set(metrics_in("clip")) - set(metrics_in("any")) == {"cmmd"}
    assert metrics_identity("clip")["metrics"] == metrics_identity("any")["metrics"] | {"cmmd": 1}


def test_what_too_few_images_cannot_give_is_none_with_a_reason() -> None:
    found, reasons = measure_quality(given(12))
    assert found.distance.low is found.distance.high is found.distance.infinity is None
    assert reasons["distance.low"] == "fewer than 40 images"
    assert reasons["distance.infinity"] == "fewer than 40 images"
    one = given(12)
    assert found.kid.mean == kid(one.features, one.real, 4, 12, 3)[0]  # no subset is larger than the set
    found, reasons = measure_quality(given(3, SETTINGS.model_copy(update={"splits": 2})))
    for name in ("precision_recall", "coverage", "memorisation"):
        assert getattr(found, name) is None
        assert reasons[name] == "no more than 3 images"


def test_every_pair_is_multiplied_out_once_for_all_metrics_of_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    walks = []
    for name in ("between", "within"):
        walk = getattr(neighbours, name)
        monkeypatch.setattr(neighbours, name, lambda *sets, walk=walk: walks.append(len(sets)) or walk(*sets))
    measure_quality(given(120))
    assert sorted(walks) == [1, 1, 2]  # within the real ones, within the generated ones, and between them


def test_features_without_classes_have_no_inception_score() -> None:
    found, reasons = measure_quality(replace(given(120), probabilities=None))
    assert found.inception_score is None
    assert reasons == {"inception_score": "any has no class probabilities"} | dict.fromkeys(APART, NOT_HELD_OUT)


class Collected(Display):
    """Keeps what it is told to say."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


def samples(count: int) -> Stage:
    """A samples stage whose images are the first digits, a little darker."""

    def work(job: Job) -> None:
        np.save(job.folder / "samples.npy", DIGITS.pixels[:count] // 2)

    return Stage("samples", f"samples of {count} digits", {"count": count}, work)


def digits_config(*assignments: str) -> Config:
    return resolve(load_preset("digits"), "smoke", ["data.held_out=0", "classifier.epochs=1", *assignments])


class Judging:
    """The stages that judge images in one context."""

    def __init__(self, config: Config, images: Images = DIGITS, weights: Path | None = None):
        self.context = make_context(config, images, weights)
        self.reference = reference_stage.stage(self.context)
        self.statistics = statistics.stage(self.context, self.reference)
        self.held_out = held_out.stage(self.context, self.reference)

    def features(self, count: int) -> Stage:
        return features.stage(self.context, samples(count))

    def metrics(self, count: int) -> Stage:
        return metrics.stage(self.context, self.features(count), self.reference, self.statistics, self.held_out)

    def floor(self, seed: int) -> Stage:
        return floor.stage(self.context, self.reference, self.statistics, self.held_out, seed)


@pytest.fixture
def worker(tmp_path: Path) -> Worker:
    return Worker(tmp_path, "cpu", Collected())


def measured(worker: Worker, stage: Stage, space: str = "digits-cnn") -> tuple[Quality, Protocol]:
    """Do a stage and return what it measured."""
    worker.ensure(stage)
    return read_quality(worker.store.path(stage), space)[:2]


def array(worker: Worker, stage: Stage, file: str, name: str) -> np.ndarray:
    with np.load(worker.store.path(stage, file), allow_pickle=False) as arrays:
        return arrays[name]


def test_the_protocol_names_what_was_really_used_and_cells_of_all_seeds_share_it(worker: Worker) -> None:
    judging = Judging(digits_config())
    _, protocol = measured(worker, judging.metrics(100))
    assert (
        str(array(worker, judging.features(100), "features.npz", "features").dtype)
        == protocol.feature_dtype
        == "float32"
    )
    root, mean = (array(worker, judging.statistics, "statistics.npz", name) for name in ("root", "mean"))
    assert str(root.dtype) == str(mean.dtype) == protocol.statistics_dtype == "float64"
    assert (protocol.network, protocol.resize) == ("digits-cnn", "none")
    assert protocol.network_sha256 == worker.store.read(judging.reference, "extractor.json")["weights_sha256"]
    assert (protocol.images, protocol.reference_images, protocol.kid_subset_size) == (100, 1797, 50)
    assert (protocol.reference_sha256, protocol.lossy_reference) == (DIGITS.sha256, False)
    (one, protocol), (other, other_protocol) = (measured(worker, judging.floor(seed)) for seed in (0, 1))
    assert protocol.sha256 == other_protocol.sha256
    assert (protocol.images, protocol.reference_images) == (898, 899)
    assert one.distance.value != other.distance.value


def test_held_out_images_are_in_the_protocol_and_measured_beside_the_training_images(worker: Worker) -> None:
    images = load("digits", 8, None, 0.2)
    assert images.held_out is not None
    judging = Judging(digits_config("data.held_out=0.2", "evaluation.images=500"), images)
    found, protocol = measured(worker, judging.metrics(100))
    assert (protocol.reference_images, protocol.held_out_images) == (1438, 359)
    assert (protocol.reference_sha256, protocol.held_out_sha256) == (images.sha256, images.held_out.sha256)
    assert found.fresh is None

    real, apart = (features_of(worker, stage) for stage in (judging.reference, judging.held_out))
    own = features_of(worker, judging.features(100))
    assert found.held_out.value == pytest.approx(frechet_distance(own, apart).value, rel=1e-12)
    nearest = [torch.cdist(x.double(), real.double()).min(1).values.median().item() for x in (own, apart)]
    assert found.memorisation.held_out_nearest == pytest.approx(nearest[1], rel=1e-6)
    assert found.memorisation.held_out_ratio == pytest.approx(nearest[0] / nearest[1], rel=1e-6)

    floor, of_floor = measured(worker, judging.floor(0))
    assert (of_floor.held_out_images, of_floor.held_out_sha256) == (359, images.held_out.sha256)
    drawn = real[np.random.default_rng(0).permutation(1438)[:500]]
    assert floor.held_out.value == pytest.approx(frechet_distance(drawn, apart).value, rel=1e-4)
    assert (floor.fresh.images, floor.fresh.held_out) == (500, 359)
    assert floor.fresh.measured == pytest.approx(frechet_distance(apart, real).value, rel=1e-4)
    assert floor.fresh.distance < floor.fresh.measured
    assert any(line.startswith("classifier digits-cnn: right on ") for line in worker.display.lines)


def test_without_held_out_images_the_floor_says_why_it_has_no_fresh_sample(worker: Worker) -> None:
    stage = Judging(digits_config()).floor(0)
    worker.ensure(stage)
    quality, _, reasons = read_quality(worker.store.path(stage), "digits-cnn")
    assert quality.held_out is quality.fresh is None
    assert reasons["quality.held_out"] == NOT_HELD_OUT
    assert "real images are part of the reference" in reasons["quality.fresh"]


def test_the_references_root_is_found_once_for_all_cells(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(
        statistics, "reference_statistics", lambda features: calls.append(len(features)) or reference(features)
    )
    judging = Judging(digits_config())
    for count in (70, 80):
        found, _ = measured(worker, judging.metrics(count))
        real = array(worker, judging.reference, "features.npz", "features")
        own = array(worker, judging.features(count), "features.npz", "features")
        expected = frechet_distance(torch.from_numpy(own), torch.from_numpy(real)).value
        assert found.distance.value == pytest.approx(expected, rel=1e-12)
    assert calls == [1797]
    assert "statistics.npz" in worker.store.marker(judging.statistics)["sha256"]


def test_the_references_distances_are_found_once_for_all_cells(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their setting is in no key of theirs: with another one they are found again, to the same numbers."""
    found: list[int] = []
    for module in (neighbours, statistics):
        monkeypatch.setattr(module, "squared_distances", lambda x, k: found.append(len(x)) or squared_distances(x, k))
    judging = Judging(digits_config())
    first = [measured(worker, judging.metrics(count))[0] for count in (70, 80)]
    assert found == [1797, 70, 80]
    assert "radii.npz" in worker.store.marker(judging.statistics)["sha256"]
    assert "radii.npz" in worker.store.marker(judging.metrics(70))["parents"][judging.statistics.name]

    found.clear()
    other = Judging(digits_config("evaluation.neighbours=5"))
    real, own = (features_of(worker, stage) for stage in (judging.reference, judging.features(70)))
    pairs = neighbourhood(own, real, 5)
    found.clear()
    again = measured(worker, other.metrics(70))[0]
    assert again.precision_recall == BUILT_IN["precision_recall"].seen_in(pairs)[0]
    assert again.memorisation == first[0].memorisation  # of the nearest alone
    assert found == [1797, 70]

    for of_before in (without_radii, with_the_farthest_alone):
        found.clear()
        of_before(worker, judging.statistics)
        worker.force([judging.metrics(70)])
        assert measured(worker, judging.metrics(70))[0] == first[0]
        assert found == [1797, 70]


def features_of(worker: Worker, stage: Stage) -> torch.Tensor:
    return torch.from_numpy(array(worker, stage, "features.npz", "features"))


def test_the_images_nearest_to_real_ones_are_kept_with_those_nearest_first(worker: Worker) -> None:
    judging = Judging(digits_config())
    worker.ensure(judging.metrics(70))
    pairs = np.load(worker.store.path(judging.metrics(70), CLOSEST), allow_pickle=False)
    assert pairs.shape == (32, 2, 1, 8, 8)
    real, own = (features_of(worker, stage).double() for stage in (judging.reference, judging.features(70)))
    nearest, closest = torch.cdist(own, real).min(1)
    order = nearest.argsort()[:32].numpy()
    assert np.array_equal(pairs[:, 0], (DIGITS.pixels[:70] // 2)[order])
    assert np.array_equal(pairs[:, 1], DIGITS.pixels[closest[order].numpy()])
    few = Judging(digits_config("evaluation.splits=2")).metrics(3)  # no more images than neighbours
    worker.ensure(few)
    assert not worker.store.path(few, CLOSEST).exists()


def without_radii(worker: Worker, stage: Stage) -> None:
    """Turn a stage of the reference statistics into one of a version before they had radii."""
    folder = stage.folder(worker.store.run)
    marker = folder.marker()
    for known in (marker["sha256"], marker["bytes"]):
        del known["radii.npz"]
    (folder.path / "radii.npz").unlink()
    write_marker(folder.path / "done.json", marker)
    worker.store.forget(stage)


def with_the_farthest_alone(worker: Worker, stage: Stage) -> None:
    """Give a stage without radii those that versions before wrote: of the k-th neighbour alone."""
    folder = stage.folder(worker.store.run)
    np.savez(folder.path / "radii.npz", squared=np.ones(1797, np.float32), neighbours=3)
    marker = folder.marker()
    marker["sha256"]["radii.npz"] = file_sha256(folder.path / "radii.npz")
    marker["bytes"]["radii.npz"] = (folder.path / "radii.npz").stat().st_size
    write_marker(folder.path / "done.json", marker)
    worker.store.forget(stage)


def test_what_does_not_fit_in_memory_is_mapped_and_read_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judging = Judging(digits_config("data.held_out=0.2"), load("digits", 8, None, 0.2))
    stages = (judging.reference, judging.features(100), judging.metrics(100), judging.floor(0))
    names = ("features.npz", "features.npz", "metrics.json", "metrics.json")

    def files() -> list[bytes]:
        worker = Worker(tmp_path / str(arrays.LARGEST_IN_MEMORY), "cpu", Collected())
        for stage in stages:
            worker.ensure(stage)
        return [worker.store.path(*place).read_bytes() for place in zip(stages, names, strict=True)]

    whole = files()
    monkeypatch.setattr(arrays, "LARGEST_IN_MEMORY", 1000)
    monkeypatch.setattr(neighbours, "BLOCK", 100)
    for module in (frechet, inception_score_module):
        monkeypatch.setattr(module, "ROWS_AT_ONCE", 150)
    parts = files()
    assert parts[:2] == whole[:2]
    for one, other, stage in zip(parts[2:], whole[2:], stages[2:], strict=True):
        measured = (flat(json.loads(text)["quality"]) for text in (one, other))
        assert unequal(*measured, scales_of(Worker(tmp_path / "1000", "cpu", Collected()).store, stage), ROUNDING) == []


PROGRAM = """
import sys, threading, time
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
import numpy as np, torch
from bench.metrics import frechet, neighbours
from bench.metrics.metric import Given
from bench.metrics.quality import measure_quality
from bench.config.sections import EvaluationSettings
from bench.stages.features import read_features
from bench.store import arrays

def resident():  # bytes that belong to no file
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("RssAnon"))
    return int(line.split()[1]) * 1024

def measure(path):
    real = read_features(path).features
    given = Given(generated, None, real, frechet.reference(real), settings, "any")
    return measure_quality(given)[0].model_dump_json()

def watch():
    global peak
    while True:
        peak = max(peak, resident())
        time.sleep(0.002)

generated = torch.randn(600, 512, generator=torch.Generator().manual_seed(0))
settings = EvaluationSettings(feature_space="any", images=600, kid_subset=50, kid_subsets=4)
frechet.ROWS_AT_ONCE = neighbours.BLOCK = 512
arrays.LARGEST_IN_MEMORY = int(sys.argv[2])
small = Path(sys.argv[1]).with_name("small.npz")
measure(small)  # what libraries need
peak = before = resident()
threading.Thread(target=watch, daemon=True).start()
print(measure(Path(sys.argv[1])))
print(peak - before)
"""


@pytest.mark.slow
def test_memory_is_bounded_whatever_the_reference_has(tmp_path: Path) -> None:
    drawn = np.random.default_rng(0).random((20_000, 512), np.float32)  # 41 MB
    np.savez(tmp_path / "features.npz", features=drawn)
    np.savez(tmp_path / "small.npz", features=drawn[:2000])
    environment = os.environ | {"MALLOC_MMAP_THRESHOLD_": "65536"}  # what is freed is given back at once
    found = []
    for limit in (2**30, 0):
        command = [sys.executable, "-c", PROGRAM, str(tmp_path / "features.npz"), str(limit)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=True)
        found.append(done.stdout.splitlines())
    (whole, of_whole), (mapped, of_mapped) = found
    assert mapped == whole
    assert int(of_whole) > drawn.nbytes
    assert int(of_mapped) < drawn.nbytes / 3


def test_fewer_images_than_features_are_warned_of_in_one_line(worker: Worker) -> None:
    judging, said = Judging(digits_config()), worker.display.lines  # type: ignore[attr-defined]
    for count, warned in ((64, 1), (100, 0)):
        said.clear()
        worker.ensure(judging.metrics(count))
        line = f"{count} images are too few for a full-rank covariance of 64 features"
        assert sum(line in one for one in said) == warned


def test_the_two_resizes_of_one_network_are_two_protocols_and_two_feature_spaces(
    worker: Worker, tmp_path: Path
) -> None:
    weights, protocols, spaces = write_stand_in(tmp_path / "stand-in.pt"), [], []
    images = DIGITS.__class__(**{**vars(DIGITS), "pixels": DIGITS.pixels[:40]})
    for resize in ("clean", "legacy_tensorflow"):
        config = digits_config("evaluation.feature_space=inception", f"evaluation.resize={resize}")
        judging = Judging(config, images, weights)
        spaces.append(judging.context.space.name)
        protocols.append(measured(worker, judging.metrics(20), spaces[-1])[1])
        assert spaces[-1] == worker.store.read(judging.reference, "extractor.json")["name"]
    assert protocols[0].sha256 != protocols[1].sha256
    one, other = (protocol.model_dump() for protocol in protocols)
    assert {name for name in one if one[name] != other[name]} == {"resize"}
    assert [space.split()[-1] for space in spaces] == ["clean", "legacy_tensorflow"]


@pytest.mark.parametrize("change", [{"seed": 1}, {"kid_subset": 20}, {"neighbours": 5}, {"splits": 5}])
def test_each_setting_of_a_metric_is_part_of_its_stage(change: dict[str, Any]) -> None:
    given = [f"evaluation.{name}={value}" for name, value in change.items()]
    one, other = Judging(digits_config()), Judging(digits_config(*given))
    assert one.metrics(9).key != other.metrics(9).key
    assert one.statistics.key == other.statistics.key


def test_metrics_written_before_records_had_sections_are_read_as_today(worker: Worker, tmp_path: Path) -> None:
    judging = Judging(digits_config())
    found, protocol = measured(worker, judging.metrics(100))
    flat = {
        "images": 100,
        "reference_images": 1797,
        "distance": found.distance.value,
        "distance_low": found.distance.low,
        "distance_high": found.distance.high,
        "distance_infinity": found.distance.infinity,
        "distance_path": found.distance.path,
        "min_eigenvalue": found.distance.min_eigenvalue,
        "rank_deficient": found.distance.rank_deficient,
        "is_mean": found.inception_score.mean,
        "is_std": found.inception_score.sd,
        "kid_mean": found.kid.mean,
        "kid_std": found.kid.sd,
        "precision": found.precision_recall.precision,
        "recall": found.precision_recall.recall,
        "reasons": {"distance_low": "fewer than 40 images"},
    }
    write_json(tmp_path / "old" / "metrics.json", flat)
    write_json(tmp_path / "old" / "protocol.json", protocol.model_dump())
    again, same_protocol, reasons = read_quality(tmp_path / "old", "digits-cnn")
    of_then = found.model_copy(update={"coverage": None, "memorisation": None})
    assert (again, same_protocol) == (of_then, protocol)
    assert reasons == {"quality.distance.low": "fewer than 40 images"}
