"""The published values, and the verdicts of ours beside them."""

from pathlib import Path

import pytest
from helpers.made_records import made, protocol

from bench.records.groups import groups
from bench.rendering import write_published
from bench.tables.comparison import comparison_frame, lines
from bench.tables.measures import measures
from bench.tables.published import Series, agreement, concerning, obstacles, published
from bench.tables.summary import statistic
from sfddm.errors import InputError

# Song, Meng, Ermon, ICLR 2021, Table 1, CIFAR-10 at 10 steps: the one value every check below is made against.
DDIM = next(s for s in published() if s.method == "ddim" and s.dataset == "cifar10" and s.settings["eta"] == 0)
SETTINGS = {"grid": "quad", "eta": 0.0, "clip": "none"}


def ours(distance: float = 13.36, seed: int = 0, **other: object):  # type: ignore[no-untyped-def]
    """Return a record of ours under the DDIM paper's settings."""
    config = made("ddim", 10, seed).config | {"methods": {"ddim": SETTINGS | other.pop("settings", {})}}  # type: ignore[operator]
    return made("ddim", 10, seed, distance, **({"config": config} | other))


def judged(*records: object) -> str:
    found = statistic(records, measures(records)[0])  # type: ignore[arg-type]
    return str(agreement(DDIM, DDIM.values[10], found, records[0]))  # type: ignore[arg-type]


def test_a_value_within_the_tolerance_matches_within_three_is_in_the_band_and_beyond_is_off() -> None:
    assert DDIM.values[10] == 13.36
    assert DDIM.tolerance == 0.05
    assert judged(ours(13.36 * 1.04)) == "match"
    assert judged(ours(13.36 * 0.96)) == "match"
    assert judged(ours(13.36 * 1.14)) == "within band"
    assert judged(ours(13.36 * 1.16)) == "off"


def test_two_sd_of_our_seeds_widen_a_match() -> None:
    spread = [ours(13.36 * 1.3), ours(13.36 * 0.94, seed=1), ours(13.36 * 1.2, seed=2)]
    assert judged(*spread) == "match"


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({"resolution": 64}, "other resolution: 64 px, published 32 px"),
        ({"quality__images": 10_000}, "too few images: 10,000 of 50,000"),
        ({"feature_space": "cifar10-cnn"}, "other feature space: cifar10-cnn"),
        ({"protocol": protocol(lossy_reference=True)}, "other reference: ours is a lossy copy"),
        ({"protocol": None}, "our protocol is not recorded"),
        ({"scale": "quick"}, "scale quick, not paper"),
        ({"settings": {"grid": "trailing"}}, "other setting: grid trailing, published quad"),
        ({"config": {"dataset": "celeba_hq"}}, "cifar10 is not CelebA-HQ"),
    ],
)
def test_what_cannot_be_compared_says_why(other: dict, why: str) -> None:
    assert judged(ours(**other)) == f"not comparable ({why})"


def test_another_reference_or_resize_than_the_source_states_is_not_comparable() -> None:
    tested = next(s for s in published() if "test reference" in s.source)
    found = obstacles(tested, made("ddpm", 1000, 0))
    assert "other reference: 50,000 images, published 10,000" in found
    assert "other protocol: resize clean, published legacy_tensorflow" in found


def test_what_was_not_measured_is_a_dash_with_the_reason() -> None:
    (group,) = groups([ours()])
    table = comparison_frame(group, published())
    row = table[(table["method"] == "cd") & (table["metric"] == "FID") & (table["steps"] == 1)].iloc[0]
    assert row["published"] == 3.55
    assert row[["ours", "sd", "difference"]].isna().all()
    assert (row["verdict"], row["why"]) == ("not comparable", "not measured here")


def test_celeba_stands_beside_celeba_hq_and_is_never_compared() -> None:
    record = made("ddim", 10, 0, dataset="celeba_hq", resolution=64, config={"dataset": "celeba_hq"})
    (group,) = groups([record])
    found = [line for line in lines(group, published()) if line[4] is not None]
    assert found
    assert all("CelebA is not CelebA-HQ" in judged.why for *_, judged in found)


def test_256_px_values_are_not_held_against_smaller_images() -> None:
    (group,) = groups([made("ddim", 10, 0, dataset="lsun_church", resolution=64, config={"dataset": "lsun_church"})])
    ours_there = [line for line in lines(group, published()) if line[4] is not None]
    assert ours_there
    assert all(any("published 256 px" in why for why in judged.why) for *_, judged in ours_there)


# Sums of each method's published values, added up by hand from the papers' tables: a mistyped digit shows.
SUMS = {
    ("cifar10", "ddim"): 33.07 + 77.95,
    ("cifar10", "ddpm"): 546.68 + 3.17 + 5.24 + 9.46,
    ("cifar10", "pd"): 19.20 + 13.92,
    ("cifar10", "cd"): 6.48 + 19.23,
    ("cifar10", "ct"): 14.53 + 17.34,
    ("cifar10", "ect"): 6.74 + 6.01 + 5.71,
    ("cifar10", "multistep-cd"): 7.10,
    ("cifar10", "shortcut"): 2.92,
    ("celeba_hq", "shortcut"): 41.2,
    ("celeba", "ddim"): 50.27,
    ("lsun_bedroom", "ddim"): 39.21 + 83.17,
    ("lsun_church", "ddim"): 53.34 + 94.36,
    ("lsun_bedroom", "ddpm"): 11.26,
    ("lsun_church", "ddpm"): 7.89,
}


def test_the_file_has_the_papers_values_and_none_of_sfddm() -> None:
    sums: dict[tuple[str, str], float] = {}
    for series in published():
        sums[series.dataset, series.method] = sums.get((series.dataset, series.method), 0) + sum(series.values.values())
    assert sums == pytest.approx(SUMS)
    assert concerning(published(), "digits") == []


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('[[series]]\nsource = "x"\n')
    with pytest.raises(InputError, match=r"mine\.toml: dataset: Field required"):
        published(path)
    with pytest.raises(InputError, match=r"none\.toml"):
        published(tmp_path / "none.toml")


def test_a_dataset_without_published_values_writes_nothing(tmp_path: Path) -> None:
    digits = made("ddim", 4, 0, dataset="digits", config={"dataset": "digits"})
    assert write_published(groups([digits]), tmp_path, published()) == []
    names = [path.name for path in write_published(groups([ours()]), tmp_path, published())]
    assert names == [f"cifar10-32-paper-published{ending}" for ending in (".md", ".tex", ".csv")]


def test_a_series_with_an_unknown_key_is_refused() -> None:
    with pytest.raises(ValueError, match="surprise"):
        Series.model_validate(DDIM.model_dump() | {"surprise": 1})
