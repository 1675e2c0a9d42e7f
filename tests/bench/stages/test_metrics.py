"""Every quality metric of one set of features, and the protocol it is under."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.stand_in_inception import write_stand_in

from bench.config.preset import load_preset
from bench.config.resolve import resolve
from bench.config.settings import Config, EvaluationSettings
from bench.datasets.registry import load
from bench.metrics.fid_infinity import fid_infinity
from bench.metrics.frechet import frechet_distance, reference
from bench.metrics.intervals import jackknife_interval
from bench.metrics.kid import kid
from bench.metrics.precision_recall import precision_recall
from bench.metrics.protocol import Protocol
from bench.metrics.quality import PARTS, Features, quality
from bench.stages.quality_stages import QualityStages
from bench.store.progress import Display
from bench.store.store import Stage, Store

SETTINGS = EvaluationSettings(feature_space="any", images=120, kid_subset=50, kid_subsets=4, seed=3)
DIGITS = load("digits", 8, None)


def drawn(n: int, seed: int, d: int = 8) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed)) + 0.2 * seed


def generated(n: int) -> Features:
    return Features(drawn(n, 1), drawn(n, 2, 5).softmax(1))


def test_each_field_is_its_metrics_value_under_the_settings_seed() -> None:
    x, real = generated(120), drawn(90, 0)
    done: list[int] = []
    found = quality(x, real, reference(real), SETTINGS, done.append)
    assert found["distance"] == frechet_distance(x.features, real).value
    assert (found["distance_low"], found["distance_high"]) == jackknife_interval(x.features, reference(real), 3)
    assert found["distance_infinity"] == fid_infinity(x.features, reference(real), 3).value
    assert (found["kid_mean"], found["kid_std"]) == kid(x.features, real, 4, 50, 3)
    assert (found["precision"], found["recall"]) == precision_recall(x.features, real)
    assert (found["images"], found["reference_images"], found["reasons"]) == (120, 90, {})
    assert done == list(range(1, PARTS + 1))


def test_what_too_few_images_cannot_give_is_null_with_a_reason() -> None:
    real = drawn(90, 0)
    found = quality(generated(12), real, reference(real), SETTINGS)
    assert found["distance_low"] is found["distance_high"] is found["distance_infinity"] is None
    assert found["reasons"]["distance_low"] == "fewer than 40 images"
    assert found["reasons"]["distance_infinity"] == "fewer than 20 images"
    assert found["kid_mean"] == kid(generated(12).features, real, 4, 12, 3)[0]  # no subset is larger than the set
    few = SETTINGS.model_copy(update={"splits": 2})
    assert quality(generated(3), real, reference(real), few)["reasons"]["precision"] == "no more than 3 images"


class Collected(Display):
    """Keeps what it is told to say."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


def samples(count: int) -> Stage:
    """A samples stage whose images are the first digits, a little darker."""

    def work(folder: Path, store: Store) -> None:
        np.save(folder / "samples.npy", DIGITS.pixels[:count] // 2)

    return Stage("samples", f"samples of {count} digits", {"count": count}, work)


def digits_config(*assignments: str) -> Config:
    return resolve(load_preset("digits"), "smoke", ["classifier.epochs=1", *assignments])


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path, "cpu", Collected())


