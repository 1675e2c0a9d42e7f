"""What `import sfddm` offers: a program that its docstring shows, and nothing imported before it is used."""

import ast
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch

import sfddm

ROOT = Path(__file__).parents[2]


def test_the_program_in_the_docstring_makes_images() -> None:
    assert sfddm.__doc__
    program = sfddm.__doc__.partition("4 steps:\n")[2].partition("`save_denoiser")[0]
    found: dict = {}
    exec(textwrap.dedent(program), found)
    assert (found["images"].dtype, found["images"].shape) == (torch.uint8, (16, 1, 8, 8))
    assert len(found["images"].unique()) > 10
    assert len(found["student"]) == 4


@pytest.mark.parametrize("name", sfddm.__all__)
def test_every_public_name_is_there_and_documented(name: str) -> None:
    value = getattr(sfddm, name)
    assert getattr(sys.modules[f"sfddm.{sfddm.MODULES[name]}"], name) is value
    assert value.__doc__
    assert name in dir(sfddm)


def test_the_three_lists_of_public_names_are_one() -> None:
    assert sorted(sfddm.__all__) == sorted(sfddm.MODULES)
    tree = ast.parse(Path(sfddm.__file__).read_text())
    (checking,) = (node for node in tree.body if isinstance(node, ast.If))
    imports = [node for node in checking.body if isinstance(node, ast.ImportFrom)]
    typed = {alias.name: (node.module or "").removeprefix("sfddm.") for node in imports for alias in node.names}
    assert typed == sfddm.MODULES


def test_another_name_is_refused() -> None:
    with pytest.raises(AttributeError, match="module 'sfddm' has no attribute 'Teacher'"):
        sfddm.Teacher  # noqa: B018


def test_errors_grids_schedules_and_words_need_no_torch() -> None:
    modules = "sfddm, sfddm.errors, sfddm.files, sfddm.grids, sfddm.schedule, sfddm.words"
    probe = f"import sys, {modules}; sfddm.alpha_bar_table('cosine', 8); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", probe], check=False, cwd=ROOT).returncode == 0
