"""How networks are run, from --set to stages, records and rows: only precision decides numbers."""

import json
from pathlib import Path

import pytest
import torch
from helpers.command_line import TINY, records, sfddm_bench

from bench.claims.setups import setups
from bench.config.preset import load_preset
from bench.config.resolve import resolve
from bench.config.settings import Config
from bench.datasets.registry import load
from bench.records.record import read_records
from bench.records.rows import ordered
from bench.run.sweep import Sweep, make_sweep
from bench.store.files import digest
from sfddm.denoiser import Denoiser
from sfddm.errors import InputError
from sfddm.performance import Performance

pytestmark = pytest.mark.slow

# Keys of digits at smoke scale as they were before there was a `performance`; that of metrics is of what they are now.
KEYS = {
    "teacher (seed 0)": "3923b87cec6dcf05",
    "sfddm to 4 steps (seed 0)": "aee0a707a2b8e410",
    "samples of sfddm at 4 steps (seed 0)": "29e34b2146900a42",
    "samples of ddim at 4 steps (seed 0)": "6ef23bdd589b70f6",
    "the teacher's full-length images (seed 0)": "7b192b295ddab9d2",
    "interpolation of sfddm at 4 steps (seed 0)": "02aa110f885f07b0",
    "metrics of samples of sfddm at 4 steps (seed 0)": "76410375fbc38635",
}
SETTINGS = "692c7e131f8947263dcf3b3c02c3eca4d83ed021ea7f597802fbbd7f07e6858b"  # of records: their keys and setups
METHODS = (
    "sfddm", "sfddm-reference", "sfddm-trajectory", "pd", "pd-reference", "scratch", "ddim", "ddpm", "dpm-solver",
)  # fmt: skip
SAME = [[], ["compile=true"], ["channels_last=true"], ["micro_batch=16"], ["checkpointing=true"], ["precision=fp32"]]
ONLY_TRAINS_A_CLASSIFIER = ("classifier", "reference", "statistics", "floor")


def sweep_of(*given: str) -> Sweep:
    # Defaults as they were.
    before = ["pd.compute=each", "cost.batch=1024", "sfddm-reference.subsequence=leading", "data.held_out=0"]
    settings = [*before, *(f"performance.{setting}" for setting in given)]
    config = resolve(load_preset("digits"), "smoke", settings)
    return make_sweep(config, load("digits", 8, None, 0.0), [("sfddm", 4), ("ddim", 4)], [0])


@pytest.mark.parametrize("given", SAME, ids=str)
def test_what_changes_no_number_changes_no_key(given: list[str]) -> None:
    sweep = sweep_of(*given)
    keys = {stage.label: stage.key for stage in sweep.stages}
    assert {label: keys[label] for label in KEYS} == KEYS
    known = {name: own for name, own in sweep.context.settings["methods"].items() if name in METHODS}
    assert digest({**sweep.context.settings, "methods": known}) == SETTINGS


@pytest.mark.parametrize("precision", ["bf16", "tf32"])
def test_another_precision_gives_every_stage_of_a_network_another_key(precision: str) -> None:
    plain, other = sweep_of().stages, sweep_of(f"precision={precision}").stages
    assert [stage.label for stage in plain] == [stage.label for stage in other]
    for one, two in zip(plain, other, strict=True):
        assert (one.key == two.key) == (one.kind in ONLY_TRAINS_A_CLASSIFIER), one.label


def test_the_cost_of_a_call_is_measured_again_for_another_way_to_run_it() -> None:
    def cost(*given: str) -> set[str]:
        return {stage.key for stage in sweep_of(*given).stages if stage.kind == "cost"}

    assert cost() == cost("compile=false") == cost("micro_batch=4")
    assert not cost() & cost("compile=true")
    assert not cost() & cost("channels_last=true")


def test_a_recorded_configuration_is_read_back() -> None:
    config = resolve(load_preset("digits"), "smoke", ["performance.precision=bf16"])
    assert config.identity()["performance"] == {"precision": "bf16"}
    assert Config.model_validate(config.identity()) == config
    assert "performance" not in resolve(load_preset("digits"), "smoke", ["performance.compile=true"]).identity()


@pytest.mark.parametrize(
    ("assignment", "said"),
    [
        ("performance.precison=bf16", "the nearest valid name is 'performance.precision'"),
        ("performance.precision=fp16", "performance.precision = 'fp16' given"),
        ("performance.micro_batch=0", "performance.micro_batch = 0 given"),
    ],
)
def test_a_wrong_setting_is_refused_with_what_is_possible(assignment: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        resolve(load_preset("digits"), "smoke", [assignment])


def test_a_denoiser_samples_without_what_is_of_training_and_products_are_exact_afterwards() -> None:
    denoiser = load_preset_denoiser()
    before = torch.backends.cudnn.allow_tf32
    try:
        with Performance(precision="tf32", checkpointing=True).sampling(denoiser) as fast:
            assert torch.get_float32_matmul_precision() == "high"
            assert fast.network is denoiser.network
            assert not denoiser.network.checkpointing
        assert torch.get_float32_matmul_precision() == "highest"
        assert not torch.backends.cudnn.allow_tf32
    finally:
        torch.backends.cudnn.allow_tf32 = before


def load_preset_denoiser() -> Denoiser:
    spec = resolve(load_preset("digits"), "smoke").teacher_spec()
    return spec.denoiser(spec.fresh_network(0))


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run in float32 and one in bf16, with parts of a batch and checkpointing, in one folder."""
    out = tmp_path_factory.mktemp("both") / "runs"
    words = ["run", "--out", str(out), "--steps", "2", "--methods", "sfddm", "--metrics", "cost", *TINY]
    fast = ["precision=bf16", "micro_batch=9", "checkpointing=true", "channels_last=true"]
    for settings in ([], fast):
        run = sfddm_bench(*words, *(word for setting in settings for word in ("--set", f"performance.{setting}")))
        assert run.returncode == 0, run.stderr
    return out


def test_precisions_are_setups_and_rows_of_their_own(both: Path) -> None:
    found = [record for record in read_records(both) if record.steps]
    assert len(found) == len(setups(found)) == 2
    rows = {name for name, _ in ordered(found)}
    assert rows == {"sfddm (performance.precision=fp32)", "sfddm (performance.precision=bf16)"}


def test_a_record_says_how_its_networks_were_run(both: Path) -> None:
    fast, plain = sorted(
        (record for record in records(both).values() if record["steps"]), key=lambda r: "performance" not in r["config"]
    )
    assert plain["machine"]["performance"] == Performance().on("cpu").model_dump()
    assert fast["machine"]["performance"] == {
        "precision": "bf16",
        "compile": False,
        "channels_last": True,
        "micro_batch": 9,
        "checkpointing": True,
        "deterministic": False,
    }
    assert (fast["machine"]["precision"], fast["machine"]["channels_last"]) == ("bfloat16", True)
    losses = [
        json.loads(next(both.glob(f"stages/*-{record['parents']['teacher (seed 0)']}/cost.json")).read_text())["loss"]
        for record in (fast, plain)
    ]
    assert losses[0] != losses[1]
    assert losses[0][0][1] == pytest.approx(losses[1][0][1], rel=0.02)  # bf16 has 8 bits


def test_images_are_the_same_bits_when_sampled_again_in_bf16(both: Path) -> None:
    run = sfddm_bench("verify", str(both), "--resample", "20")
    assert run.returncode == 0, run.stdout
    assert "40 images regenerated" in run.stdout
