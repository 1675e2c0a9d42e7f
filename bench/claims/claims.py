"""The five claims of SFDDM's abstract, each with the rules that decide it from records. No torch, no prose.

A claim has up to two parts. Its *structure* holds by construction, such as one fold for any step count: it is read off
any records, exactly. Its *quality* is decided for each data set by a few tests, each on a measured effect with its 95 %
interval; ratios of distances have one test a step count, by the rules of bench/statistics.py, and all must hold. Every
test can be passed by a perfect student: students are compared with their control, the teacher itself on the same
timesteps, and a bound that the control does not surely meet decides nothing. Quality is *undecided* if a cell is
missing, an interval straddles its bound, fewer than three seeds have all sides, or the students were trained too little
(bench/claims/training.py).
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from math import log2

from bench.claims.effects import Effect, Pair, count, has_distance, mean_over_seeds, ratio_over_seeds
from bench.claims.setups import STUDENT, Setup, by_steps, setups
from bench.claims.verdicts import (
    Claim,
    Test,
    Verdict,
    at_least,
    better,
    judge,
    lacking,
    trained,
    unable,
    where_met,
    within,
)
from bench.config.methods import CHAIN, CONTROL
from bench.config.variants import parse
from bench.metrics.interpolation import Interpolation, PathLength
from bench.records.record import Record

FOLDED, OUTPUT_ONLY = CHAIN, f"{STUDENT}[hidden_weight=0]"

NOT_POWERS = 3  # step counts that no halving of T = 1024 reaches: as many as it takes to say "any"
LISTS = 2  # sub-sequences that are not uniform
# Progressive distillation's published CIFAR-10 students lose 1.17 of FID from 8 steps to 4, and 1.75 to 2 (Salimans and
# Ho 2022): a loss of the first size is called kept, of the second not.
KEPT = 1.25
# Between 4 and 2 such steps; DDIM's published CIFAR-10 values are 1.64 of the 100-step FID at 20 steps, 1.12 at 50.
HIGH_QUALITY = 1.5
FULL_STEPS = 100  # the teacher's DDIM from here on stands for its own quality
LEAST_SHARE, MOST_SHARE = 0.005, 0.01  # "approximately 1 %", "less than 1 %" of the teacher's steps
NEGLIGIBLE = 0.02  # a term that saves less of the distance than this does nothing
CONSISTENT = 0.5  # of the way from unrelated images (0) to identical ones (1)
LEAST_PATHS = 16  # a seed: the length of fewer between latents is luck


def one_fold(there: Sequence[Setup]) -> list[Test]:
    """Claim 1, structure: one fold for step counts that are no power of two; progressive distillation needs more."""
    odd = [r for setup in there for r in made(setup, STUDENT) if r.steps and log2(r.steps) % 1]
    every = [(setup.timesteps, r.steps, r) for setup in there for r in made(setup, FOLDED) if r.steps]
    chains = [(length, steps, record) for length, steps, record in every if length // steps >= 4]
    counts = sorted({record.steps for record in odd if record.steps})
    named = ", ".join(map(str, counts))
    tests = []
    if len(counts) < NOT_POWERS:
        has = f"(has: {named + ' steps' if counts else 'none'})"
        tests.append(lacking("folds", f"{STUDENT} at {NOT_POWERS} step counts that are no powers of two {has}"))
    else:
        most = max(folds(record) for record in odd)
        sampled = all(record.nfe == record.steps for record in odd)
        tests.append(
            Test(
                f"most folds of {STUDENT} at {named} steps",
                "1, and as many network calls as steps",
                count(most, seeds(odd)),
                sampled and most == 1,
            )
        )
    if not chains:
        tests.append(lacking("chains", f"{FOLDED} at T/4 steps or fewer"))
    else:
        fewest = min(folds(record) for *_, record in chains)
        tests.append(
            Test(
                f"fewest folds of {FOLDED} at up to T/4 steps",
                "floor(log2(T/T'))",
                count(fewest, seeds([record for *_, record in chains])),
                all(folds(record) == int(log2(length // steps)) for length, steps, record in chains),
            )
        )
    return tests


def any_steps(setup: Setup) -> list[Test]:
    """Claim 1, quality: at step counts that are no power of two the student keeps the quality of its control."""
    odd = [record for record in setup.of(STUDENT) if record.steps and log2(record.steps) % 1]
    counts = sorted({record.steps for record in odd if record.steps})
    pairs = setup.controls(odd)
    tests = beside_control(setup, pairs)
    if len(counts) < NOT_POWERS:
        has = f"(has: {', '.join(map(str, counts)) + ' steps' if counts else 'none'})"
        tests.append(lacking("kept", f"{STUDENT} at {NOT_POWERS} step counts that are no powers of two {has}"))
    elif not pairs:
        tests.append(lacking("kept", f"{CONTROL} on the timesteps of {STUDENT} at such step counts"))
    return tests


def beside_control(setup: Setup, pairs: Sequence[Pair]) -> list[Test]:
    """Return the tests that the student keeps the quality of its control, at the step counts of pairs.

    The spread is pooled over all step counts there are, so that a ratio has one interval in every claim.
    """
    said = f"distance of {STUDENT} / the teacher's on the same timesteps"
    every, cells = by_steps(setup.controls(setup.of(STUDENT)), said), by_steps(pairs, said)
    ratios = setup.ratios(every)
    return trained(within({here: ratios[here] for here in cells}, KEPT), cells, setup)


def any_list(there: Sequence[Setup]) -> list[Test]:
    """Claim 2, structure: students of sub-sequences that are not uniform, of one fold each, sampled on just those."""
    records = [record for setup in there for record in setup.records if is_list(record)]
    lists = {tuple(record.timesteps or ()) for record in records}
    if len(lists) < LISTS:
        return [lacking("lists", f"{STUDENT} on {LISTS} sub-sequences that are not uniform (has: {len(lists)})")]
    calls = all(record.nfe == len(record.timesteps or ()) and folds(record) == 1 for record in records)
    rising = all(low < high for visited in lists for low, high in pairwise(visited))
    bound = "each increasing, one fold, a network call for each of its timesteps"
    return [Test("sub-sequences that are not uniform", bound, count(len(lists), seeds(records)), calls and rising)]


def flexible(setup: Setup) -> list[Test]:
    """Claim 2, quality: on sub-sequences that are not uniform the student keeps what the teacher has on them."""
    names = sorted({r.method for r in setup.records if is_list(r) and has_distance(r)})
    tests: list[Test] = []
    kept: dict[str, list[Pair]] = {}
    beside_uniform: dict[str, list[Pair]] = {}
    for name in names:
        records = [record for record in setup.of(name) if is_list(record)]
        pairs = setup.controls(records)
        if not pairs:
            tests.append(lacking(name, f"{CONTROL} on the timesteps of {name}"))
            continue
        kept |= by_steps(pairs, f"distance of {name} / the teacher's on the same timesteps")
        beside_uniform |= by_steps(setup.pairs(records, setup.of(STUDENT)), f"distance of {name} / {STUDENT}")
    tests += trained(within(setup.ratios(kept), KEPT), kept, setup)
    tests += reported(setup.ratios(beside_uniform), beside_uniform)
    if len(names) < LISTS:
        tests.append(lacking("lists", f"{STUDENT} on {LISTS} sub-sequences that are not uniform (has: {len(names)})"))
    return tests


def is_list(record: Record) -> bool:
    """Whether a record is of a student on a sub-sequence that is not uniform, and otherwise plain."""
    base, settings = parse(record.method)
    if base != STUDENT or set(settings) != {"subsequence"} or not record.timesteps or record.failure is not None:
        return False
    gaps = [high - low for low, high in pairwise(record.timesteps)]
    return bool(gaps) and max(gaps) - min(gaps) > 1  # a uniform grid's gaps differ by rounding, by one


def both_terms(there: Sequence[Setup]) -> list[Test]:
    """Claim 3, structure: there are students that both terms trained."""
    weights = [(record.config["methods"][STUDENT], record) for setup in there for record in made(setup, STUDENT)]
    both = [record for own, record in weights if own["output_weight"] > 0 and own["hidden_weight"] > 0]
    if not both:
        return [lacking("both", f"{STUDENT} with both weights above 0")]
    return [Test(f"terms of {STUDENT}'s loss with a weight above 0", "2", count(2, seeds(both)), True)]


def hidden_term(setup: Setup) -> list[Test]:
    """Claim 3, quality: the hidden term lowers the distance against the output alone, at each step count."""
    students = setup.of(STUDENT)
    pairs = setup.pairs(students, setup.of(OUTPUT_ONLY))
    weights = students[0].config["methods"][STUDENT] if students else {}
    if not (weights.get("output_weight") and weights.get("hidden_weight")):
        return [lacking("both", f"{STUDENT} with both weights above 0")]
    if not pairs:
        return [lacking("both", f"{STUDENT} and {OUTPUT_ONLY} at one step count")]
    cells = by_steps(pairs, "distance with both terms / with the output's alone")
    return trained(better(setup.ratios(cells), NEGLIGIBLE), cells, setup)


def one_percent(setup: Setup, needs: Callable[[Record], bool] = has_distance) -> list[Record]:
    """Return the student's records at the most steps that are about 1 % of the teacher's."""
    low, high = LEAST_SHARE * setup.timesteps, MOST_SHARE * setup.timesteps
    counts = [count for count in setup.steps(STUDENT, needs) if low <= count <= high]
    return setup.of(STUDENT, counts[-1], needs) if counts else []


def full_teacher(setup: Setup, needs: Callable[[Record], bool] = has_distance) -> list[Record]:
    """Return the teacher's own records at the most steps, at least 100."""
    counts = [count for count in setup.steps(CONTROL, needs) if count >= FULL_STEPS]
    return setup.of(CONTROL, counts[-1], needs) if counts else []


