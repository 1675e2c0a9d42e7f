"""The plain Inception network: against torch-fidelity's, against a TorchScript file of the same weights."""

import subprocess
import zipfile
from pathlib import Path

import pytest
import torch
import torch_fidelity.feature_extractor_inceptionv3 as fidelity
from helpers.command_line import ENVIRONMENT, PROGRAM
from helpers.stand_in_inception import random_network, write_published, write_stand_in
from safetensors import safe_open
from torch import Tensor

from bench.metrics import inception
from bench.metrics.inception import EQUAL, compared, converted_path, inception_features, load_network
from bench.metrics.inception_network import InceptionNetwork, network_of
from bench.metrics.torchscript_archive import read_tensors
from bench.store.files import file_sha256
from sfddm.errors import InputError

# The names of the blocks in torch-fidelity (and pytorch-fid and torchvision), in the order of ours.
STEM = ("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "Conv2d_3b_1x1", "Conv2d_4a_3x3")
MIXED = ("5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e", "7a", "7b", "7c")
A = {"branch1x1": "conv", "branch5x5_1": "tower.conv", "branch5x5_2": "tower.conv_1", "branch_pool": "tower_2.conv"}
A |= {f"branch3x3dbl_{k + 1}": f"tower_1.conv{f'_{k}' if k else ''}" for k in range(3)}
B = {"branch3x3": "conv"} | {f"branch3x3dbl_{k + 1}": f"tower.conv{f'_{k}' if k else ''}" for k in range(3)}
C = {"branch1x1": "conv", "branch_pool": "tower_2.conv"}
C |= {f"branch7x7_{k + 1}": f"tower.conv{f'_{k}' if k else ''}" for k in range(3)}
C |= {f"branch7x7dbl_{k + 1}": f"tower_1.conv{f'_{k}' if k else ''}" for k in range(5)}
D = {"branch3x3_1": "tower.conv", "branch3x3_2": "tower.conv_1"}
D |= {f"branch7x7x3_{k + 1}": f"tower_1.conv{f'_{k}' if k else ''}" for k in range(4)}
E = {
    "branch1x1": "conv",
    "branch3x3_1": "tower_conv",
    "branch3x3_2a": "tower_mixed_conv",
    "branch3x3_2b": "tower_mixed_conv_1",
    "branch3x3dbl_1": "tower_1_conv",
    "branch3x3dbl_2": "tower_1_conv_1",
    "branch3x3dbl_3a": "tower_1_mixed_conv",
    "branch3x3dbl_3b": "tower_1_mixed_conv_1",
    "branch_pool": "tower_2_conv",
}
BLOCKS = (A, A, A, B, C, C, C, C, D, E, E)


def numbered(name: str, k: int) -> str:
    return f"{name}_{k}" if k else name


def as_in_torch_fidelity(network: InceptionNetwork) -> dict[str, Tensor]:
    """Return a network's weights under torch-fidelity's names."""
    ours = network.state_dict()
    pairs = {theirs: f"layers.{numbered('conv', k)}" for k, theirs in enumerate(STEM)}
    for k, (block, names) in enumerate(zip(MIXED, BLOCKS, strict=True)):
        mixed = numbered("mixed", k)
        pairs |= {f"Mixed_{block}.{one}": f"layers.{mixed}.{other}" for one, other in names.items()}
    found = {"fc.weight": ours["output.weight"], "fc.bias": ours["output.bias"]}
    for theirs, own in pairs.items():
        found |= {
            f"{theirs}.conv.weight": ours[f"{own}.weight"],
            f"{theirs}.bn.weight": torch.ones_like(ours[f"{own}.beta"]),
            f"{theirs}.bn.bias": ours[f"{own}.beta"],
            f"{theirs}.bn.running_mean": ours[f"{own}.mean"],
            f"{theirs}.bn.running_var": ours[f"{own}.var"],
        }
    return found


def noise(count: int, side: int) -> Tensor:
    draw = torch.Generator().manual_seed(side)
    return torch.randint(256, (count, 3, side, side), generator=draw, dtype=torch.uint8)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_published(tmp_path_factory.mktemp("published") / "inception.pt")


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "sfddm-bench"


@pytest.mark.slow
@pytest.mark.parametrize("side", [32, 64, 299])
def test_features_and_logits_are_those_of_torch_fidelity_with_the_same_weights(
    side: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = random_network()
    state = as_in_torch_fidelity(network)
    monkeypatch.setattr(fidelity.FeatureExtractorInceptionV3, "load_state_dict", fill)
    monkeypatch.setattr(fidelity, "load_state_dict_from_url", lambda *_, **__: state)
    theirs = fidelity.FeatureExtractorInceptionV3("inception", ["2048", "logits_unbiased"])
    features, logits = theirs(noise(2, side))
    ours = network(noise(2, side).float(), return_features=True)
    assert (ours - features).abs().max() <= EQUAL * features.abs().max()
    assert ours.std() > 0.01 * ours.abs().max()  # weights that keep a signal, without which everything is equal
    assert (ours @ network.output.weight.T - logits).abs().max() <= EQUAL * logits.abs().max()


def fill(module: torch.nn.Module, state: dict[str, Tensor]) -> None:
    """Fill a module with every tensor that it has, but for batch norm's count of batches."""
    own = {name: value for name, value in module.state_dict().items() if not name.endswith("num_batches_tracked")}
    assert own.keys() == state.keys()
    for name, value in own.items():
        value.copy_(state[name])


def test_a_files_tensors_are_read_without_its_code(published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = torch.jit.load(str(published)).state_dict()
    monkeypatch.delattr(torch.jit, "load")
    found = read_tensors(published)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], value) for name, value in expected.items())


