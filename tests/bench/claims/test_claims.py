"""The verdicts of the claims on records whose answer is known, and each rule's edges."""

import itertools
import json
import math
import re
from dataclasses import replace
from pathlib import Path
from statistics import stdev
from typing import Any

import pytest
from helpers.command_line import sfddm_bench
from helpers.made_records import changed

from bench.claims import calibration
from bench.claims.claims import CLAIMS, HIGH_QUALITY, KEPT, LEAST_PATHS, NEGLIGIBLE, decide
from bench.claims.effects import distance_ratios
from bench.claims.setups import setups
from bench.claims.verdicts import Claim, Verdict, combined, judge
from bench.commands.claims import claims
from bench.config.preset import load_preset
from bench.config.resolve import resolve
from bench.config.sections import Scale
from bench.experiments.experiment import load_experiment
from bench.records.record import Record, write_record
from sfddm.errors import InputError
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
    """Return a record with what claims read; `half` is half its interval, as a part of the distance.

    Students have seen as many images as their teacher.
    """
    trains = method.startswith(("sfddm", "pd"))
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
        "share": 1.0 if trains else None,
        "init": "random" if trains else None,
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
    """Return every measured test of the structure and of every setup, in one text."""
    tests = [*found.structure, *(test for finding in found.findings for test in finding.tests)]
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
        ("pd", "pd at T/4 steps or fewer"),
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


def test_claim_4_asks_for_the_controls_quality_and_for_the_teachers_own_where_the_control_has_it() -> None:
    assert verdict(4, few(6.0, 6.0)).verdict == "supported"
    assert verdict(4, few(6.0, 13.0)).verdict == "supported"
    assert verdict(4, few(6.0 * KEPT * 1.01, 6.0)).verdict == "not supported"
    near = 5.0 * HIGH_QUALITY
    assert verdict(4, few(near * 1.01, near * 0.99)).verdict == "not supported"  # the control has it, the student not
    out_of_reach = verdict(4, few(near * 1.1, near * 1.1))
    assert out_of_reach.verdict == "supported"
    (test,) = (test for test in out_of_reach.findings[0].tests if "/ the teacher's at 100" in test.measured)
    assert (test.holds, test.decides) == (False, False)
    assert "the control itself: 1.65" in test.note
    assert verdict(4, [cell for cell in few(6.0, 6.0) if cell.steps != 100]).verdict == "undecided"


def test_claim_4_reports_the_gain_over_the_control_and_decides_nothing_by_it() -> None:
    (test,) = (test for test in verdict(4, few(6.0, 13.0)).findings[0].tests if test.measured.startswith("gain"))
    assert test.effect is not None
    assert test.effect.value == pytest.approx(6 / 13)
    assert not test.decides


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
        cells += over_seeds([changed(c, config=CONFIG | {"other": 1}) for c in consistent(0.9, 0.9, path)])
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
    assert "3 seeds (1 failed): supported" in found.findings[0].sentence


def consistent(ssim: float, cosine: float, path: float, seed: int = 0) -> list[Record]:
    """Return a student and its control, which is identical to the teacher, with paths of twice the ends' distance."""
    return [
        record("sfddm", 10, 6.0, seed, consistency=near(ssim, cosine), interpolation=paths(path)),
        record("ddim", 10, 6.0, seed, consistency=near(1.0, 1.0), interpolation=paths(2.0)),
    ]


def near(ssim: float, cosine: float) -> dict[str, Any]:
    unrelated = {"ssim_unrelated": 0.2, "cosine_unrelated": 0.5, "psnr": 20.0, "psnr_unrelated": 9.0}
    return {"ssim": ssim, "cosine": cosine, "identical": 0, "images": 8} | unrelated


def paths(ratio: float, number: int = 64) -> dict[str, Any]:
    one = {"length": ratio, "ends": 1.0, "ratio": ratio, "largest_step": 0.2, "paths": number}
    return {"linear": one, "spherical": one}


