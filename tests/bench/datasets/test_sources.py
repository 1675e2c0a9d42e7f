"""Folders with links, zips, LMDBs and CIFAR-10's batches as people and attackers make them."""

import io
import os
import pickle
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from helpers.dataset_forms import cifar_batches, encoded, image_folder, lsun_lmdb, picture

from bench.datasets import cifar_source
from bench.datasets.cifar_source import read_batch
from bench.datasets.folder_source import AGAIN, LOOP, NOWHERE
from bench.datasets.open_source import open_source
from bench.datasets.prepare import prepare
from bench.datasets.zip_source import LINKS
from sfddm.errors import InputError


def test_linked_folders_are_taken_once_and_no_loop_is_entered(tmp_path: Path) -> None:
    image_folder(tmp_path / "elsewhere", 3, 8)
    image_folder(tmp_path / "set" / "b", 2, 8)
    links = {
        "a": "../elsewhere",
        "again": "../elsewhere",
        "up": "..",
        "self": "self",
        "gone": "nowhere",
        ".hidden": "/",
    }
    for name, target in links.items():
        (tmp_path / "set" / name).symlink_to(target)
    (tmp_path / "elsewhere" / "back").symlink_to("../set")
    source = open_source(tmp_path / "set")
    assert source.classes == ["a", "b"]
    assert source.names == ["a/00000.png", "a/00001.png", "a/00002.png", "b/00000.png", "b/00001.png"]
    assert {LOOP: 2, AGAIN: 1, NOWHERE: 2}.items() <= source.left_out.items()


def zip_of(path: Path, *names: str) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        for name in names:
            info = zipfile.ZipInfo("x")
            info.filename = name  # as it is: ZipInfo itself would correct it
            file.writestr(info, encoded(picture(0, 8, 8), "png"))
    return path


def test_a_zip_has_any_case_and_its_names_may_have_backslashes(tmp_path: Path) -> None:
    source = open_source(zip_of(tmp_path / "A.ZIP", "set\\cat\\1.png", "set\\dog\\2.png"))
    assert (source.names, source.classes) == (["set/cat/1.png", "set/dog/2.png"], ["cat", "dog"])
    assert source.image(1).size == (8, 8)


@pytest.mark.parametrize("name", ["..\\a.png", "/a.png", "C:\\a.png", "a/../../b.png", "\\\\host\\a.png"])
def test_a_zip_that_leads_out_is_refused_whatever_its_slashes(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="leads out of the zip"):
        open_source(zip_of(tmp_path / "a.zip", name))


def test_zips_that_are_encrypted_hold_zips_or_an_lmdb_say_what_to_do(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "secret.zip", "a.png")
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\1\2") + 8] |= 1  # the flag in the directory
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"'a\.png', which is encrypted; unpack it"):
        open_source(path)
    with pytest.raises(InputError, match=r"holds no images .* unpack 'b/c\.zip'"):
        open_source(zip_of(tmp_path / "outer.zip", "b/c.zip"))
    with pytest.raises(InputError, match=r"holds an LMDB; unpack it, and give the folder 'church_train_lmdb'"):
        open_source(zip_of(tmp_path / "lsun.zip", "church_train_lmdb/data.mdb"))


def test_a_link_in_a_zip_is_no_image_and_a_huge_member_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = zip_of(tmp_path / "a.zip", "a.png")
    with zipfile.ZipFile(path, "a") as file:
        link = zipfile.ZipInfo("b.png")
        link.external_attr = 0o120777 << 16
        file.writestr(link, "a.png")
    source = open_source(path)
    assert (source.names, source.left_out) == (["a.png"], {LINKS: 1})
    monkeypatch.setattr("bench.datasets.sources.MOST_BYTES", 10)
    with pytest.raises(ValueError, match="at most 10 are read"):
        source.image(0)


def test_an_lmdb_is_found_from_its_file_and_named_from_its_parent(tmp_path: Path) -> None:
    lsun_lmdb(tmp_path / "church_train_lmdb", 3, 16, 16)
    assert len(open_source(tmp_path / "church_train_lmdb" / "data.mdb")) == 3
    with pytest.raises(InputError, match=r"not an LMDB but holds some; possible: '.*/church_train_lmdb'"):
        open_source(tmp_path)


