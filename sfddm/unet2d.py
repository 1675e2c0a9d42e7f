"""A diffusers `UNet2DModel` behind this suite's network interface (optional extra `diffusers`)."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from sfddm.errors import InputError


class UNet2DConfig(BaseModel):
    """The configuration of a diffusers UNet2DModel, as its config.json has it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["diffusers-unet2d"] = "diffusers-unet2d"
    options: dict[str, Any]

    @property
    def channels(self) -> int:
        """Image channels."""
        return int(self.options["in_channels"])


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
        self.model = UNet2DModel.from_config(config.options)

    @property
    def head(self) -> nn.Module:
        """The last convolution."""
        return self.model.conv_out

    @head.setter
    def head(self, layer: nn.Module) -> None:
        self.model.conv_out = layer

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
