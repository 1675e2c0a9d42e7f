"""A diffusers `UNet2DModel` behind this suite's network interface (optional extra `diffusers`)."""

import math
from collections.abc import Callable, Mapping
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, field_validator
from torch import Tensor, nn

from sfddm.errors import InputError
from sfddm.words import on_one_line

LARGEST = 2**16  # channels; more are taken for a damaged file

Rule = tuple[str, Callable[[Any], bool]]  # what is possible, in words, and whether a value is


def one_of(*values: Any) -> Rule:
    """Return the rule that a value is one of these, of the same type."""
    said = ", ".join("null" if value is None else str(value) for value in values)
    return said, lambda given: any(type(given) is type(value) and given == value for value in values)


def whole(least: int, most: int = LARGEST) -> Rule:
    """Return the rule that a value is a whole number in a range."""
    return f"a whole number, {least} to {most}", lambda given: type(given) is int and least <= given <= most


def number(least: float = -1e9, most: float = 1e9) -> Rule:
    """Return the rule that a value is a finite number in a range."""
    return (
        f"a number, {least:g} to {most:g}",
        lambda given: type(given) in (int, float) and math.isfinite(given) and least <= given <= most,
    )


def sequence(rule: Rule, most: int = 16) -> Rule:
    """Return the rule that a value is a list of 1 to `most`, each by a rule."""
    said, allows = rule
    return (
        f"a list of 1 to {most}, each of {said}",
        lambda given: isinstance(given, list | tuple) and 0 < len(given) <= most and all(map(allows, given)),
    )


def or_null(rule: Rule) -> Rule:
    """Return the rule that a value is null or by a rule."""
    said, allows = rule
    return f"null or {said}", lambda given: given is None or allows(given)


def either(first: Rule, second: Rule) -> Rule:
    """Return the rule that a value is by one of two rules."""
    return f"{first[0]} or {second[0]}", lambda given: first[1](given) or second[1](given)


# Every field of UNet2DModel and the values with which it is a network of an image and a time, whose last step is its
# last convolution. Fourier embeddings (of a noise level, not of a timestep) and the Skip blocks (which add to the
# output after the last convolution) are not.
DOWN = ("DownBlock2D", "AttnDownBlock2D", "ResnetDownsampleBlock2D")
UP = ("UpBlock2D", "AttnUpBlock2D", "ResnetUpsampleBlock2D")
FIELDS: Mapping[str, Rule] = {
    "sample_size": or_null(either(whole(1), sequence(whole(1), 2))),
    "in_channels": whole(1, 1024),
    "out_channels": whole(1, 1024),
    "center_input_sample": one_of(False),
    "time_embedding_type": one_of("positional", "learned"),
    "time_embedding_dim": or_null(whole(1)),
    "freq_shift": number(),
    "flip_sin_to_cos": one_of(True, False),
    "down_block_types": sequence(one_of(*DOWN, *(f"UNetRes{name}" for name in DOWN))),
    "mid_block_type": one_of("UNetMidBlock2D", None),
    "up_block_types": sequence(one_of(*UP, *(f"UNetRes{name}" for name in UP))),
    "block_out_channels": sequence(whole(1)),
    "layers_per_block": whole(1, 64),
    "mid_block_scale_factor": number(1e-9),
    "downsample_padding": one_of(0, 1),
    "downsample_type": one_of("conv", "resnet"),
    "upsample_type": one_of("conv", "resnet"),
    "dropout": number(0, 1),
    "act_fn": one_of("silu", "swish", "mish", "gelu", "relu"),
    "attention_head_dim": or_null(whole(1)),
    "norm_num_groups": whole(1),
    "attn_norm_num_groups": or_null(whole(1)),
    "norm_eps": number(0, 1),
    "resnet_time_scale_shift": one_of("default", "scale_shift"),
    "add_attention": one_of(True, False),
    "class_embed_type": one_of(None),
    "num_class_embeds": one_of(None),
    "num_train_timesteps": or_null(whole(1, 1_000_000)),
}


def check_field(name: str, value: Any, fields: Mapping[str, Rule]) -> None:
    """Raise InputError, naming the field, if a configuration's value is not possible; an unknown field must be null."""
    said, allows = fields.get(name, ("null, because the field is not known", lambda given: given is None))
    if not allows(value):
        raise InputError(f"{on_one_line(name, 80)} {on_one_line(value, 80)} given, possible: {said}")


def check_options(options: Mapping[str, Any]) -> None:
    """Raise InputError, naming the field, if a UNet2DModel of these options is not such a network."""
    for name, value in options.items():
        check_field(name, value, FIELDS)
    given, made = options.get("in_channels", 3), options.get("out_channels", 3)
    if made != given:
        raise InputError(
            f"out_channels {made} given, possible: {given}, as many as in_channels; learned variances are not possible"
        )
    if options.get("time_embedding_type") == "learned" and options.get("num_train_timesteps") is None:
        raise InputError("num_train_timesteps null given, a learned time_embedding_type needs a number")


class UNet2DConfig(BaseModel):
    """The configuration of a diffusers UNet2DModel, as its config.json has it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["diffusers-unet2d"] = "diffusers-unet2d"
    options: dict[str, Any]

    @field_validator("options")
    @classmethod
    def _possible(cls, options: dict[str, Any]) -> dict[str, Any]:
        check_options(options)
        return options

    def __hash__(self) -> int:
        return hash(frozenset(self.options))  # their names: values may be lists

    @property
    def channels(self) -> int:
        """Image channels."""
        return int(self.options.get("in_channels", 3))


class UNet2D(nn.Module):
    """(x (N,C,H,W), t (N,)) -> (N,C,H,W); the hidden map is what goes into the last convolution."""

    def __init__(self, config: UNet2DConfig):
        super().__init__()
        try:
            from diffusers import UNet2DModel
        except ImportError:
            raise InputError(
                'teacher: this one needs diffusers; install it with: pip install "sfddm-bench[diffusers]"'
            ) from None
        known = {name: value for name, value in config.options.items() if name in FIELDS}
        try:
            # Called, not `from_config`, which only warns of a field that an older diffusers does not know.
            self.model: Any = UNet2DModel(**known)
        except Exception as error:  # its checks are asserts, divisions and errors of torch
            said = on_one_line(error, 160)
            raise InputError(f"config.json: diffusers makes no UNet2DModel of it ({said})") from None

    @property
    def head(self) -> nn.Module:
        """The last convolution."""
        return self.model.conv_out

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "head":  # no property's setter: a module takes a layer under any name for a new one of its own
            self.model.conv_out = value
        else:
            super().__setattr__(name, value)

    def forward(self, x: Tensor, t: Tensor, return_hidden: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """Return the prediction, and with return_hidden also the map before the last convolution."""
        if not return_hidden:
            return self.model(x, t).sample
        seen: list[Tensor] = []
        hook = self.head.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
        try:
            output = self.model(x, t).sample
        finally:
            hook.remove()
        return output, seen[0]


def check_size(network: nn.Module, channels: int, size: int, origin: str) -> None:
    """Raise InputError if a network on the meta device takes no (2,C,size,size) images; nothing is computed."""
    try:
        shape = network(torch.empty(2, channels, size, size, device="meta"), torch.zeros(2, device="meta").long()).shape
        fault = None if tuple(shape) == (2, channels, size, size) else f"it makes {tuple(shape)} of them"
    except Exception as error:  # whatever the layers raise for maps that do not fit
        fault = on_one_line(error, 160)
    if fault is not None:
        raise InputError(f"{origin}: its network takes no images of {size}x{size} ({fault})")
