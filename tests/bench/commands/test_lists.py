"""The lists of what there is: whole, with what each thing means, without torch; and what a shell completes of it."""

import subprocess
import sys

import pytest
from helpers.command_line import ENVIRONMENT
from typer.testing import CliRunner

from bench.cli import app
from bench.commands import completion
from bench.commands.metrics import SUMMARIES
from bench.config import methods
from bench.config.described import SECTIONS, section_names, settings
from bench.config.overrides import setting_names
from bench.config.preset import load_preset, preset_names
from bench.config.resolve import resolve
from bench.metrics import METRICS
from bench.metrics.groups import GROUPS, numbers_of


def said(*words: str) -> str:
    ran = CliRunner().invoke(app, words)
    assert ran.exit_code == 0, ran.output
    return ran.stdout


@pytest.mark.parametrize("name", methods.METHODS)
def test_a_methods_settings_are_those_of_its_class(name: str) -> None:
    assert methods.settings(name) is methods.get(name).Settings
    assert methods.summary(name) == methods.get(name).summary


def test_every_method_is_listed_in_one_line() -> None:
    lines = said("methods").splitlines()
    assert [name for name in methods.names() if not any(f"│ {name} " in line for line in lines)] == []


@pytest.mark.parametrize("section", section_names())
def test_every_setting_says_what_it_means(section: str) -> None:
    assert [one.name for one in settings(section, "digits") if not one.meaning] == []


def test_the_settings_are_all_that_set_takes() -> None:
    listed = {one.name for section in section_names() for one in settings(section, "digits")}
    plain = {name for name in setting_names() if "." in name and name.partition(".")[0] in section_names()}
    assert plain == listed


@pytest.mark.parametrize("dataset", preset_names())
@pytest.mark.parametrize("scale", ["smoke", "quick", "paper"])
def test_the_values_are_those_of_a_run(dataset: str, scale: str) -> None:
    config = resolve(load_preset(dataset), scale).model_dump(mode="json")
    for section in [*SECTIONS, *methods.METHODS]:
        if section == "student":
            continue
        own = config["methods"][section] if section in methods.METHODS else config[section]
        for one in settings(section, dataset, scale):
            value = own.get(one.name.partition(".")[2])
            if isinstance(value, (int, str, bool)):
                assert one.value == (str(value).lower() if isinstance(value, bool) else str(value)), one.name


def test_one_method_shows_its_settings_with_a_datasets_values() -> None:
    shown = said("methods", "pd", "--dataset", "lsun_church")
    assert "pd.compute" in shown
    assert "157784" in shown


def test_every_group_of_metrics_says_what_it_is() -> None:
    assert tuple(SUMMARIES) == tuple(GROUPS) == METRICS
    assert [group for group in METRICS if not list(numbers_of(group))] == []
    assert "quality.distance.value" in said("metrics", "quality")


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["methods", "sfdm"], "did you mean 'sfddm'?"),
        (["metrics", "qualty"], "did you mean 'quality'?"),
        (["settings", "techer"], "did you mean 'teacher'?"),
        (["settings", "--dataset", "mnist"], "--dataset: 'mnist' given"),
        (["settings", "--scale", "big"], "--scale: 'big' given"),
    ],
)
def test_what_there_is_not_is_refused(words: list[str], fault: str) -> None:
    caught = CliRunner().invoke(app, words).exception
    assert fault in str(caught)


@pytest.mark.parametrize("words", [["methods"], ["methods", "pd"], ["metrics"], ["metrics", "quality"], ["settings"]])
def test_lists_import_neither_torch_nor_pandas(words: list[str]) -> None:
    program = (
        "import sys; sys.argv[1:] = {words}; from bench.cli import app; app(standalone_mode=False); "
        "sys.exit([m for m in ('torch', 'pandas', 'matplotlib') if m in sys.modules] or 0)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program.format(words=words)],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr


def test_a_shell_completes_the_last_of_a_list() -> None:
    assert completion.method_lists("sfddm,pd") == ["sfddm,pd", "sfddm,pd-reference"]
    assert completion.method_lists("ddim,dd") == ["ddim,ddpm"]
    assert completion.metric_lists("quality,co") == ["quality,consistency", "quality,cost"]
    assert completion.dataset_names("lsun") == ["lsun_bedroom", "lsun_church"]
    assert completion.section_names("teach") == ["teacher"]
    assert completion.scale_names("q") == ["quick"]
