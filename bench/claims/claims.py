"""The five claims of SFDDM's abstract, each with the rule that decides it from records. No torch, no prose.

A rule is a few tests, each on a measured effect with its 95 % interval; ratios of distances have one test a step count,
by the rules of bench/statistics.py. In a setup (one dataset under one configuration) a claim is *supported* if every
test that decides holds, *not supported* if one fails, and *undecided* if a cell is missing, an interval straddles its
bound, or fewer than three seeds have all sides. Over setups, those of the largest scale there is
decide, and smoke never does: a claim is supported if all decided ones support it.
"""

from collections.abc import Callable, Sequence
from math import log2

from bench.claims.effects import Effect, Pair, count, has_distance, mean_over_seeds, ratio_over_seeds
from bench.claims.setups import CONTROL, Setup, by_steps, setups
from bench.claims.verdicts import Claim, Test, Verdict, at_least, better, judge, lacking, within
from bench.config.variants import parse
from bench.metrics.interpolation import Interpolation, PathLength
from bench.records.record import Record

STUDENT, FOLDED, OUTPUT_ONLY = "sfddm", "pd", "sfddm[hidden_weight=0]"

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


def any_steps(setup: Setup) -> list[Test]:
    """Claim 1: one fold for step counts that are no power of two, which keeps the teacher's quality; pd needs more."""
    odd = [record for record in setup.of(STUDENT) if record.steps and log2(record.steps) % 1]
    counts = sorted({record.steps for record in odd if record.steps})
    named = ", ".join(map(str, counts))
    chains = [r for r in setup.of(FOLDED) if r.steps and setup.timesteps // r.steps >= 4]
    pairs = setup.controls(odd)
    tests = []
    if len(counts) < NOT_POWERS:
        tests.append(
            lacking(
                "folds", f"{STUDENT} at {NOT_POWERS} step counts that are no powers of two (has: {named or 'none'})"
            )
        )
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
    if not pairs:
        tests.append(lacking("kept", f"{CONTROL} on the timesteps of {STUDENT} at such step counts"))
    else:
        tests += within(beside_control(setup, pairs), KEPT)
    if not chains:
        tests.append(lacking("chains", f"{FOLDED} at {setup.timesteps // 4} steps or fewer"))
    else:
        expected = all(folds(r) == int(log2(setup.timesteps // r.steps)) for r in chains if r.steps)
        fewest = min(folds(record) for record in chains)
        tests.append(
            Test(
                f"fewest folds of {FOLDED} at up to {setup.timesteps // 4} steps",
                "floor(log2(T/T'))",
                count(fewest, seeds(chains)),
                expected,
            )
        )
    return tests


def beside_control(setup: Setup, pairs: Sequence[Pair]) -> dict[str, Effect]:
    """Return the student's distance over its control's at the step counts of pairs.

    Its spread is pooled over all step counts there are, so that it has one interval in every claim.
    """
    said = f"distance of {STUDENT} / the teacher's on the same timesteps"
    every = setup.ratios(by_steps(setup.controls(setup.of(STUDENT)), said))
    return {here: every[here] for here in by_steps(pairs, said)}


def flexible(setup: Setup) -> list[Test]:
    """Claim 2: on sub-sequences that are not uniform the student keeps the quality that the teacher has on them."""
    names = sorted({r.method for r in setup.records if is_list(r)})
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
    tests += within(setup.ratios(kept), KEPT)
    tests += [Test(said, "", effect, decides=False) for said, effect in setup.ratios(beside_uniform).items()]
    if len(names) < LISTS:
        tests.append(lacking("lists", f"{STUDENT} on {LISTS} sub-sequences that are not uniform (has: {len(names)})"))
    return tests


def is_list(record: Record) -> bool:
    """Whether a record is of a student on a sub-sequence that is not uniform, and otherwise plain."""
    base, settings = parse(record.method)
    if base != STUDENT or set(settings) != {"subsequence"} or not record.timesteps or not has_distance(record):
        return False
    gaps = [high - low for low, high in zip(record.timesteps, record.timesteps[1:], strict=False)]
    return bool(gaps) and max(gaps) - min(gaps) > 1  # a uniform grid's gaps differ by rounding, by one


def hidden_term(setup: Setup) -> list[Test]:
    """Claim 3: the hidden term lowers the distance against the output alone, at each step count."""
    weights = setup.records[0].config["methods"][STUDENT]
    pairs = setup.pairs(setup.of(STUDENT), setup.of(OUTPUT_ONLY))
    if not (weights["output_weight"] and weights["hidden_weight"]):
        return [lacking("both", f"{STUDENT} with both weights above 0")]
    if not pairs:
        return [lacking("both", f"{STUDENT} and {OUTPUT_ONLY} at one step count")]
    return better(setup.ratios(by_steps(pairs, "distance with both terms / with the output's alone")), NEGLIGIBLE)


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
    """Claim 4: about 1 % of the steps come near the teacher's own quality, and beat the teacher on the same steps."""
    student, teacher = one_percent(setup), full_teacher(setup)
    if not student:
        return [lacking("student", f"{STUDENT} at {window(setup)}")]
    steps, by_seed = student[0].steps, {record.seed: record for record in teacher}
    full = [(r, by_seed[r.seed]) for r in student if r.seed in by_seed and r.protocol == by_seed[r.seed].protocol]
    control = setup.controls(student)
    tests = []
    if full:
        said = f"distance of {STUDENT} at {steps} steps / the teacher's at {full[0][1].steps}"
        tests += within(setup.ratios({said: full}), HIGH_QUALITY)
    else:
        tests.append(lacking("full", f"{CONTROL} at {FULL_STEPS} steps or more"))
    if control:
        tests += better(beside_control(setup, control), NEGLIGIBLE)
    else:
        tests.append(lacking("control", f"{CONTROL} on the timesteps of {STUDENT} at {steps} steps"))
    return tests


def window(setup: Setup) -> str:
    """Return which step counts are about 1 % of the teacher's, in words."""
    low, high = LEAST_SHARE * setup.timesteps, MOST_SHARE * setup.timesteps
    return f"{-int(-low // 1)} to {int(high)} steps (about 1 % of T = {setup.timesteps})"


def same_image(setup: Setup) -> list[Test]:
    """Claim 5: the student's image of a latent is nearer the teacher's than unrelated ones, its paths are as short."""
    student = one_percent(setup, lambda record: record.consistency is not None)
    tests = []
    for name in ("ssim", "cosine"):
        said = f"{name} to the teacher's image, from unrelated (0) to identical (1)"
        if not student:
            tests.append(lacking(said, f"consistency of {STUDENT} at {window(setup)}"))
            continue
        effect = mean_over_seeds({record.seed: share(record, name) for record in student})
        tests.append(at_least(f"{said}, {STUDENT} at {student[0].steps} steps", effect, CONSISTENT))
    return tests + interpolation(setup)


def interpolation(setup: Setup) -> list[Test]:
    """Claim 5, second half: relative length of the student's paths over the teacher's, for each kind of path."""
    student = one_percent(setup, lambda record: record.interpolation is not None)
    teacher = {record.seed: record for record in full_teacher(setup, lambda record: record.interpolation is not None)}
    pairs = [(record, teacher[record.seed]) for record in student if record.seed in teacher]
    if not pairs:
        return [
            lacking("paths", f"interpolation of {STUDENT} at {window(setup)} and of {CONTROL} at {FULL_STEPS} or more")
        ]
    tests = []
    for kind in Interpolation.model_fields:
        both = {one.seed: (straightness(one, kind), straightness(other, kind)) for one, other in pairs}
        ratios = {seed: mine / theirs for seed, (mine, theirs) in both.items() if mine and theirs}
        said = f"relative length of {STUDENT}'s {kind} paths at {pairs[0][0].steps} steps / the teacher's"
        if not ratios:
            tests.append(lacking(said, f"{kind} paths whose ends differ"))
            continue
        tests += within({said: ratio_over_seeds(ratios)}, KEPT)
    return tests


def share(record: Record, name: str) -> float:
    """Return where a consistency lies between unrelated images (0) and identical ones (1)."""
    measured, unrelated = (getattr(record.consistency, field) for field in (name, f"{name}_unrelated"))
    return (measured - unrelated) / (1 - unrelated)


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
        f"At {NOT_POWERS} or more step counts that are no powers of two, SFDDM has one fold and as many network calls "
        f"as steps, and at each of them a distance surely below {KEPT} of the teacher's on the same timesteps; "
        "progressive distillation's folds are floor(log2(T/T')), at least 2.",
        f"{STUDENT} and {CONTROL} at {NOT_POWERS} step counts that are no powers of two; {FOLDED} at up to T/4 steps",
        ("any-steps",),
        any_steps,
    ),
    Claim(
        2,
        "The student's forward process is a reparameterisation of the teacher's inputs at any increasing sub-sequence.",
        f"On {LISTS} or more sub-sequences that are not uniform, SFDDM's distance is below {KEPT} of the teacher's on "
        "the same timesteps. Whether one beats the uniform grid is reported, and decides nothing.",
        f"{STUDENT}[subsequence=...] and {CONTROL}[grid=...] on {LISTS} lists that are not uniform",
        ("subsequence",),
        flexible,
    ),
    Claim(
        3,
        "Training minimises the distance of the outputs and that of the hidden variables.",
        "With both terms the distance is surely below that with the output's alone, at each step count; "
        f"it fails where the hidden term surely saves less than {NEGLIGIBLE:.0%}.",
        f"{STUDENT} and {OUTPUT_ONLY} at one step count or more",
        ("loss",),
        hidden_term,
    ),
    Claim(
        4,
        "The student samples high-quality data with about 1 % of the teacher's steps.",
        f"At the most steps within {LEAST_SHARE:.1%} to {MOST_SHARE:.0%} of T, SFDDM's distance is below "
        f"{HIGH_QUALITY} of the teacher's by DDIM at {FULL_STEPS} steps or more; and below that of the teacher itself "
        "on the same timesteps, beyond the interval: otherwise the quality is not the distillation's. The latter "
        f"fails where SFDDM surely saves less than {NEGLIGIBLE:.0%}.",
        f"{STUDENT} at about 1 % of T, {CONTROL} on the same timesteps, and {CONTROL} at {FULL_STEPS} steps or more",
        ("quality",),
        few_steps,
    ),
    Claim(
        5,
        "Semantic consistency (the same noise gives the teacher's image) and meaningful interpolation.",
        f"At about 1 % of T, SSIM and cosine of features to the teacher's image of the same latent lie at {CONSISTENT} "
        "or more of the way from unrelated images to identical ones, and the relative length of the student's paths "
        f"between latents is below {KEPT} of the teacher's at {FULL_STEPS} steps or more. With fewer than three seeds "
        "nothing is decided.",
        f"consistency and interpolation of {STUDENT} at about 1 % of T; interpolation of {CONTROL} at {FULL_STEPS} or "
        "more",
        ("consistency", "interpolation"),
        same_image,
    ),
)


def decide(records: Sequence[Record]) -> list[Verdict]:
    """Return the verdict of each claim from the records."""
    there = setups(records)
    return [judge(claim, there) for claim in CLAIMS]
