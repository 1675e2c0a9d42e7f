"""Consistency and interpolation as metrics of a run: what is in the records, and what is compared with what."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from bench.config.preset import load_preset
from bench.config.resolve import resolve
from bench.config.variants import methods_by_steps
from bench.datasets.registry import load
from bench.metrics import METRICS
from bench.records.pictures import full_length_of, sheet_of
from bench.records.record import REAL, Record, read_records
from bench.run.local import run_sweep
from bench.run.sweep import make_sweep
from bench.run.worker import Worker
from bench.stages import sampling
from bench.stages.interpolation import path_latents
from bench.stages.sampling import ShardSampler
from bench.store.progress import Display
from sfddm.errors import InputError
from sfddm.noise import ImageNoise, latents

TIMESTEPS = 8
LOW_BITS = 1e-3  # share of values that batches of 2 and of 64 round differently
DIGITS = load("digits", 8, None, 0.2)
CONFIG = resolve(
    load_preset("digits"),
    "smoke",
    [
        f"teacher.timesteps={TIMESTEPS}",
        "teacher.iterations=3",
        "classifier.epochs=1",
        "evaluation.consistency_images=6",
    ],
    images=20,
)


def run(
    out: Path, methods: Sequence[str], steps: Sequence[int], metrics: Sequence[str]
) -> dict[tuple[str, int | None], Record]:
    sweep = make_sweep(CONFIG, DIGITS, methods_by_steps(methods, steps), [0], None, metrics)
    return {(record.method, record.steps): record for record in run_sweep(sweep, Worker(out, "cpu", Display()))}


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[tuple[str, int | None], Record]]:
    out = tmp_path_factory.mktemp("run")
    return out, run(out, ["ddim", "ddpm"], [2, TIMESTEPS], METRICS)


def test_ddim_over_all_timesteps_is_the_teachers_full_length_sampling(measured) -> None:
    found = measured[1]["ddim", TIMESTEPS]
    assert found.consistency.identical == found.consistency.images == 6
    assert (found.consistency.psnr, found.consistency.ssim) == (None, 1.0)
    assert found.reasons["consistency.psnr"] == "every pair is equal in every pixel"
    assert found.consistency.cosine == pytest.approx(1, abs=1e-9)
    fewer = measured[1]["ddim", 2].consistency
    assert fewer.identical < 6
    assert fewer.ssim < 1
    assert fewer.ssim_unrelated < fewer.ssim


def test_the_full_length_images_are_one_stage_for_all_methods_and_start_from_the_shared_latents(measured) -> None:
    out, _ = measured
    (folder,) = out.glob("stages/full-length-*")
    sweep = make_sweep(CONFIG, DIGITS, [("ddim", TIMESTEPS)], [0])
    (*_, cell) = sweep.cells
    assert folder.name in {stage.name for stage in cell.measures["consistency"].lineage}
    own = np.load(out / "stages" / cell.samples.name / "samples.npy", allow_pickle=False)
    assert np.array_equal(np.load(folder / "samples.npy", allow_pickle=False), own[:6])


def test_the_full_length_images_lie_beside_the_records_that_they_belong_to(measured) -> None:
    out, _ = measured
    (stage,) = out.glob("stages/full-length-*")
    (sheet,) = out.glob("records/*/full-length-*.png")
    with Image.open(sheet) as picture:
        images = np.load(stage / "samples.npy", allow_pickle=False)
        assert np.array_equal(np.asarray(picture), sheet_of(images))
    for record in read_records(out):
        assert full_length_of(record) == (None if record.method == REAL else sheet.name)


def test_interpolation_is_by_both_paths_and_has_a_picture_beside_the_record(measured) -> None:
    out, records = measured
    for (method, _), record in records.items():
        if method == REAL:
            assert record.reasons["interpolation"] == "real images have no latents"
            continue
        assert record.interpolation is not None
        for _, path in record.interpolation:
            assert path.length >= path.ends > 0
            assert path.paths == 3
        ends = [path.ends for _, path in record.interpolation]
        assert ends[0] == pytest.approx(ends[1], rel=1e-5)  # both paths join the same two latents
    pictures = list(out.glob("records/*/*-interpolation.png"))
    assert len(pictures) == 4
    with Image.open(pictures[0]) as picture:  # nine points a row; three pairs, a row for each path
        assert picture.width / picture.height == pytest.approx((9 * 9 + 1) / (6 * 9 + 1))


def test_the_points_at_the_ends_are_the_latents_own_images(measured) -> None:
    out, _ = measured
    for method in ("ddim", "ddpm"):  # of a stochastic sampler too: the start's later noise is its own
        (*_, cell) = make_sweep(CONFIG, DIGITS, [(method, 2)], [0]).cells
        paths = np.load(out / "stages" / cell.measures["interpolation"].name / "paths.npy", allow_pickle=False)
        own = np.load(out / "stages" / cell.samples.name / "samples.npy", allow_pickle=False)
        for kind in range(2):
            assert np.abs(paths[kind, :, 0].astype(int) - own[0:6:2]).max() <= 1  # a rounding apart
            if method == "ddim":
                assert np.abs(paths[kind, :, -1].astype(int) - own[1:6:2]).max() <= 1


def test_path_latents_join_the_shared_latents_in_pairs() -> None:
    ends, found = latents(5, range(4), (1, 8, 8)), path_latents(5, 2, (1, 8, 8)).view(2, 2, 9, 1, 8, 8)
    for kind in range(2):
        torch.testing.assert_close(found[kind, :, 0], ends[0::2])
        torch.testing.assert_close(found[kind, :, -1], ends[1::2])
    torch.testing.assert_close(found[0, :, 4], (ends[0::2] + ends[1::2]) / 2)
    norms = found.flatten(3).norm(dim=3)
    least = norms[..., [0, -1]].min(-1).values
    assert (norms[0].min(-1).values < 0.85 * least[0]).all()
    assert (norms[1].min(-1).values >= 0.99 * least[1]).all()  # spherical keeps the norm between those of the ends


def test_given_latents_stand_in_for_the_first_draw_and_change_no_later_one() -> None:
    own = ImageNoise(0, [3, 4], (1, 2, 2))
    given = ImageNoise(0, [3, 4], (1, 2, 2), latents=torch.ones(2, 1, 2, 2))
    own.draw()
    assert torch.equal(given.draw(), torch.ones(2, 1, 2, 2))
    assert torch.equal(given.draw(), own.draw())


def test_what_is_not_asked_for_is_null_with_a_reason_and_what_is_done_is_kept(tmp_path: Path) -> None:
    alone = run(tmp_path, ["ddim"], [2], ["consistency"])
    assert (REAL, None) not in alone
    record = alone["ddim", 2]
    assert record.consistency is not None
    assert record.quality is record.protocol is record.distance is record.interpolation is None
    assert record.reasons["quality"] == record.reasons["interpolation"] == "not asked for (--metrics)"
    assert not list(tmp_path.glob("stages/reference-*"))
    both = run(tmp_path, ["ddim"], [2], ["quality"])["ddim", 2]
    assert both.key == record.key
    assert both.consistency == record.consistency
    assert both.quality is not None
    assert both.protocol.network == "digits-cnn"
    assert "quality" not in both.reasons


def test_an_unknown_metric_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="--metrics: 'fid' given, possible: quality, consistency, interpolation"):
        make_sweep(CONFIG, DIGITS, [("ddim", 2)], [0], None, ["fid"])


class Killed(BaseException):
    """Ends sampling as a kill would."""


@pytest.mark.parametrize("kind", ["full-length", "interpolation"])
def test_a_kill_loses_one_shard_of_the_full_length_images_and_of_the_paths(
    kind: str, measured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, _ = measured
    monkeypatch.setattr("sfddm.units.LARGEST_UNIT", 2)
    made: list[int] = []
    own = ShardSampler.shard

    def dies_once(self: ShardSampler, images: range) -> tuple[np.ndarray, sampling.Shard]:
        if kind in self.task.label:
            made.append(images.start)
            if len(made) == 3:
                raise Killed
        return own(self, images)

    monkeypatch.setattr(ShardSampler, "shard", dies_once)
    asked = [{"full-length": "consistency", "interpolation": "interpolation"}[kind]]
    with pytest.raises(Killed):
        run(tmp_path, ["ddim"], [2], asked)
    (folder,) = tmp_path.glob(f"stages/{kind}-*")
    assert len(list(folder.glob("resume*.shard"))) == 2
    run(tmp_path, ["ddim"], [2], asked)
    assert made[:4] == [*made[:3], made[2]]  # none but the third is sampled twice
    assert len(set(made)) == len(made) - 1
    assert not list(folder.glob("resume*"))
    name = {"full-length": "samples.npy", "interpolation": "paths.npy"}[kind]
    first = np.load(whole / "stages" / folder.name / name, allow_pickle=False)
    assert np.mean(first != np.load(folder / name, allow_pickle=False)) < LOW_BITS