def few_steps(setup: Setup) -> list[Test]:
    """Claim 4: at about 1 % of the steps the student keeps its control's quality, and is near the teacher's own."""
    student = one_percent(setup)
    if not student:
        return [lacking("student", f"{STUDENT} at {window(setup)}")]
    steps, control = student[0].steps, setup.controls(student)
    if not control:
        return [lacking("control", f"{CONTROL} on the timesteps of {STUDENT} at {steps} steps")]
    kept = beside_control(setup, control)
    gained = {f"gain over the control, if below 1: {test.measured}": test.effect for test in kept if test.effect}
    tests = [*kept, *reported(gained, dict.fromkeys(gained, control))]
    full = full_teacher(setup)
    both = [with_full(list(side), full) for side in zip(*control, strict=True)]
    if not all(both):
        return [*tests, lacking("full", f"{CONTROL} at {FULL_STEPS} steps or more")]
    at_full = f"the teacher's at {full[0].steps}"
    mine, theirs = (
        {f"distance of {name} at {steps} steps / {at_full}": pairs}
        for name, pairs in zip((STUDENT, CONTROL), both, strict=True)
    )
    near = trained(within(setup.ratios(mine), HIGH_QUALITY), mine, setup)
    return tests + where_met(near, within(setup.ratios(theirs), HIGH_QUALITY))