def test_a_short_lmdb_is_refused_and_overwritten_pages_kill_no_more_than_a_worker(tmp_path: Path) -> None:
    lsun_lmdb(tmp_path / "lmdb", 30)
    path = tmp_path / "lmdb" / "data.mdb"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=rf"data\.mdb' has {len(whole) // 2} bytes, and says that it has {len(whole)}"):
        prepare("lsun_church", tmp_path / "lmdb", tmp_path / "data")
    random = np.random.default_rng(0)
    for start in range(2 * 4096, len(whole), len(whole) // 4):  # beyond the two meta pages
        data = bytearray(whole)
        data[start : start + 4 * 4096] = random.bytes(len(data[start : start + 4 * 4096]))
        path.write_bytes(data)
        with pytest.raises(InputError, match=r"\A--from[^\n]*\Z"):
            prepare("lsun_church", tmp_path / "lmdb", tmp_path / "data", everything=True)
    path.write_bytes(b"")
    with pytest.raises(InputError, match="not a readable LMDB"):
        open_source(tmp_path / "lmdb")


def batch(**changed: object) -> bytes:
    given = {"data": np.zeros((2, 3072), np.uint8), "labels": [1, 2]} | changed
    return pickle.dumps({name.encode(): value for name, value in given.items()}, protocol=2)


class BuiltFrom:
    """Pickles as a call of what a batch may name."""

    def __init__(self, work: object, *given: object, state: object = None):
        self.made = (work, given) if state is None else (work, given, state)

    def __reduce__(self) -> tuple:
        return self.made


@pytest.mark.parametrize("protocol", range(6))
def test_a_batch_of_every_protocol_is_read(protocol: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 3072), dtype=np.uint8)
    data = pickle.dumps({b"data": pixels, b"labels": [0, 9, 4], b"batch_label": b""}, protocol)
    got, labels = read_batch(data, "--from")
    np.testing.assert_array_equal(got, pixels)
    assert labels.tolist() == [0, 9, 4]


@pytest.mark.parametrize(
    "data",
    [
        batch(data=np.zeros((2, 3072), np.float32)),
        batch(data=np.zeros(2, [("a", "u1", 3064), ("b", "u1", 8)])),
        batch(data=BuiltFrom(np.dtype, "O")),
        batch(data=BuiltFrom(np.dtype, "u1", state=(3, "|", None, ("x",), {"x": (np.dtype("u1"), 0)}, 8, 1, 63))),
        batch(data=np.zeros((2, 3071), np.uint8)),
        batch(data=[[0] * 3072] * 2),
        batch(labels=[1, 10]),
        batch(labels=[1]),
        batch(labels=[-1, 0]),
        batch(labels=[10**30, 0]),
        batch(labels=b"12"),
        pickle.dumps([1, 2]),
        b"",
        b"\x80\x02" + b"]q\x00" * 3 + b"r\xff\xff\xff\x7f.",
        b"\x80\x02X\xff\xff\xff\x7f.",
        b"(" * 1000 + b"t" * 1000 + b".",
        b"c_codecs\nencode\n}X\x01\0\0\0ai\x01\0\0\0sb.",
    ],
)
def test_a_batch_that_is_not_bytes_and_labels_is_one_line(data: bytes) -> None:
    with pytest.raises(InputError, match=r"\A--from: a batch is not CIFAR-10's [^\n]*\Z"):
        read_batch(data, "--from: a batch")


def test_a_batch_changed_at_any_place_is_read_or_refused_in_a_line(tmp_path: Path) -> None:
    cifar_batches(tmp_path / "batches", 2)
    whole = (tmp_path / "batches" / "data_batch_1").read_bytes()
    random = np.random.default_rng(0)
    refused: list[str] = []
    for _ in range(400):
        data = bytearray(whole[:200] + whole[-300:] if random.random() < 0.3 else whole)
        for _ in range(random.integers(1, 4)):
            near_the_ends = int(random.choice([random.integers(0, 160), len(data) - 1 - random.integers(0, 90)]))
            data[near_the_ends] = random.integers(256)
        try:
            pixels, labels = read_batch(bytes(data), "--from: a batch")
            assert (pixels.dtype, pixels.shape[1], len(labels)) == (np.uint8, 3072, len(pixels))
        except InputError as error:
            refused.append(str(error))
    assert len(refused) > 100
    assert not any("\n" in line for line in refused)


def test_a_tarball_whose_sizes_are_not_believable_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.tar.gz"
    with tarfile.open(path, "w:gz") as file:
        member = tarfile.TarInfo("data_batch_1")
        member.size = 100
        file.addfile(member, io.BytesIO(bytes(100)))
    monkeypatch.setattr(cifar_source, "MOST_BATCH_BYTES", 99)
    with pytest.raises(InputError, match="more than CIFAR-10's tarball holds, at 'data_batch_1'"):
        open_source(path)
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, 2**32
    path.write_bytes(header.tobuf(tarfile.USTAR_FORMAT) + bytes(10240))
    with pytest.raises(InputError, match="not a readable tarball"):
        open_source(path)
    assert os.path.getsize(path) < 2**20
