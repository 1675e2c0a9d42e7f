"""Tensors out of files: whatever the bytes, tensors or an InputError of one line, in no more memory than the file's."""

import json
import os
import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save, save_file
from torch import Tensor

from sfddm.checkpoint import DenoiserSpec, load_denoiser, save_denoiser
from sfddm.errors import InputError
from sfddm.imports.diffusers import load_diffusers
from sfddm.imports.lucidrains import load_lucidrains
from sfddm.json_files import read_json
from sfddm.unet import UNetConfig
from sfddm.weights import fit, read_safetensors, read_weights

FUZZED = settings(
    max_examples=120, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
SPEC = DenoiserSpec(network=UNetConfig(dim=8, dim_mults=(1,), channels=1))
WEIGHTS = {"init_conv.weight": torch.arange(6.0).reshape(2, 3), "b": torch.ones(2)}
MEMORY = 4 << 30  # bytes of address space that a reader may take, PyTorch's libraries included


def archive(content: object, legacy: bool = False) -> bytes:
    buffer = BytesIO()
    torch.save(content, buffer, _use_new_zipfile_serialization=not legacy)
    return buffer.getvalue()


FILES = {
    "safetensors": save(WEIGHTS, {"sfddm": SPEC.model_dump_json()}),
    "zip": archive(WEIGHTS),
    "legacy": archive(WEIGHTS, legacy=True),
}
CHANGES = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=8)


def changed(data: bytes, changes: list[tuple[float, int]]) -> bytes:
    """Return the bytes with some set; the places are shares of its length, half of them in its first 200."""
    damaged = bytearray(data)
    for number, (place, value) in enumerate(changes):
        damaged[int(place * min(len(data), 200 if number % 2 else len(data)))] = value
    return bytes(damaged)


def assert_tensors_or_one_line(path: Path) -> None:
    for read in (read_weights, load_lucidrains, load_denoiser):
        said = f"{path}: "
        try:
            read(path)
        except InputError as error:  # any other ends the test
            said = str(error)
        assert str(path) in said
        assert "\n" not in said


@FUZZED
@given(data=st.binary(max_size=300))
def test_random_bytes_are_refused(data: bytes, tmp_path: Path) -> None:
    for name in ("model.safetensors", "model.pth"):
        (tmp_path / name).write_bytes(data)
        assert_tensors_or_one_line(tmp_path / name)


@FUZZED
@pytest.mark.parametrize("kind", FILES)
@given(changes=CHANGES, kept=st.floats(0, 1))
def test_damaged_files_are_read_or_refused(
    kind: str, changes: list[tuple[float, int]], kept: float, tmp_path: Path
) -> None:
    path = tmp_path / "model"
    path.write_bytes(changed(FILES[kind], changes))
    assert_tensors_or_one_line(path)
    path.write_bytes(FILES[kind][: int(kept * len(FILES[kind]))])
    assert_tensors_or_one_line(path)


HEADERS = st.dictionaries(
    st.sampled_from(["init_conv.weight", "b", "__metadata__"]),
    st.one_of(
        st.fixed_dictionaries(
            {
                "dtype": st.sampled_from(["F32", "F16", "F8_E4M3", "F4", "I64", "C64", "BOOL", "X"]),
                "shape": st.lists(st.integers(-1, 2**65), max_size=4),
                "data_offsets": st.lists(st.integers(-1, 2**65), min_size=2, max_size=2),
            }
        ),
        st.dictionaries(st.sampled_from(["sfddm", "format"]), st.text(max_size=20)),
        st.integers(),
    ),
    max_size=3,
)


