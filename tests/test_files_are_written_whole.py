"""No code of ours writes a file but through `sfddm.files`, so that each is seen whole or not at all: in the source."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = [path for part in ("sfddm", "baselines", "bench") for path in sorted((ROOT / part).rglob("*.py"))]

# What writes otherwise, and may.
EXEMPT = {
    "bench/cli.py": "opens the null device in place of a stdout that cannot be written",
    "sfddm/files.py": "the one writer",
    "bench/store/events.py": "appends a line at a time",
    "bench/store/layout.py": "appends to a stage's log, which is no artefact",
    "bench/store/lock.py": "locks are written in place",
    "bench/store/memory.py": "asks the kernel through /proc",
    "bench/datasets/packing.py": "continues a partial file, which its progress file speaks for",
    "bench/metrics/inception.py": "downloads by torch.hub, which writes a temporary file and renames it",
}
# Methods that write to the path they are called on or given, and functions of modules.
METHODS = {"write_text", "write_bytes", "touch", "rename", "symlink_to", "hardlink_to", "tofile"}
FUNCTIONS = {
    *(("os", name) for name in ("open", "write", "rename", "replace", "truncate", "link", "symlink", "mkfifo")),
    *(("shutil", name) for name in ("copy", "copy2", "copyfile", "copytree", "move", "make_archive")),
    ("torch.hub", "download_url_to_file"),
}
# Savers that may write into an open file or a buffer, but not to a path.
SAVERS = {"save", "savez", "savez_compressed", "savetxt", "savefig", "save_file", "to_csv", "to_json", "dump"}
READING = {"r", "rb", "rt"}


def faults(source: str) -> Iterator[str]:
    """Yield each call of a source that may write a file by itself."""
    tree = ast.parse(source)
    opened = {name for node in ast.walk(tree) for name in _given_open_files(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (why := _fault(node, opened)):
            yield f"line {node.lineno}: {why}"


def _fault(call: ast.Call, opened: set[str]) -> str | None:
    called = call.func
    name = called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""
    owner = ast.unparse(called.value) if isinstance(called, ast.Attribute) else ""
    if (owner, name) in FUNCTIONS or (name in METHODS and owner):
        return f"{owner}.{name}"
    if name == "open" and owner not in ("Image", "tarfile", "lmdb", "shelve"):
        place = 1 if owner in ("", "io", "gzip") else 0
        mode = next((word.value for word in call.keywords if word.arg == "mode"), None)
        mode = call.args[place] if mode is None and len(call.args) > place else mode
        if mode is not None and not (isinstance(mode, ast.Constant) and mode.value in READING):
            return f"open with mode {ast.unparse(mode)}"
    in_memory = (owner, name) == ("", "save")  # that of safetensors, which returns bytes
    if name in SAVERS and not in_memory and not any(_is_open(target, opened) for target in call.args):
        return f"{owner}.{name} to a path" if call.args else None
    return None


def _is_open(target: ast.expr, opened: set[str]) -> bool:
    return isinstance(target, ast.Name) and target.id in opened


def _given_open_files(node: ast.AST) -> Iterator[str]:
    """Yield the names of buffers, and of files that the one writer has opened."""
    named = isinstance(node, ast.withitem) and isinstance(node.optional_vars, ast.Name)
    if named and ast.unparse(node.context_expr).startswith("writing("):
        yield node.optional_vars.id
    if isinstance(node, ast.Assign):
        yield from _buffers(node)


def _buffers(node: ast.Assign) -> Iterator[str]:
    for target in node.targets:
        names = target.elts if isinstance(target, ast.Tuple) else [target]
        values = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
        for name, value in zip(names, values, strict=False):
            given = ast.unparse(value)  # a buffer, or an open file that is hashed as it is written
            buffer = given in ("BytesIO()", "io.BytesIO()", "StringIO()") or given.startswith("Hashed(file, ")
            if isinstance(name, ast.Name) and buffer:
                yield name.id


def test_no_call_in_the_tree_writes_a_file_by_itself() -> None:
    assert len(SOURCES) > 100
    found = {str(path.relative_to(ROOT)): list(faults(path.read_text())) for path in SOURCES}
    assert {name: said for name, said in found.items() if said and name not in EXEMPT} == {}


def test_what_is_exempt_still_writes_otherwise() -> None:
    assert [name for name in EXEMPT if not list(faults((ROOT / name).read_text()))] == []


@pytest.mark.parametrize(
    "source",
    [
        "path.write_text(text)",
        "path.write_bytes(data)",
        "path.open('w')",
        "path.open(mode='wb')",
        "open(path, 'a')",
        "open(path, mode)",
        "os.open(path, os.O_WRONLY)",
        "os.replace(one, other)",
        "shutil.copyfile(one, other)",
        "np.save(path, pixels)",
        "np.savez(folder / 'a.npz', mean=mean)",
        "torch.save(state, path)",
        "figure.savefig(path)",
        "picture.save(path, format='PNG')",
        "frame.to_csv(path)",
        "save_file(weights, path)",
        "safetensors.torch.save_file(weights, path)",
        "with path.open() as file:\n    np.save(file, pixels)",
    ],
)
def test_the_check_sees_each_way_to_write(source: str) -> None:
    assert list(faults(source))


@pytest.mark.parametrize(
    "source",
    [
        "path.open()",
        "path.open('rb')",
        "open(path)",
        "with writing(path) as file:\n    np.save(file, pixels)",
        "buffer = BytesIO()\nfigure.savefig(buffer)",
        "frame.to_csv(index=False)",
    ],
)
def test_the_check_lets_reading_and_the_one_writer_pass(source: str) -> None:
    assert list(faults(source)) == []
