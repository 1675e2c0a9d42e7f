"""The verdicts of the claims on records whose answer is known, and each rule's edges."""

import itertools
import json
import math
from pathlib import Path
from typing import Any

import pytest
from helpers.command_line import sfddm_bench
from helpers.made_records import changed

from bench.claims.claims import CLAIMS, HIGH_QUALITY, KEPT, NEGLIGIBLE, decide
from bench.claims.effects import distance_ratios
from bench.claims.setups import setups
from bench.claims.verdicts import Claim, Verdict, combined, judge
from bench.config.preset import load_preset
from bench.config.resolve import resolve
from bench.config.settings import Scale
from bench.experiments.experiment import load_experiment
from bench.records.record import Record, write_record
from sfddm.grids import timesteps

T = 1024
SEEDS = (0, 1, 2)
# Student's t with 2 degrees of freedom has a quantile in closed form: (2p - 1) / sqrt(2 p (1 - p)), here p = 97.5 %.
T_QUANTILE_2 = 0.95 / math.sqrt(2 * 0.975 * 0.025)

CONFIG = {
    "teacher": {"timesteps": T, "weights": None},
    "methods": {"sfddm": {"output_weight": 1.0, "hidden_weight": 1.0}},
}


def record(
    method: str,
    steps: int,
    distance: float,
    seed: int = 0,
    half: float | None = 0.0,
    scale: str = "paper",
    kind: str = "trailing",
    folds: int | None = None,
    **more: Any,
) -> Record:
    """Return a record with what claims read; `half` is half its interval, as a part of the distance."""
    usual = 1 if method.startswith("sfddm") else int(math.log2(T // steps)) if method == "pd" else 0
    low, high = (None, None) if half is None else (distance * (1 - half), distance * (1 + half))
    measured = {"name": "FID", "value": distance, "low": low, "high": high}
    values = {
        "key": f"{method}{steps}{seed}",
        "dataset": "cifar10",
        "dataset_sha256": "0",
        "preprocessing": "none",
        "resolution": 32,
        "method": method,
        "steps": steps,
        "nfe": steps,
        "timesteps": timesteps(kind, T, steps),
        "sampling": {"sampler": "ddim", "eta": 0.0, "clip": "x0"},
        "seed": seed,
        "scale": scale,
        "feature_space": "inception-2015",
        "quality": {"images": 10, "reference_images": 10, "distance": measured},
        "training_cost": {"evaluations": 0, "seconds": 0.0, "folds": usual if folds is None else folds},
        "config": CONFIG,
        "versions": {},
        "machine": {},
        "git": {},
    }
    return Record.model_validate(values | more)


def evidence(found: Verdict) -> str:
    """Return every measured test of every setup, in one text."""
    tests = [test for finding in found.findings for test in finding.tests]
    return "; ".join(f"{test.measured} {test.effect.text}" for test in tests if test.effect is not None)


def verdict(number: int, records: list[Record]) -> Verdict:
    return decide(records)[number - 1]


def over_seeds(cells: list[Record], factors: tuple[float, ...] = (1.0, 1.0, 1.0)) -> list[Record]:
    """Return cells under three seeds; the distances of the student, plain, are times a factor for each."""
    found = []
    for seed, factor in zip(SEEDS, factors, strict=True):
        for cell in cells:
            times = factor if cell.method == "sfddm" else 1.0
            own = changed(cell, seed=seed, key=f"{cell.method}{cell.steps}{seed}")
            if times != 1.0:
                own = changed(own, quality__distance__value=cell.quality.distance.value * times)  # type: ignore[union-attr,operator]
            found.append(own)
    return found


def any_steps(student: float = 10.0, **more: Any) -> list[Record]:
    return over_seeds(
        [
            cell
            for steps in (3, 7, 10)
            for cell in (
                record("sfddm", steps, student, **more),
                record("ddim", steps, 10.0),
                record("pd", steps, 9.0),
            )
        ]
    )


def test_without_records_of_the_method_every_claim_is_undecided_and_names_its_cells_and_command() -> None:
    for found in decide([record("ddim", 10, 10.0)]):
        assert found.verdict == "undecided"
        assert found.missing
        assert "sfddm-bench reproduce " in found.missing


def test_claim_1_is_decided_by_folds_and_by_what_the_student_keeps() -> None:
    assert verdict(1, any_steps()).verdict == "supported"
    assert verdict(1, any_steps(student=10 * KEPT * 1.01)).verdict == "not supported"
    assert verdict(1, any_steps(folds=2)).verdict == "not supported"
    assert verdict(1, any_steps(nfe=11)).verdict == "not supported"


@pytest.mark.parametrize(
    ("gone", "said"),
    [
        ("pd", "pd at 256 steps or fewer"),
        ("ddim", "ddim on the timesteps of sfddm"),
        ("sfddm", "sfddm at 3 step counts"),
    ],
)
def test_claim_1_without_one_of_its_methods_is_undecided(gone: str, said: str) -> None:
    found = verdict(1, [cell for cell in any_steps() if cell.method != gone])
    assert found.verdict == "undecided"
    assert said in found.missing


def test_claim_1_counts_no_power_of_two() -> None:
    powers = [record(name, steps, 10.0) for steps in (2, 4, 8) for name in ("sfddm", "ddim", "pd")]
    assert "has: none" in verdict(1, powers).missing


def test_a_chain_that_is_shorter_than_its_formula_does_not_support_claim_1() -> None:
    cells = [changed(c, training_cost__folds=1) if c.method == "pd" else c for c in any_steps()]
    assert verdict(1, cells).verdict == "not supported"


def lists(factor: float) -> list[Record]:
    cells = [record("sfddm", 16, 8.0), record("ddim", 16, 8.0)]
    for name in "AB":
        cells += [
            record(f"sfddm[subsequence={name}]", 16, 20.0 * factor, kind=name),
            record(f"ddim[grid={name}]", 16, 20.0, kind=name),
        ]
    return over_seeds(cells)


def test_claim_2_holds_each_list_against_the_teacher_on_that_list() -> None:
    found = verdict(2, lists(1.1))
    assert found.verdict == "supported"
    assert "distance of sfddm[subsequence=A] / sfddm, at 16 steps 2.75" in evidence(
        found
    )  # 22 / 8: reported, and decides nothing
    assert verdict(2, lists(KEPT * 1.01)).verdict == "not supported"
    assert verdict(2, [c for c in lists(1.1) if not c.method.endswith("B]")]).verdict == "undecided"
    uniform = [c.model_copy(update={"timesteps": timesteps("leading", T, 16)}) for c in lists(1.1)]
    assert verdict(2, uniform).verdict == "undecided"


def loss(both: float, alone: float, factors: tuple[float, ...] = (0.99, 1.0, 1.01)) -> list[Record]:
    return over_seeds([record("sfddm", 4, both), record("sfddm[hidden_weight=0]", 4, alone)], factors)


def test_claim_3_asks_the_hidden_term_to_lower_the_distance_beyond_the_interval() -> None:
    assert verdict(3, loss(9.0, 10.0)).verdict == "supported"
    wide = verdict(3, loss(9.95, 10.0, (0.9, 1.0, 1.1)))
    assert wide.verdict == "undecided"
    assert "a narrower interval: more seeds" in wide.missing
    assert verdict(3, loss(10.0 * (1 - NEGLIGIBLE / 2), 10.0, (0.999, 1.0, 1.001))).verdict == "supported"
    assert verdict(3, loss(10.0, 10.0, (0.995, 1.0, 1.005))).verdict == "not supported"
    assert verdict(3, loss(12.0, 10.0)).verdict == "not supported"


def test_claim_3_says_which_gain_its_test_would_have_seen() -> None:
    wide, narrow = (verdict(3, loss(10.0, 10.0, (1 - by, 1.0, 1 + by))) for by in (0.1, 0.005))
    chances = [one.findings[0].tests[0].power for one in (wide, narrow)]
    assert chances[1] == "a gain of 10% would be seen in 100%"
    assert 5 < int(chances[0].removeprefix("a gain of 10% would be seen in ").rstrip("%")) < 40


def test_claim_3_is_not_decided_where_sfddm_was_run_without_the_hidden_term() -> None:
    config = CONFIG | {"methods": {"sfddm": {"output_weight": 1.0, "hidden_weight": 0.0}}}
    cells = [cell.model_copy(update={"config": config}) for cell in loss(9.0, 10.0)]
    assert verdict(3, cells).verdict == "undecided"


def few(student: float, control: float, full: float = 5.0, **more: Any) -> list[Record]:
    return over_seeds([record("sfddm", 10, student, **more), record("ddim", 10, control), record("ddim", 100, full)])


def test_claim_4_needs_both_the_quality_and_to_beat_the_teacher_on_the_same_timesteps() -> None:
    assert verdict(4, few(6.0, 13.0)).verdict == "supported"
    assert verdict(4, few(5.0 * HIGH_QUALITY * 1.01, 13.0)).verdict == "not supported"
    without_gain = verdict(4, few(6.0, 6.0))
    assert without_gain.verdict == "not supported"
    assert "the teacher's on the same timesteps, at 10 steps 1 [1, 1] (" in evidence(without_gain)
    assert "the teacher's at 100 1.2 [" in evidence(without_gain)


def test_claim_4_takes_its_control_on_the_students_own_timesteps_only() -> None:
    def with_control(**other: Any) -> Verdict:
        return verdict(4, [changed(c, **other) if (c.method, c.steps) == ("ddim", 10) else c for c in few(6.0, 13.0)])

    assert with_control().verdict == "supported"
    found = with_control(timesteps=timesteps("leading", T, 10))
    assert found.verdict == "undecided"
    assert "ddim on the timesteps of sfddm at 10 steps" in found.missing
    assert with_control(sampling={"sampler": "ancestral"}).verdict == "undecided"


def test_claim_4_is_about_one_percent_of_the_steps() -> None:
    for steps in (4, 16):
        cells = [record("sfddm", steps, 6.0), record("ddim", steps, 13.0), record("ddim", 100, 5.0)]
        assert "sfddm at 6 to 10 steps" in verdict(4, cells).missing


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("seeds", [1, 2])
def test_below_three_complete_seeds_no_distance_decides_however_small_or_large(number: int, seeds: int) -> None:
    for student, path in ((0.1, 0.1), (1000.0, 100.0)):
        cells = any_steps(student) + lists(student / 20) + loss(student, 10.0) + few(student, 13.0)
        cells += over_seeds(consistent(0.9, 0.9, path))
        found = verdict(number, [cell for cell in cells if cell.seed < seeds])
        assert found.verdict == "undecided"
        assert f"3 seeds that all sides have (has: {seeds})" in found.missing


def test_an_interval_of_few_seeds_is_said_to_be_of_sampling_only() -> None:
    cells = [cell for cell in few(6.0, 13.0, half=0.1) if cell.seed == 0]
    assert "1.2 [1.09, 1.33] (1 seed: sampling only)" in evidence(verdict(4, cells))
    without = [changed(cell, quality__distance__low=None) for cell in cells]
    assert "1.2 (1 seed: no interval)" in evidence(verdict(4, without))


def test_seeds_that_failed_or_lack_their_pair_are_left_out_and_said() -> None:
    cells = few(6.0, 13.0) + [changed(few(6.0, 13.0)[0], seed=seed, key=f"{seed}") for seed in (3, 4)]
    cells[-1] = changed(cells[-1], failure="loss is not finite", quality=None)
    found = verdict(4, cells)
    assert found.verdict == "supported"
    said = "the teacher's on the same timesteps, at 10 steps 0.462 [0.462, 0.462] (3 seeds, 2 degrees of freedom; "
    assert said + "failed: seed 4; without a pair: seed 3)" in evidence(found)


def consistent(ssim: float, cosine: float, path: float, seed: int = 0) -> list[Record]:
    near = {
        "ssim": ssim,
        "ssim_unrelated": 0.2,
        "cosine": cosine,
        "cosine_unrelated": 0.5,
        "psnr": 20.0,
        "psnr_unrelated": 9.0,
        "identical": 0,
        "images": 8,
    }
    return [
        record("sfddm", 10, 6.0, seed, consistency=near, interpolation=paths(path)),
        record("ddim", 100, 5.0, seed, interpolation=paths(2.0)),
    ]


def paths(ratio: float) -> dict[str, Any]:
    one = {"length": ratio, "ends": 1.0, "ratio": ratio, "largest_step": 0.2, "paths": 8}
    return {"linear": one, "spherical": one}


def test_claim_5_reads_consistency_on_the_scale_of_unrelated_images_and_paths_against_the_teachers() -> None:
    def of(ssim: float, cosine: float, path: float) -> str:
        return verdict(5, over_seeds(consistent(ssim, cosine, path))).verdict

    assert of(0.7, 0.8, 2.2) == "supported"
    assert of(0.55, 0.8, 2.2) == "not supported"  # (0.55 - 0.2) / 0.8 < 0.5
    assert of(0.7, 0.7, 2.2) == "not supported"
    assert of(0.7, 0.8, 2.0 * KEPT * 1.01) == "not supported"
    assert verdict(5, [c for c in over_seeds(consistent(0.7, 0.8, 2.2)) if c.method == "sfddm"]).verdict == "undecided"


def test_claim_5_over_three_seeds_goes_by_the_interval() -> None:
    wide = [cell for seed, ssim in enumerate((0.55, 0.7, 0.85)) for cell in consistent(ssim, 0.8, 2.2, seed)]
    assert verdict(5, wide).verdict == "undecided"


def test_a_ratio_over_three_seeds_has_students_interval_of_the_paired_logarithms() -> None:
    pairs = [
        (record("sfddm", 4, 10.0 * f, seed), record("ddim", 4, 10.0, seed)) for seed, f in enumerate((0.8, 0.9, 1.0))
    ]
    logs = [math.log(f) for f in (0.8, 0.9, 1.0)]
    centre = sum(logs) / 3
    half = T_QUANTILE_2 * math.sqrt(sum((x - centre) ** 2 for x in logs) / 2 / 3)
    effect = distance_ratios({"": pairs})[""]
    assert (effect.value, effect.low, effect.high) == pytest.approx(
        (math.exp(centre), math.exp(centre - half), math.exp(centre + half)), rel=1e-12
    )


def test_a_ratio_of_one_seed_adds_the_relative_intervals_in_quadrature() -> None:
    pair = (record("sfddm", 4, 8.0, half=0.03), record("ddim", 4, 10.0, half=0.04))
    effect = distance_ratios({"": [pair]})[""]
    assert effect.low == pytest.approx(0.8 * math.exp(-0.05), rel=1e-12)
    assert effect.high == pytest.approx(0.8 * math.exp(0.05), rel=1e-12)


def test_records_of_two_configurations_are_never_compared() -> None:
    other = {**CONFIG, "evaluation": {"images": 7}}
    cells = [changed(c, config=other) if (c.method, c.steps) == ("ddim", 10) else c for c in few(6.0, 13.0)]
    assert [len(setup.records) for setup in setups(cells)] == [6, 3]
    assert verdict(4, cells).verdict == "undecided"


def test_the_largest_scale_at_hand_decides_and_smoke_never_does() -> None:
    smoke, quick = (
        [cell.model_copy(update={"scale": scale}) for cell in few(20.0, 13.0)] for scale in ("smoke", "quick")
    )
    alone = verdict(4, smoke)
    assert (alone.verdict, alone.findings[0].verdict) == ("undecided", "not supported")
    assert "records of scale quick or paper" in alone.missing
    assert verdict(4, [*smoke, *quick]).verdict == "not supported"
    assert verdict(4, [*smoke, *quick, *few(6.0, 13.0)]).verdict == "supported"


def test_failed_cells_and_the_floor_are_no_evidence() -> None:
    cells = few(6.0, 13.0)
    failed = [changed(c, failure="out of memory", quality=None) if c.method == "sfddm" else c for c in cells]
    floor = record("ddim", 10, 1.0).model_copy(update={"method": "real data", "steps": None})
    found = verdict(4, [*failed, floor])
    assert found.verdict == "undecided"
    assert "sfddm at 6 to 10 steps" in found.missing


@pytest.mark.parametrize("scale", ["smoke", "quick"])
@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.experiments[0])
def test_the_experiments_that_a_claim_names_make_every_cell_it_needs(claim: Claim, scale: Scale) -> None:
    config = resolve(load_preset("digits"), scale)
    cells = {}
    for experiment in (load_experiment(name).at(scale) for name in claim.experiments):
        for (name, steps), seed in itertools.product(
            experiment.wanted(), SEEDS if scale == "smoke" else experiment.seeds
        ):
            method = config.method(name)
            own = changed(
                record("ddim", steps, 10.0, seed),
                method=name,
                timesteps=method.timesteps(steps),
                sampling=method.sampling(),
                training_cost__folds=len(method.folds(steps)),
                scale=scale,
                config=config.model_dump(mode="json"),
            )
            measured = {"consistency", "interpolation"} & set(experiment.metrics)
            near = consistent(0.7, 0.8, 2.2, seed)[0]
            own = own.model_copy(update={metric: getattr(near, metric) for metric in measured})
            known = cells.get((name, steps, seed))
            cells[name, steps, seed] = (
                own if known is None else known.model_copy(update={metric: getattr(own, metric) for metric in measured})
            )
    (finding,) = judge(claim, setups(list(cells.values()))).findings
    assert finding.verdict != "undecided", finding.tests


def test_a_verdict_needs_every_test_and_one_failure_is_enough() -> None:
    assert combined([True, True]) == "supported"
    assert combined([True, None]) == "undecided"
    assert combined([None, False]) == "not supported"
    assert combined([]) == "undecided"


def test_the_command_writes_both_files_and_exits_with_0(tmp_path: Path) -> None:
    for cell in [*few(6.0, 13.0), *any_steps()]:
        write_record(tmp_path, cell)
    run = sfddm_bench("claims", str(tmp_path))
    assert run.returncode == 0, run.stderr
    assert "SUPPORTED  1." in run.stdout
    found = json.loads((tmp_path / "claims.json").read_text())
    assert [one["number"] for one in found] == [1, 2, 3, 4, 5]
    assert {one["verdict"] for one in found} <= {"supported", "not supported", "undecided"}
    page = (tmp_path / "claims.md").read_text()
    for one in found:
        assert one["rule"] in page
    before = (tmp_path / "claims.json").read_bytes(), page
    assert sfddm_bench("claims", str(tmp_path)).returncode == 0
    assert before == ((tmp_path / "claims.json").read_bytes(), (tmp_path / "claims.md").read_text())


def test_a_folder_without_records_is_refused_in_one_line(tmp_path: Path) -> None:
    for folder, said in (
        (tmp_path, "no records in"),
        (tmp_path / "none", "there is no such folder; name a run folder"),
    ):
        run = sfddm_bench("claims", str(folder))
        assert run.returncode == 2
        assert said in run.stderr
        assert run.stderr.count("\n") == 1
