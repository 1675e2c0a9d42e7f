"""No code of ours reads a pickle from disk: checked in the source itself."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = [path for part in ("sfddm", "baselines", "bench", "tests") for path in sorted((ROOT / part).rglob("*.py"))]
NEEDED = {
    ("torch", "load"): ("weights_only", True),
    ("np", "load"): ("allow_pickle", False),
    ("numpy", "load"): ("allow_pickle", False),
}
FORBIDDEN = {
    ("pickle", "load"),
    ("pickle", "loads"),
    ("joblib", "load"),
    ("pd", "read_pickle"),
    ("dill", "load"),
    ("dill", "loads"),
    ("cPickle", "load"),
    ("shelve", "open"),
}


def faults(source: str) -> Iterator[str]:
    """Yield what in a source may unpickle. Only a class that says what it allows may be a pickle.Unpickler."""
    tree = ast.parse(source)
    guarded = {
        base
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and _has(node, "find_class")
        for base in node.bases
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module in ("torch", "numpy", "pickle"):
            names = {alias.name for alias in node.names} & {"load", "loads", "Unpickler"}
            yield from (f"line {node.lineno}: from {node.module} import {name}" for name in names)
        if isinstance(node, ast.Import):
            renamed = {alias.name for alias in node.names if alias.asname} & {"torch", "pickle"}
            yield from (f"line {node.lineno}: {name} by another name" for name in renamed)
        if _dotted(node) == ("pickle", "Unpickler") and node not in guarded:
            yield f"line {node.lineno}: pickle.Unpickler"
        if isinstance(node, ast.Call) and (called := _dotted(node.func)):
            if called in FORBIDDEN:
                yield f"line {node.lineno}: {'.'.join(called)}"
            if called in NEEDED and NEEDED[called] not in [(word.arg, _constant(word.value)) for word in node.keywords]:
                yield f"line {node.lineno}: {'.'.join(called)} without {NEEDED[called][0]}={NEEDED[called][1]}"


def _dotted(node: ast.AST) -> tuple[str, str] | None:
    simple = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    return (node.value.id, node.attr) if simple else None


def _has(node: ast.ClassDef, name: str) -> bool:
    return any(isinstance(part, ast.FunctionDef) and part.name == name for part in node.body)


def _constant(value: ast.expr) -> object:
    return value.value if isinstance(value, ast.Constant) else None


def test_no_call_in_the_tree_can_unpickle() -> None:
    assert len(SOURCES) > 80
    assert [f"{path.relative_to(ROOT)}, {fault}" for path in SOURCES for fault in faults(path.read_text())] == []


@pytest.mark.parametrize(
    "source",
    [
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "np.load(path)",
        "np.load(path, allow_pickle=True)",
        "np.load(path, allow_pickle=given)",
        "pickle.load(file)",
        "pickle.loads(data)",
        "from torch import load",
        "pickle.Unpickler(file).load()",
        "class Own(pickle.Unpickler):\n    pass",
        "import torch as t",
        "pd.read_pickle(path)",
    ],
)
def test_the_check_sees_each_way_to_unpickle(source: str) -> None:
    assert list(faults(source))
