"""`sfddm-bench speed`: contestants of known speed, the other packages at equal size, and what is skipped and said."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import scipy.linalg
import torch
from helpers.allocating import allocating
from helpers.command_line import sfddm_bench

from bench.speed import comparison, contestants, distance, sampling, training
from bench.speed.comparison import Result, compare
from bench.speed.contestants import AGAIN, CLEAN_FID, DIFFUSERS, LUCIDRAINS, OURS, PYTORCH_FID, Part, SetUp, Work
from bench.speed.memory import peak_memory
from bench.speed.references import diffusers_network, lucidrains_diffusion, parameters
from bench.speed.report import markdown, print_results
from bench.speed.rounds import Ratio
from sfddm.training import TrainSettings
from sfddm.unet import UNet, UNetConfig

MEBIBYTE = 2**20
EQUAL = 0.02  # relative: how near another package's U-Net comes to our parameter count, in steps of its width
VALUE = 1e-6  # relative: our distance against clean-fid's, whose matrix root is iterative

TINY = SetUp(
    network=UNetConfig(dim=16, dim_mults=(1, 2), channels=1, heads=1, head_dim=8), pixels=8, batch=2, device="cpu",
    timesteps=16, defaults=TrainSettings(ema=0.9), dimension=24,
)  # fmt: skip
AUTHORS = SetUp(UNetConfig(), 32, 1, "meta", 1024, TrainSettings())  # counted, never computed


class Clock:
    """A clock that only `working` moves: what is measured is known to the last digit."""

    def __init__(self) -> None:
        self.now = 0.0

    def seconds_of(self, call: Callable[[], object], device: str) -> float:
        started = self.now
        call()
        return self.now - started

    def working(self, setup: SetUp, seconds: float) -> Work:
        def call(count: int) -> None:
            self.now += seconds * count

        return Work(call)


def broken(setup: SetUp) -> Work:
    raise TypeError("sqrtm() got an unexpected keyword argument 'disp'")


def quiet(_: str) -> None: ...


def test_a_contestant_of_twice_the_time_is_half_as_fast_and_a_broken_one_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock()
    monkeypatch.setattr(comparison, "synchronised_seconds", clock.seconds_of)
    ours = partial(clock.working, seconds=0.125)
    part = Part("work", "images/s", 8, {OURS: ours, AGAIN: ours, "slow": partial(clock.working, seconds=0.25), "new": broken},
                skipped={"absent": "not installed"})  # fmt: skip
    result = compare(part, TINY, 0.0, quiet)
    assert result.units_per_call == comparison.UNIT_SECONDS / 0.125
    rows = {row.name: row for row in result.rows}
    assert (rows[OURS].rate, rows["slow"].rate) == (64.0, 32.0)
    assert rows[OURS].speed_up is None
    assert rows[AGAIN].speed_up == Ratio(1.0, 1.0, 1.0)
    assert rows["slow"].speed_up == Ratio(2.0, 2.0, 2.0)
    assert rows["slow"].verdict == "faster"
    assert result.noise_floor == 1.0
    assert result.skipped.keys() == {"absent", "new"}
    text = markdown([result], "here")
    assert "skipped: absent: not installed" in text
    assert "skipped: new: failed: TypeError: sqrtm() got an unexpected keyword argument 'disp'" in text


def test_a_fault_of_our_own_is_not_skipped() -> None:
    with pytest.raises(TypeError, match="sqrtm"):
        compare(Part("sleep", "naps/s", 1, {OURS: broken}), TINY, 0.0, quiet)


def test_a_package_that_is_not_installed_is_skipped_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contestants, "find_spec", lambda name: None)
    part = distance.distance_part(8)
    assert part.skipped == {CLEAN_FID: "not installed", PYTORCH_FID: "not installed"}
    assert list(part.builders) == [OURS, AGAIN]


def test_the_other_networks_have_our_parameter_count() -> None:
    assert parameters(lucidrains_diffusion(TINY).model) == parameters(UNet(TINY.network))
    assert parameters(diffusers_network(AUTHORS)) == pytest.approx(35_719_555, rel=EQUAL)


def test_one_of_our_timed_iterations_is_one_iteration_of_the_training_loop() -> None:
    for build in (training.ours, training.ours_at_defaults):
        work = build(TINY)
        work.call(2)
        work.call(3)
        run = work.call.__closure__
        assert run is not None
        found = [cell.cell_contents for cell in run if isinstance(cell.cell_contents, training.Training)]
        assert found[0].iteration == 5
        assert (found[0].average is None) == (build is training.ours)
        assert found[0].settings.batch == TINY.batch


def test_the_other_trainings_move_every_weight() -> None:
    for build in (training.lucidrains, training.diffusers):
        work = build(TINY)
        assert work.call.__closure__ is not None
        modules = [c.cell_contents for c in work.call.__closure__ if isinstance(c.cell_contents, torch.nn.Module)]
        before = [parameter.clone() for parameter in modules[0].parameters()]
        work.call(2)
        moved = [not torch.equal(a, b) for a, b in zip(before, modules[0].parameters(), strict=True)]
        assert all(moved)


@pytest.mark.parametrize("steps", [1, 4])
@pytest.mark.parametrize("build", [sampling.ours, sampling.lucidrains, sampling.diffusers])
def test_every_sampler_evaluates_its_network_once_a_step_and_batch(
    build: object, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = build(TINY, steps=steps)  # type: ignore[operator]
    calls: list[int] = []
    hook = torch.nn.modules.module.register_module_forward_pre_hook(
        lambda module, given: (
            calls.append(len(given[0])) if type(module).__name__ in ("UNet", "Unet", "UNet2DModel") else None
        )
    )
    try:
        work.call(3)
    finally:
        hook.remove()
    assert calls == [TINY.batch] * 3 * steps


def test_our_distance_is_that_of_the_other_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    sqrtm = scipy.linalg.sqrtm
    # Both call sqrtm(disp=False) for a pair; SciPy 1.18 has no `disp` any more.
    monkeypatch.setattr(scipy.linalg, "sqrtm", lambda matrix, disp=True: (sqrtm(matrix), 0.0))
    ours = distance.ours(TINY).call(1)
    assert distance.pytorch_fid(TINY).call(1) == pytest.approx(ours, rel=VALUE)
    assert distance.clean_fid(TINY).call(1) == pytest.approx(ours, rel=VALUE)


def test_the_memory_of_a_contestant_is_measured_in_a_process_of_its_own() -> None:
    small = peak_memory(partial(allocating, size=4), TINY)
    large = peak_memory(partial(allocating, size=128 * MEBIBYTE), TINY)
    assert small is not None
    assert large is not None
    assert abs(large - small - 128 * MEBIBYTE) < 8 * MEBIBYTE


def test_the_command_writes_a_table_and_every_rounds_seconds(tmp_path: Path) -> None:
    run = sfddm_bench("speed", "--dataset", "digits", "--set", "network.dim=8", "--parts", "sampling", "--batch", "1",
                      "--set", "teacher.timesteps=8", "--seconds", "0.01", "--out", str(tmp_path))  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert "sampling, 1 step" in run.stdout
    assert "Traceback" not in run.stderr
    assert "Warning" not in run.stderr
    written = json.loads((tmp_path / "speed.json").read_text())
    (result,) = written["results"]  # 10 and 100 steps are more than the 8 timesteps
    assert {row["name"] for row in result["rows"]} | result["skipped"].keys() == {OURS, AGAIN, LUCIDRAINS, DIFFUSERS}
    assert all(len(row["seconds"]) >= 3 for row in result["rows"])
    assert written["machine"]["threads"] == 1
    assert (tmp_path / "speed.md").read_text().count("\n| ") == 5


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--parts", "trainin"], "training, sampling, distance"),
        (["--batch", "0"], "from 1 up"),
        (["--seconds", "0"], "above 0"),
        (["--dataset", "mnist"], "cifar10"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(words: list[str], said: str, tmp_path: Path) -> None:
    run = sfddm_bench("speed", *words, "--out", str(tmp_path / "out"))
    assert run.returncode == 2
    assert run.stderr.count("\n") == 1
    assert said in run.stderr
    assert not (tmp_path / "out").exists()


def test_the_console_shows_every_contestant(capsys: pytest.CaptureFixture[str]) -> None:
    row = comparison.Row(OURS, 2.0, 5, None, None, None, None, [0.5])
    print_results([Result("training", "iterations/s", 1, 1.01, [row], {"diffusers": "not installed"})])
    shown = capsys.readouterr().out
    assert "2 iterations/s" in shown
    assert "skipped: diffusers: not installed" in shown