def test_claim_5_reads_consistency_on_the_scale_of_unrelated_images_and_all_beside_the_control() -> None:
    def of(ssim: float, cosine: float, path: float) -> str:
        return verdict(5, over_seeds(consistent(ssim, cosine, path))).verdict

    assert of(1.0, 1.0, 2.0) == "supported"
    assert of(0.2 + 0.8 * 0.81, 0.5 + 0.5 * 0.81, 2.2) == "supported"
    assert of(0.2 + 0.8 * 0.79, 1.0, 2.2) == "not supported"
    assert of(1.0, 0.5 + 0.5 * 0.79, 2.2) == "not supported"
    assert of(1.0, 1.0, 2.0 * KEPT * 1.01) == "not supported"
    assert verdict(5, [c for c in over_seeds(consistent(1.0, 1.0, 2.2)) if c.method == "sfddm"]).verdict == "undecided"


def test_claim_5_does_not_ask_a_student_to_be_nearer_the_teacher_than_its_control_is() -> None:
    """The control is 0.4 of the way; a student that is as near is all that it can be."""
    cells = over_seeds(consistent(0.52, 0.7, 2.0))
    cells = [cell if cell.method == "sfddm" else changed(cell, consistency=near(0.52, 0.7)) for cell in cells]
    found = verdict(5, cells)
    assert found.verdict == "supported"
    assert [test.decides for test in found.findings[0].tests] == [True, True, False, False, True, True]


def test_claim_5_is_not_decided_by_paths_alone_where_the_control_is_no_nearer_than_unrelated_images() -> None:
    cells = over_seeds(consistent(0.2, 0.5, 2.0))
    found = verdict(5, [changed(cell, consistency=near(0.1, 0.4)) if cell.method == "ddim" else cell for cell in cells])
    assert found.verdict == "undecided"
    assert "ddim at 10 steps nearer to the teacher's image than unrelated ones" in found.missing


def test_claim_5_is_not_decided_where_all_images_are_the_same() -> None:
    flat = near(1.0, 1.0) | {"ssim_unrelated": 1.0, "cosine_unrelated": 1.0}
    found = verdict(5, [changed(cell, consistency=flat) for cell in over_seeds(consistent(1.0, 1.0, 2.0))])
    assert found.verdict == "undecided"
    assert "consistency of sfddm" in found.missing


def test_claim_5_is_not_decided_by_a_few_paths() -> None:
    cells = [changed(cell, interpolation=paths(2.0, LEAST_PATHS - 1)) for cell in over_seeds(consistent(1.0, 1.0, 2.0))]
    found = verdict(5, cells)
    assert found.verdict == "undecided"
    assert f"{LEAST_PATHS} interpolation paths a seed (has: {LEAST_PATHS - 1})" in found.missing


def test_claim_5_over_three_seeds_goes_by_the_interval() -> None:
    wide = [cell for seed, ssim in enumerate((0.7, 0.85, 1.0)) for cell in consistent(ssim, 1.0, 2.2, seed)]
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


def test_the_longest_training_decides_a_data_set_and_smoke_never_does() -> None:
    smoke, quick = ([changed(cell, scale=scale) for cell in few(20.0, 13.0)] for scale in ("smoke", "quick"))
    alone = verdict(4, smoke)
    assert (alone.verdict, alone.findings[0].verdict) == ("undecided", "not supported")
    assert "records of scale quick or paper" in alone.missing
    assert verdict(4, [*smoke, *quick]).verdict == "not supported"
    longer = [changed(cell, share=cell.share and 2.0) for cell in few(6.0, 13.0)]
    assert verdict(4, [*smoke, *quick, *longer]).verdict == "supported"
    assert verdict(4, [*quick, *few(6.0, 13.0)]).verdict == "not supported"  # of one share: all of them have to hold


def test_quality_is_decided_for_each_data_set_and_one_on_which_it_fails_is_enough() -> None:
    other = [changed(cell, dataset="lsun", resolution=64) for cell in few(20.0, 13.0)]
    found = verdict(4, [*few(6.0, 13.0), *other])
    assert found.quality == {"cifar10 32x32": "supported", "lsun 64x64": "not supported"}
    assert found.verdict == "not supported"


def test_structure_is_decided_by_any_records_and_quality_is_not() -> None:
    cells = [cell for cell in any_steps(student=1000.0, scale="smoke") if cell.seed == 0]
    found = verdict(1, cells)
    assert (found.of_structure, found.quality) == ("supported", {"cifar10 32x32": "undecided"})
    assert verdict(1, any_steps(folds=2)).of_structure == "not supported"
    assert verdict(2, [changed(cell, nfe=17) if "=A" in cell.method else cell for cell in lists(1.1)]).of_structure == (
        "not supported"
    )
    assert verdict(3, loss(9.0, 10.0)).of_structure == "supported"
    assert verdict(4, few(6.0, 13.0)).of_structure is None


