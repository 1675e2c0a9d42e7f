"""The folder of a site: what it may hold, and that an end at any moment leaves pages whole, with their pictures."""

from pathlib import Path

import pytest

from bench.report import site_folder
from bench.report.site_folder import CONTENTS, check_is_free, write_site_folder
from sfddm.errors import InputError

OLD = {"index.html": b"old", "digits-8.html": b"old pictures/0a.png", "pictures/0a.png": b"a"}
NEW = {"index.html": b"new", "mine-8.html": b"new pictures/0b.png", "pictures/0b.png": b"b"}


def there(out: Path) -> dict[str, bytes]:
    """All files of a folder but the list of the site's own."""
    paths = [path for path in out.rglob("*") if path.is_file() and path.name != CONTENTS]
    return {str(path.relative_to(out)): path.read_bytes() for path in paths}


def test_a_site_replaces_one_that_was_there_and_leaves_hidden_files(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_bytes(b"main")
    for files in (OLD, NEW):
        check_is_free(tmp_path)
        write_site_folder(tmp_path, files)
        assert there(tmp_path) == files | {".git/HEAD": b"main"}


@pytest.mark.parametrize("name", ["notes.txt", "records/a/b.json", "pictures/mine.png", "other.html"])
@pytest.mark.parametrize("site", [True, False])
def test_a_folder_with_anything_else_is_refused(name: str, site: bool, tmp_path: Path) -> None:
    if site:
        write_site_folder(tmp_path, OLD)
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("mine")
    with pytest.raises(InputError, match=f"^--out: '.*' given, but it holds other things, such as {name}; name an "):
        check_is_free(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"files": ["../x.html"]}', '{"files": [".git"]}', '{"files": 1}'])
def test_a_file_of_the_lists_name_that_is_no_such_list_is_anything_else(text: str, tmp_path: Path) -> None:
    (tmp_path / CONTENTS).write_text(text)
    with pytest.raises(InputError, match=f"such as {CONTENTS}"):
        check_is_free(tmp_path)


def test_a_link_to_a_folder_is_anything_else(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "pictures").symlink_to(tmp_path)
    with pytest.raises(InputError, match="such as pictures"):
        check_is_free(tmp_path / "out")


def test_whenever_it_ends_each_page_has_its_pictures_and_the_next_call_continues(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0

    def ending(write: object) -> object:
        def written(*given: object) -> None:
            nonlocal calls
            calls -= 1
            if calls < 0:
                raise KeyboardInterrupt
            write(*given)

        return written

    for name in ("write_json", "write_bytes", "remove"):
        monkeypatch.setattr(site_folder, name, ending(getattr(site_folder, name)))
    ended = 0
    for moment in range(9):
        out = tmp_path / str(moment)
        calls = 100
        write_site_folder(out, OLD)
        calls = moment
        try:
            write_site_folder(out, NEW)
        except KeyboardInterrupt:
            ended += 1
        found = there(out)
        for name in (name for name in found if name.endswith(".html")):
            assert found[name] in (OLD.get(name), NEW.get(name))
            assert all(picture in found for picture in found[name].decode().split()[1:])
        calls = 100
        check_is_free(out)
        write_site_folder(out, NEW)
        assert there(out) == NEW
    assert ended == 7  # the list twice, three files, and two to remove: each of them was an end once