@FUZZED
@given(header=HEADERS, length=st.one_of(st.none(), st.integers(0, 2**64 - 1)), body=st.binary(max_size=32))
def test_headers_that_lie_are_refused(header: dict, length: int | None, body: bytes, tmp_path: Path) -> None:
    text = json.dumps(header).encode()
    path = tmp_path / "model.safetensors"
    path.write_bytes((len(text) if length is None else length).to_bytes(8, "little") + text + body)
    assert_tensors_or_one_line(path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
NAMES = st.sampled_from(
    "in_channels out_channels block_out_channels down_block_types layers_per_block norm_eps act_fn beta_end "
    "num_train_timesteps trained_betas prediction_type beta_schedule _class_name sample_size freq_shift".split()
)


@pytest.mark.slow
@FUZZED
@given(config=st.dictionaries(NAMES | st.text(max_size=8), JSON, max_size=4), where=st.sampled_from(["config", "both"]))
def test_any_configuration_is_read_or_refused(config: dict, where: str, tmp_path: Path) -> None:
    base = {"block_out_channels": [8, 8], "norm_num_groups": 4, "down_block_types": ["DownBlock2D"] * 2}
    base |= {"up_block_types": ["UpBlock2D"] * 2, "layers_per_block": 1}
    (tmp_path / "config.json").write_text(json.dumps(base | config))
    (tmp_path / "scheduler_config.json").write_text(json.dumps(config if where == "both" else {}))
    save_file({"conv_in.weight": torch.zeros(8, 3, 3, 3)}, tmp_path / "diffusion_pytorch_model.safetensors")
    with pytest.raises(InputError) as caught:  # never complete: nearly all of its weights are missing
        load_diffusers(tmp_path)
    assert "\n" not in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def large_shapes(folder: Path) -> dict[str, Path]:
    """Write small files that say they hold much: each as large as memory if it were believed."""
    paths = {name: folder / name for name in ("header", "metadata", "timesteps", "expanded", "zip", "legacy", "deep")}
    paths["header"].write_bytes((2**40).to_bytes(8, "little") + b'{"a":{}}')
    big = SPEC.model_dump_json().replace('"dim":8', '"dim":4096').replace("[1]", "[4096,4096]")
    save_file({"a": torch.zeros(1)}, paths["metadata"], {"sfddm": big})
    long = SPEC.model_dump_json().replace("1024", "1000000000000")
    save_file({"a": torch.zeros(1)}, paths["timesteps"], {"sfddm": long})
    torch.save({"init_conv.weight": torch.zeros(1).expand(2**20, 2**10, 7, 7)}, paths["expanded"])
    with zipfile.ZipFile(BytesIO(archive(WEIGHTS))) as source, zipfile.ZipFile(paths["zip"], "w") as target:
        for name in source.namelist():
            target.writestr(name, source.read(name))
        target.writestr("archive/data/9", bytes(2**28), zipfile.ZIP_DEFLATED)
    paths["legacy"].write_bytes(FILES["legacy"].replace(b"K\x06", b"J\xff\xff\xff\x7f"))
    paths["deep"].write_text("[" * 1_000_000)
    return paths


@pytest.mark.slow
def test_small_files_that_say_they_are_large_take_no_memory(tmp_path: Path) -> None:
    large_shapes(tmp_path)
    program = (
        "import resource, sys; from pathlib import Path; import torch\n"
        "from sfddm.weights import read_weights; from sfddm.checkpoint import load_denoiser\n"
        "from sfddm.imports.lucidrains import load_lucidrains; from sfddm.errors import InputError\n"
        f"resource.setrlimit(resource.RLIMIT_AS, ({MEMORY}, {MEMORY}))\n"
        "for path in sorted(Path(sys.argv[1]).iterdir()):\n"
        "    for read in (load_lucidrains, load_denoiser):\n"
        "        try: read(path)\n"
        "        except InputError as error: assert chr(10) not in str(error); print(path.name)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"},
    )
    assert run.returncode == 0, run.stderr
    assert len(run.stdout.split()) == 2 * len(list(tmp_path.iterdir()))


def test_what_is_no_file_is_said(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")  # reading it would never end
    for path, said in [
        (tmp_path, "a folder"),
        (tmp_path / "absent", "no such file"),
        (tmp_path / "pipe", "not a file"),
    ]:
        for read in (read_weights, read_safetensors):
            with pytest.raises(InputError, match=f"not a readable .*{said}"):
                read(path)


def test_our_own_file_comes_back_bit_for_bit(tmp_path: Path) -> None:
    network = SPEC.fresh_network(5)
    save_denoiser(tmp_path / "model.safetensors", network, SPEC)
    again = load_denoiser(tmp_path / "model.safetensors")[0].network
    save_denoiser(tmp_path / "again.safetensors", again, SPEC)
    assert (tmp_path / "model.safetensors").read_bytes() == (tmp_path / "again.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ({}, "key 'a' is missing in its weights"),
        ({"a": torch.zeros(2), "b": torch.zeros(1)}, "unexpected key 'b' in its weights"),
        ({"a": torch.zeros(3)}, r"'a' has shape \(3,\), the network needs \(2,\)"),
        ({"a": [0.0, 0.0]}, "'a' is a list, a tensor is needed"),
        ({"a": torch.tensor([0.0, torch.nan])}, "'a' holds NaN or infinity"),
        ({"a": torch.zeros(2, dtype=torch.complex64)}, "'a' is of complex64, possible: bfloat16, float16"),
        ({"a": torch.zeros(2, dtype=torch.float8_e4m3fn)}, "'a' is of float8_e4m3fn"),
    ],
)
def test_the_first_tensor_that_does_not_fit_is_named(given_: dict[str, Tensor], message: str) -> None:
    with pytest.raises(InputError, match=f"file: {message}"):
        fit(given_, {"a": torch.empty(2, device="meta")}, "file")


def test_halves_become_float32_exactly() -> None:
    value = torch.randn(100).to(torch.bfloat16)
    found = fit({"a": value}, {"a": value}, "file")["a"]
    assert found.dtype == torch.float32
    assert torch.equal(found.to(torch.bfloat16), value)


def test_json_names_the_field_that_is_nan(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"good": 1, "bad": [1, {"x": NaN}]}')
    with pytest.raises(InputError, match="'bad': NaN given"):
        read_json(tmp_path / "a.json", "a file")