def with_full(records: Sequence[Record], full: Sequence[Record]) -> list[Pair]:
    """Return records beside the teacher's own at full length, of the same seed and protocol."""
    by_seed = {record.seed: record for record in full}
    return [(r, by_seed[r.seed]) for r in records if r.seed in by_seed and r.protocol == by_seed[r.seed].protocol]


def window(setup: Setup) -> str:
    """Return which step counts are about 1 % of the teacher's, in words."""
    low, high = LEAST_SHARE * setup.timesteps, MOST_SHARE * setup.timesteps
    return f"{-int(-low // 1)} to {int(high)} steps (about 1 % of T = {setup.timesteps})"


def same_image(setup: Setup) -> list[Test]:
    """Claim 5: the student's image of a latent is the teacher's, and its paths are as short, as its control's are."""
    return consistency(setup) + interpolation(setup)


def consistency(setup: Setup) -> list[Test]:
    """Claim 5, first half: how near the student's image of a latent is to the teacher's, beside its control's."""
    student = one_percent(setup, has_consistency)
    pairs = setup.controls(student, has_consistency)
    if not pairs:
        where = f"of {STUDENT} at {window(setup)} and of {CONTROL} on the same timesteps"
        return [lacking("nearness", f"consistency {where}")]
    steps, tests = pairs[0][0].steps, list[Test]()
    beside, mine, theirs = dict[str, Effect](), dict[str, Effect](), dict[str, Effect]()
    for name in ("ssim", "cosine"):
        near = {one.seed: (nearness(one, name), nearness(other, name)) for one, other in pairs}
        said = f"{name} to the teacher's image, from unrelated (0) to identical (1)"
        mine[f"{said}, {STUDENT} at {steps} steps"] = mean_over_seeds({seed: one for seed, (one, _) in near.items()})
        theirs[f"{said}, {CONTROL}"] = mean_over_seeds({seed: other for seed, (_, other) in near.items()})
        shares = {seed: one / other for seed, (one, other) in near.items() if other > 0}
        if shares:
            beside[f"{said}, {STUDENT} at {steps} steps / its control's"] = mean_over_seeds(shares)
        else:
            tests.append(lacking(said, f"{CONTROL} at {steps} steps nearer to the teacher's image than unrelated ones"))
    of_all = dict.fromkeys((*beside, *mine), pairs)
    tests += trained(at_least(beside, 1 / KEPT), of_all, setup)
    return tests + where_met(trained(at_least(mine, CONSISTENT), of_all, setup), at_least(theirs, CONSISTENT))


