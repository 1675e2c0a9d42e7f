"""Every contestant of training and sampling does the work that it is timed for."""

import pytest
import torch
from helpers.known_contestants import TINY

from bench.speed import diffusion
from sfddm.compiling import compiled, fault
from sfddm.training import Training


def test_one_of_our_timed_iterations_is_one_iteration_of_the_training_loop() -> None:
    for build in (diffusion.our_training, diffusion.our_default_training):
        work = build(TINY)
        work.call(2)
        work.call(3)
        run = work.call.__closure__
        assert run is not None
        found = [cell.cell_contents for cell in run if isinstance(cell.cell_contents, Training)]
        assert found[0].iteration == 5
        assert (found[0].average is None) == (build is diffusion.our_training)
        assert found[0].settings.batch == TINY.batch


def test_the_other_trainings_move_every_weight() -> None:
    for build in (diffusion.lucidrains_training, diffusion.diffusers_training):
        work = build(TINY)
        assert work.call.__closure__ is not None
        modules = [c.cell_contents for c in work.call.__closure__ if isinstance(c.cell_contents, torch.nn.Module)]
        before = [parameter.clone() for parameter in modules[0].parameters()]
        work.call(2)
        moved = [not torch.equal(a, b) for a, b in zip(before, modules[0].parameters(), strict=True)]
        assert all(moved)


@pytest.mark.parametrize("steps", [1, 4])
@pytest.mark.parametrize("build", [diffusion.our_sampling, diffusion.lucidrains_sampling, diffusion.diffusers_sampling])
def test_every_sampler_evaluates_its_network_once_a_step_and_batch(build: object, steps: int) -> None:
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


@pytest.mark.slow
def test_ours_compiled_is_compiled_once_for_all_step_counts() -> None:
    if reason := fault("cpu"):
        pytest.skip(f"nothing can be compiled here: {reason}")
    before = compiled.count
    diffusion.our_compiled_sampling(TINY, steps=4).call(1)
    once = compiled.count
    diffusion.our_compiled_sampling(TINY, steps=8).call(1)
    assert before < once == compiled.count


def test_what_cannot_be_compiled_does_not_run_eager_under_that_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diffusion, "fault", lambda _: "no compiler")
    with pytest.raises(RuntimeError, match="nothing can be compiled here: no compiler"):
        diffusion.our_compiled_sampling(TINY, steps=4)