def test_a_sentence_names_data_set_resolution_scale_budget_share_start_and_seeds() -> None:
    cells = [changed(cell, budget=cell.share and 500_000) for cell in few(6.0, 13.0)]
    assert verdict(4, cells).findings[0].sentence == (
        "cifar10 32x32, paper, a budget of 500k; sfddm trained on 100 % of its teacher's images from random weights, "
        "the doubling not measured; 3 seeds: supported"
    )


def test_settings_of_methods_that_are_not_compared_do_not_split_a_setup_and_budgets_do() -> None:
    cells = few(6.0, 13.0)
    mixed = []
    for number, cell in enumerate(cells):
        other = {"scratch": {"iterations": number}, "pd": {"first_share": number}}
        config = CONFIG | {"methods": CONFIG["methods"] | other, "cost": {"seconds": number}}
        mixed.append(changed(cell, config=config))
    assert [len(setup.records) for setup in setups(mixed)] == [9]
    assert verdict(4, mixed).verdict == "supported"
    budgets = [changed(cell, budget=budget) for cell in cells if cell.share for budget in (1000, 4000)]
    controls = [cell for cell in cells if not cell.share]
    found = setups([*budgets, *controls])
    assert [(setup.budget, len(setup.records)) for setup in found] == [(1000, 9), (4000, 9)]
    assert found[1].smaller == (replace(found[0], label=found[1].smaller[0].label),)


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
                share=1.0 if method.folds(steps) else None,
                init="random" if method.folds(steps) else None,
                config=config.model_dump(mode="json"),
            )
            measured = {"consistency", "interpolation"} & set(experiment.metrics)
            alike = consistent(1.0, 1.0, 2.2, seed)[0]
            own = own.model_copy(update={metric: getattr(alike, metric) for metric in measured})
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


def test_why_prints_every_cell_of_a_claim_with_what_would_change_it_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cells = [changed(c, quality__distance__value=c.distance * f) for c, f in zip(few(6.0, 6.0), FACTORS, strict=True)]
    for cell in [*cells, changed(cells[0], seed=4, key="4", failure="loss is not finite", quality=None)]:
        write_record(tmp_path, cell)
    claims([tmp_path], why=4)
    said = capsys.readouterr().out
    for cell in (cells[0], cells[1]):
        assert f"{cell.name} (FID {cell.distance:.4g})" in said
    assert f"seed 0: {cells[0].distance / cells[1].distance:.4g}: " in said  # type: ignore[operator]
    assert "3 seeds, 2 degrees of freedom; failed: seed 4" in said
    assert "sfddm trained on 100 % of its teacher's images from random weights, the doubling not measured" in said
    assert "an equal one would pass in " in said
    low, high = (float(x) for x in re.findall(r"it holds below ([\d.]+) and fails above ([\d.]+)", said)[0])
    half = math.log(high / low) / 2
    assert math.sqrt(low * high) == pytest.approx(KEPT, rel=0.01)
    logs = [math.log(cells[3 * seed].distance / cells[3 * seed + 1].distance) for seed in SEEDS]  # type: ignore[operator]
    assert half == pytest.approx(T_QUANTILE_2 * stdev(logs) / math.sqrt(3), rel=0.02)
    assert list(tmp_path.iterdir()) == [tmp_path / "records"]


FACTORS = (1.01, 1.0, 1.0, 1.05, 1.02, 1.0, 0.98, 1.0, 1.0)


def test_why_and_calibration_are_refused_in_one_line_where_they_make_no_sense(tmp_path: Path) -> None:
    for cell in few(6.0, 13.0):
        write_record(tmp_path, cell)
    with pytest.raises(InputError, match=r"^--why: 6 given, possible: 1, 2, 3, 4, 5$"):
        claims([tmp_path], why=6)
    with pytest.raises(InputError, match=r"^--why: 1 given with --calibration; possible: one of the two$"):
        claims([tmp_path], why=1, calibration=True)


def test_calibration_is_written_alone_beside_the_claims_and_needs_no_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibration, "page", lambda: "# The page\n")
    claims(out=tmp_path, calibration=True)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"calibration.md": "# The page\n"}