def interpolation(setup: Setup) -> list[Test]:
    """Claim 5, second half: relative length of the student's paths over its control's, for each kind of path."""
    pairs = setup.controls(one_percent(setup, has_paths), has_paths)
    if not pairs:
        where = f"of {STUDENT} at {window(setup)} and of {CONTROL} on the same timesteps"
        return [lacking("paths", f"interpolation {where}")]
    tests, effects = [], {}
    for kind in Interpolation.model_fields:
        both = {one.seed: (straightness(one, kind), straightness(other, kind)) for one, other in pairs}
        ratios = {seed: mine / theirs for seed, (mine, theirs) in both.items() if mine and theirs}
        said = f"relative length of {STUDENT}'s {kind} paths at {pairs[0][0].steps} steps / its control's"
        if ratios:
            effects[said] = ratio_over_seeds(ratios)
        else:
            tests.append(lacking(said, f"{kind} paths whose ends differ"))
    paths = min(paths_of(record) for pair in pairs for record in pair)
    found = trained(within(effects, KEPT), dict.fromkeys(effects, pairs), setup)
    if paths < LEAST_PATHS:
        found = [unable(test, [f"{LEAST_PATHS} interpolation paths a seed (has: {paths})"]) for test in found]
    return tests + found


def reported(effects: Mapping[str, Effect], pairs: Mapping[str, Sequence[Pair]]) -> list[Test]:
    """Return tests that report a ratio and decide nothing."""
    return [Test(said, "", effect, decides=False, pairs=tuple(pairs[said])) for said, effect in effects.items()]


def has_consistency(record: Record) -> bool:
    """Whether a record has a consistency with the teacher that can be read against that of unrelated images."""
    measured = record.consistency if record.failure is None else None
    return measured is not None and measured.ssim_unrelated < 1 and measured.cosine_unrelated < 1


def has_paths(record: Record) -> bool:
    """Whether a record has paths between latents."""
    return record.failure is None and record.interpolation is not None


def nearness(record: Record, name: str) -> float:
    """Return where a consistency lies between unrelated images (0) and identical ones (1)."""
    measured, unrelated = (getattr(record.consistency, field) for field in (name, f"{name}_unrelated"))
    return float((measured - unrelated) / (1 - unrelated))


def paths_of(record: Record) -> int:
    """Return how many paths a record has, of the kind with the fewest."""
    kinds = [getattr(record.interpolation, kind, None) for kind in Interpolation.model_fields]
    return min((path.paths for path in kinds if path), default=0)


