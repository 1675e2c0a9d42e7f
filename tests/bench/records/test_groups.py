"""What may share a column, and what may not."""

import pytest
from helpers.made_records import made, protocol, sweep

from bench.config import methods
from bench.records.groups import check_one_column, groups
from bench.records.record import REAL, Record
from bench.records.rows import ordered
from bench.tables.measures import measures
from bench.tables.summary import summary
from sfddm.errors import InputError

GPU = {"device": "cuda", "gpu": "NVIDIA H100"}
MIXTURES: list[tuple[dict, str]] = [
    ({"protocol": protocol(resize="legacy_tensorflow")}, "protocol.resize: clean | legacy_tensorflow"),
    ({"protocol": protocol(version=2)}, "protocol.version: 1 | 2"),
    ({"protocol": protocol(images=10_000)}, "protocol.images: 50000 | 10000"),
    ({"protocol": protocol(lossy_reference=True)}, "protocol.lossy_reference: False | True"),
    ({"machine": {"device": "cpu", "processor": "Xeon", "threads": 2}}, "device: NVIDIA H100 | CPU (Xeon, 2 threads)"),
    ({"machine": {"device": "cuda", "gpu": "NVIDIA A100"}}, "device: NVIDIA H100 | NVIDIA A100"),
    ({"feature_space": "cifar10-cnn"}, "feature space: inception-2015 | cifar10-cnn"),
    ({"resolution": 64}, "resolution: 32 | 64"),
    ({"scale": "quick"}, "scale: paper | quick"),
    ({"protocol": None}, "not recorded"),
]


@pytest.mark.parametrize(("other", "said"), MIXTURES, ids=[said for _, said in MIXTURES])
def test_a_mixture_is_refused_in_one_column_with_the_fields_named_and_rendered_apart(other: dict, said: str) -> None:
    records = [made("ddim", 4, 0), made("sfddm", 4, 0, **other)]
    with pytest.raises(InputError) as refused:
        summary(records, measures(records)[0])
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    apart = groups(records)
    assert len(apart) == len({group.stem for group in apart}) == 2
    for group in apart:
        check_one_column(group.records)


def test_equal_conditions_stand_in_one_group_named_by_dataset_resolution_and_scale() -> None:
    (group,) = groups(sweep(steps=(1, 4)))
    assert group.stem == "cifar10-32-paper"
    assert len(group.floors) == 3


def test_the_floor_joins_every_group_it_belongs_beside_whatever_its_own_counts() -> None:
    floor = made(REAL, None, 0)
    records = [floor, made("ddim", 4, 0), made("ddim", 4, 0, protocol=protocol(images=10_000), quality__images=10_000)]
    assert [group.floors for group in groups(records)] == [[floor], [floor]]
    other = made("ddim", 4, 0, protocol=protocol(resize="legacy_tensorflow"))
    assert sorted(len(group.floors) for group in groups([floor, other])) == [0, 1]


def test_a_floor_with_held_out_images_in_a_cells_place_stands_beside_cells_of_as_many_images_only() -> None:
    fresh = {"distance": 0.6, "images": 50_000, "measured": 0.7, "held_out": 10_000}
    floors = [
        made(REAL, None, 0, key=f"{images}", quality__fresh=fresh | {"images": images}) for images in (50_000, 10_000)
    ]
    cells = [made("ddim", 4, 0), made("ddim", 4, 0, protocol=protocol(images=10_000), quality__images=10_000)]
    found = groups([*floors, *cells])
    assert sorted((group.floors[0].stands_for, group.cells[0].stands_for, len(group.floors)) for group in found) == [
        (10_000, 10_000, 1),
        (50_000, 50_000, 1),
    ]
    failed = made("pd", 4, 0, failure="it failed", protocol=None)
    assert all(failed in group.records for group in groups([*floors, *cells, failed]))


def test_a_floor_that_several_folders_have_is_taken_once_and_stands_beside_cells_of_any_device() -> None:
    floor = made(REAL, None, 0)
    again = Record(**floor.model_dump() | {"machine": {"device": "cpu", "processor": "Xeon", "threads": 2}})
    cells = [made("ddim", 4, 0), made("ddim", 4, 0, machine={"device": "cpu", "processor": "Xeon", "threads": 1})]
    assert [group.floors for group in groups([floor, *cells, again])] == [[floor], [floor]]


def test_a_failed_cell_without_a_protocol_joins_its_dataset() -> None:
    failed = made("pd", 4, 0, failure="loss is not finite", protocol=None)
    (group,) = groups([made("ddim", 4, 0), failed])
    assert failed in group.records
    (alone,) = groups([failed])
    assert alone.cells == []


def test_the_order_of_the_records_changes_nothing() -> None:
    records = sweep(steps=(1, 4))
    there = [ordered(group.records) for group in groups(records)]
    assert [ordered(group.records) for group in groups(records[::-1])] == there


def test_a_cell_that_is_there_twice_is_refused_as_it_would_count_as_two_seeds() -> None:
    with pytest.raises(InputError, match="'ddim, 4 steps, seed 0' of cifar10 is there twice"):
        ordered([made("ddim", 4, 0), made("ddim", 4, 0)])


def test_cells_of_other_settings_are_rows_of_their_own_and_no_further_seeds() -> None:
    def with_weight(weight: float) -> Record:
        config = made("sfddm", 4, 0).config | {"methods": {"sfddm": {"hidden_weight": weight}}}
        return made("sfddm", 4, 0, config=config)

    names = [name for name, _ in ordered([with_weight(1.0), with_weight(0.0), made("ddim", 4, 0)])]
    assert names == ["sfddm (hidden_weight=0.0)", "sfddm (hidden_weight=1.0)", "ddim"]


def test_a_setting_that_is_none_is_said_in_words() -> None:
    cells = [made("pd", 4, 0, config=made("pd", 4, 0).config | {"budget": budget}) for budget in (None, 1000)]
    assert sorted(name for name, _ in ordered(cells)) == ["pd (budget=1000)", "pd (no budget)"]


def test_rows_stand_in_the_order_of_the_table_of_methods() -> None:
    assert [methods.get(name).name for name in methods.METHODS] == list(methods.METHODS)
    names = [name for name, _ in ordered([made(name, 4, 0) for name in sorted(methods.METHODS)])]
    assert names == list(methods.METHODS)