def test_the_protocol_names_what_was_really_used_and_cells_of_all_seeds_share_it(store: Store) -> None:
    stages = QualityStages(digits_config(), DIGITS)
    cell, floors = stages.metrics(stages.features(samples(100))), [stages.floor(seed) for seed in (0, 1)]
    for stage in (cell, *floors):
        store.ensure(stage)
    protocol = Protocol(**store.read(cell, "protocol.json"))
    with np.load(store.folder(stages.features(samples(100))) / "features.npz", allow_pickle=False) as arrays:
        assert str(arrays["features"].dtype) == protocol.feature_dtype == "float32"
    with np.load(store.folder(stages.statistics()) / "statistics.npz", allow_pickle=False) as arrays:
        assert str(arrays["root"].dtype) == str(arrays["mean"].dtype) == protocol.statistics_dtype == "float64"
    assert (protocol.network, protocol.resize) == ("digits-cnn", "none")
    assert protocol.network_sha256 == store.read(stages.reference(), "extractor.json")["weights_sha256"]
    assert (protocol.images, protocol.reference_images, protocol.kid_subset_size) == (100, 1797, 50)
    assert (protocol.reference_sha256, protocol.lossy_reference) == (DIGITS.sha256, False)
    one, other = (Protocol(**store.read(floor, "protocol.json")) for floor in floors)
    assert one.sha256 == other.sha256
    assert (one.images, one.reference_images) == (898, 899)
    assert store.read(floors[0], "metrics.json")["distance"] != store.read(floors[1], "metrics.json")["distance"]


def test_the_references_root_is_found_once_for_all_cells(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    from bench.stages import quality_stages

    calls = []
    monkeypatch.setattr(
        quality_stages, "reference_statistics", lambda features: calls.append(len(features)) or reference(features)
    )
    stages = QualityStages(digits_config(), DIGITS)
    for count in (70, 80):
        stage = stages.metrics(stages.features(samples(count)))
        store.ensure(stage)
        real = np.load(store.folder(stages.reference()) / "features.npz", allow_pickle=False)["features"]
        own = np.load(store.folder(stages.features(samples(count))) / "features.npz", allow_pickle=False)["features"]
        expected = frechet_distance(torch.from_numpy(own), torch.from_numpy(real)).value
        assert store.read(stage, "metrics.json")["distance"] == pytest.approx(expected, rel=1e-12)
    assert calls == [1797]
    assert "statistics.npz" in store.read(stages.statistics(), "done.json")["sha256"]


def test_fewer_images_than_features_are_warned_of_in_one_line(store: Store) -> None:
    stages = QualityStages(digits_config(), DIGITS)
    for count, warned in ((64, 1), (100, 0)):
        store.display.lines.clear()  # type: ignore[attr-defined]
        store.ensure(stages.metrics(stages.features(samples(count))))
        said: list[str] = store.display.lines  # type: ignore[attr-defined]
        assert (
            sum(f"{count} images are too few for a full-rank covariance of 64 features" in line for line in said)
            == warned
        )


def test_the_two_resizes_of_one_network_are_two_protocols_and_two_feature_spaces(store: Store, tmp_path: Path) -> None:
    weights, protocols, spaces = write_stand_in(tmp_path / "stand-in.pt"), [], []
    images = DIGITS.__class__(**{**vars(DIGITS), "pixels": DIGITS.pixels[:40]})
    for resize in ("clean", "legacy_tensorflow"):
        config = digits_config("evaluation.feature_space=inception", f"evaluation.resize={resize}")
        stages = QualityStages(config, images, weights)
        stage = stages.metrics(stages.features(samples(20)))
        store.ensure(stage)
        protocols.append(Protocol(**store.read(stage, "protocol.json")))
        spaces.append(stages.space.name)
        assert spaces[-1] == store.read(stages.reference(), "extractor.json")["name"]
    assert protocols[0].sha256 != protocols[1].sha256
    assert protocols[0].differences(protocols[1]) == ["resize: clean | legacy_tensorflow"]
    assert [space.split()[-1] for space in spaces] == ["clean", "legacy_tensorflow"]


@pytest.mark.parametrize("change", [{"seed": 1}, {"kid_subset": 20}, {"neighbours": 5}, {"splits": 5}])
def test_each_setting_of_a_metric_is_part_of_its_stage(change: dict[str, Any]) -> None:
    one, other = (
        QualityStages(digits_config(*assignments), DIGITS)
        for assignments in ([], [f"evaluation.{name}={value}" for name, value in change.items()])
    )
    assert one.metrics(one.features(samples(9))).key != other.metrics(other.features(samples(9))).key
    assert one.statistics().key == other.statistics().key