def made(setup: Setup, method: str) -> list[Record]:
    """Return a method's records that did not fail and know their folds."""
    return [r for r in setup.records if r.method == method and r.steps and r.failure is None and folds(r)]


def straightness(record: Record, kind: str) -> float | None:
    """Return the relative length of a record's paths: 1 if they are straight lines in feature space."""
    path: PathLength | None = getattr(record.interpolation, kind, None)
    return path.ratio if path else None


def folds(record: Record) -> int:
    """Return how many folds a record's student took."""
    return record.training_cost.folds if record.training_cost else 0


def seeds(records: Sequence[Record]) -> int:
    """Return how many seeds records have."""
    return len({record.seed for record in records})


CLAIMS: tuple[Claim, ...] = (
    Claim(
        1,
        "A T-step teacher is compressed into a student of any step count in one fold; progressive distillation needs "
        "log2(T/T') folds.",
        f"At {NOT_POWERS} or more step counts that are no powers of two, SFDDM's distance is surely below {KEPT} of "
        "its control's, the teacher's on the same timesteps.",
        f"{STUDENT} and {CONTROL} at {NOT_POWERS} step counts that are no powers of two; {FOLDED} at up to T/4 steps",
        ("any-steps",),
        any_steps,
        f"At {NOT_POWERS} or more step counts that are no powers of two, SFDDM has one fold and as many network calls "
        "as steps; progressive distillation's folds are floor(log2(T/T')), at least 2.",
        one_fold,
    ),
    Claim(
        2,
        "The student's forward process is a reparameterisation of the teacher's inputs at any increasing sub-sequence.",
        f"On {LISTS} or more sub-sequences that are not uniform, SFDDM's distance is surely below {KEPT} of its "
        "control's on that list. Whether one beats the uniform grid is reported, and decides nothing.",
        f"{STUDENT}[subsequence=...] and {CONTROL}[grid=...] on {LISTS} lists that are not uniform",
        ("subsequence",),
        flexible,
        f"On {LISTS} or more sub-sequences that are not uniform, SFDDM has one fold and a network call for each of its "
        "timesteps.",
        any_list,
    ),
    Claim(
        3,
        "Training minimises the distance of the outputs and that of the hidden variables.",
        "With both terms the distance is surely below that with the output's alone, at each step count; "
        f"it fails where the hidden term surely saves less than {NEGLIGIBLE:.0%}.",
        f"{STUDENT} and {OUTPUT_ONLY} at one step count or more",
        ("loss",),
        hidden_term,
        "Both terms of the loss have a weight above 0.",
        both_terms,
    ),
    Claim(
        4,
        "The student samples high-quality data with about 1 % of the teacher's steps.",
        f"At the most steps within {LEAST_SHARE:.1%} to {MOST_SHARE:.0%} of T, SFDDM's distance is surely below {KEPT} "
        f"of its control's; and surely below {HIGH_QUALITY} of the teacher's by DDIM at {FULL_STEPS} steps or more, "
        "where the control itself is: otherwise no student could be. The gain over the control is reported, and "
        "decides nothing.",
        f"{STUDENT} at about 1 % of T, {CONTROL} on the same timesteps, and {CONTROL} at {FULL_STEPS} steps or more",
        ("quality",),
        few_steps,
    ),
    Claim(
        5,
        "Semantic consistency (the same noise gives the teacher's image) and meaningful interpolation.",
        "At about 1 % of T, SSIM and cosine of features to the teacher's image of the same latent, from unrelated "
        f"images (0) to identical ones (1), are surely at least {1 / KEPT:g} of the control's, and at least "
        f"{CONSISTENT} where the control's are; and the relative length of the student's paths between latents, "
        f"{LEAST_PATHS} or more a seed, is surely below {KEPT} of the control's.",
        f"consistency and interpolation of {STUDENT} at about 1 % of T and of {CONTROL} on the same timesteps",
        ("consistency", "interpolation"),
        same_image,
    ),
)


def decide(records: Sequence[Record]) -> list[Verdict]:
    """Return the verdict of each claim from the records."""
    there = setups(records)
    return [judge(claim, there) for claim in CLAIMS]