@pytest.mark.slow
def test_the_plain_network_has_the_features_of_the_files_own_code(published: Path) -> None:
    found = compared(published, (32, 64, 299))
    assert len(found) == 6
    assert max(found.values()) <= EQUAL


@pytest.mark.slow
def test_a_file_is_converted_once_and_a_damaged_conversion_is_made_again(
    published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha256 = file_sha256(published)
    converted, read = converted_path(sha256), []
    monkeypatch.setattr(inception, "read_tensors", lambda path: read.append(path) or read_tensors(path))
    features = [inception_features(published, "clean", "cpu")(noise(1, 32))[0] for _ in range(2)]
    assert read == [published]
    assert torch.equal(*features)
    with safe_open(converted, framework="pt") as file:
        assert file.metadata()["original_sha256"] == sha256
    whole = converted.read_bytes()
    for damaged in (whole[: len(whole) // 2], whole[:-4] + b"\0\0\1\0", b"", b"\xff" * 100):
        converted.write_bytes(damaged)
        assert inception.read_converted(sha256) is None
    assert torch.equal(inception_features(published, "clean", "cpu")(noise(1, 32))[0], features[0])
    assert inception.read_converted(sha256) is not None


def test_a_conversion_of_another_original_is_not_taken(cache: Path) -> None:
    inception.write_converted(random_network(), "a" * 64)
    assert inception.read_converted("a" * 64) is not None
    converted_path("a" * 64).rename(converted_path("b" * 64))
    assert inception.read_converted("b" * 64) is None


@pytest.mark.slow
def test_a_cache_that_cannot_be_written_costs_only_the_conversion(
    published: Path, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cache.write_text("a file where the folder should be")
    assert isinstance(load_network(published, file_sha256(published)), InceptionNetwork)
    assert capsys.readouterr().err == ""


@pytest.mark.slow
def test_a_file_of_the_same_names_whose_code_does_something_else_runs_as_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_published(tmp_path / "doubled.pt", doubled=True)
    network = load_network(path, file_sha256(path))
    assert not isinstance(network, InceptionNetwork)
    assert "runs as TorchScript" in capsys.readouterr().err
    plain = random_network()(noise(1, 32).float(), return_features=True)
    torch.testing.assert_close(network(noise(1, 32).float(), return_features=True), 2 * plain, rtol=1e-3, atol=1e-3)
    assert not converted_path(file_sha256(path)).exists()


def test_a_file_of_another_architecture_runs_as_torchscript_and_says_so_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    path = write_stand_in(tmp_path / "stand-in.pt")
    recwarn.clear()
    assert load_network(path, file_sha256(path)).layers is not None
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "runs as TorchScript, which torch no longer keeps up: it has no tensor 'layers.conv.weight'" in told
    assert [str(warning.message) for warning in recwarn] == []


def test_without_torchscript_another_architecture_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_stand_in(tmp_path / "stand-in.pt")
    monkeypatch.delattr(torch.jit, "load")
    with pytest.raises(InputError, match=f"'{path}' given, which needs TorchScript, but torch .* has none"):
        load_network(path, file_sha256(path))


def test_without_torchscript_the_published_file_is_converted_all_the_same(
    published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inception, "WEIGHTS_SHA256", file_sha256(published))
    monkeypatch.delattr(torch.jit, "load")
    assert isinstance(load_network(published, file_sha256(published)), InceptionNetwork)


@pytest.mark.parametrize("fault", ["missing", "shape", "dtype", "more"])
def test_weights_that_do_not_fit_are_refused_by_name(fault: str) -> None:
    weights, name = random_network().state_dict(), "layers.mixed_9.tower_1_mixed_conv.weight"
    if fault == "missing":
        del weights[name]
    elif fault == "more":
        weights["aux.weight"] = weights["output.bias"]
        name = "aux.weight"
    else:
        weights[name] = weights[name].mT if fault == "shape" else weights[name].double()
    with pytest.raises(ValueError, match=name):
        network_of(weights)


@pytest.mark.parametrize("given", ["os.system", "builtins.eval", "torch.load", "torch._utils._rebuild_parameter"])
def test_a_pickle_that_names_anything_but_a_network_is_refused(given: str, tmp_path: Path) -> None:
    module, _, name = given.rpartition(".")
    path = tmp_path / "harmful.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", f"c{module}\n{name}\n(V{tmp_path}\ntR.".encode())
    with pytest.raises(ValueError, match=f"it names {given}, which is no part of a network"):
        read_tensors(path)


@pytest.mark.slow
def test_doctor_prints_how_far_the_two_are_apart_and_says_if_there_is_no_file(published: Path, tmp_path: Path) -> None:
    def doctor(*words: str) -> subprocess.CompletedProcess[str]:
        environment = ENVIRONMENT | {"XDG_CACHE_HOME": str(tmp_path)}
        command = [*PROGRAM, "doctor", "--inception", *words]
        return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)

    run = doctor("--inception-weights", str(published))
    assert run.returncode == 0, run.stderr
    for side in (32, 64, 299):
        assert f"{side}x{side} clean: " in run.stdout
        assert f"{side}x{side} legacy_tensorflow: " in run.stdout
    assert "up to 0.0001 is equal" in run.stdout.splitlines()[-1]
    nothing = doctor()
    assert nothing.returncode == 2
    assert nothing.stderr.startswith("sfddm-bench: --inception: there is nothing to compare, ")
    assert nothing.stderr.count("\n") == 1
