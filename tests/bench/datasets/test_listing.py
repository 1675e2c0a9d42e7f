"""Which files count, case by case: the same names are given as a folder's and as a zip's."""

import pytest

from bench.datasets.listing import HIDDEN, SPLIT, choose


@pytest.mark.parametrize(
    ("found", "names"),
    [
        (["train/a.png", "test/b.png"], ["train/a.png"]),
        (["TRAIN/a.png", "Val/b.png", "c.png"], ["TRAIN/a.png"]),
        (["mydata/train/a/1.png", "mydata/validation/a/2.png"], ["mydata/train/a/1.png"]),
        (["train2017/a.png", "val2017/b.png"], ["train2017/a.png"]),
        (["test/a.png", "test/b.png"], ["test/a.png", "test/b.png"]),
        (["train/a.png", "truck/b.png"], ["train/a.png", "truck/b.png"]),
        (["test/a.png", "valley/b.png"], ["test/a.png", "valley/b.png"]),
        (["cat/train/a.png", "cat/test/b.png", "dog/c.png"], ["cat/train/a.png", "dog/c.png"]),
        (["train/test/a.png", "train/b.png"], ["train/b.png", "train/test/a.png"]),
    ],
)
def test_of_splits_side_by_side_the_one_to_train_on_is_taken(found: list[str], names: list[str]) -> None:
    listing = choose(found)
    assert listing.names == names
    apart = listing.test.names if listing.test else []
    assert listing.left_out[SPLIT] == len(found) - len(names) - len(apart)


def test_classes_inside_a_split_and_splits_inside_a_class_are_both_labelled_by_the_class() -> None:
    assert choose(["train/cat/1.png", "train/dog/2.png", "test/cat/3.png"]).classes == ["cat", "dog"]
    assert choose(["cat/train/1.png", "cat/test/2.png", "dog/train/3.png", "dog/test/4.png"]).classes == ["cat", "dog"]


@pytest.mark.parametrize(
    "name",
    [
        ".ipynb_checkpoints/a.png",
        "cat/._a.png",
        ".a.png",
        "__MACOSX/cat/a.png",
        "cat/Thumbs.db",
        "@eaDir/a.jpg",
        "x/.git/a.png",
    ],
)
def test_hidden_and_system_files_are_left_out_and_counted(name: str) -> None:
    listing = choose([name, "cat/b.png"])
    assert (listing.names, listing.left_out) == (["cat/b.png"], {HIDDEN: 1})


@pytest.mark.parametrize("ending", ["png", "PNG", "ppm", "pgm", "pbm", "gif", "jfif", "jp2", "tif", "TIFF", "Webp"])
def test_an_image_has_any_of_the_usual_endings_in_any_case(ending: str) -> None:
    assert choose([f"a.{ending}"]).names == [f"a.{ending}"]


def test_other_files_are_counted_by_their_endings_and_an_archive_is_named() -> None:
    listing = choose(["a.png", "b.txt", "c.TXT", "README", "d/e.zip"])
    counted = {"not images (.txt)": 2, "not images (no ending)": 1, "not images (.zip)": 1}
    assert (listing.left_out, listing.archive) == (counted, "d/e.zip")
    assert len(choose(f"a.{number}" for number in range(100)).left_out) < 20
