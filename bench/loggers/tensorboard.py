"""tensorboard: a run's losses and distances, by TensorBoard's own writer."""

from pathlib import Path
from typing import Any

from sfddm.errors import InputError

FOLDER = "tensorboard"  # in the run folder


class TensorBoard:
    """Losses over iterations by training, distances over steps by method (and budget, in evaluations)."""

    def __init__(self, folder: Path):
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise InputError(
                "--log: 'tensorboard' given, but it is not installed; pip install 'sfddm-bench[tensorboard]'"
            ) from None
        self.writer = SummaryWriter(str(folder / FOLDER))

    def __call__(self, event: dict[str, Any]) -> None:
        if event["event"] == "progress" and "loss" in event:
            self._scalar(f"loss/{event['label']}", event["loss"], event["iteration"])
        if event["event"] == "measured" and event.get("distance") is not None and event["steps"] is not None:
            budget = "" if event["budget"] is None else f", {event['budget']} evaluations"
            name = f"{event['name']}/{event['method']}{budget}, seed {event['seed']}"
            self._scalar(name, event["distance"], event["steps"])

    def close(self) -> None:
        """Write what is not written yet."""
        self.writer.close()

    def _scalar(self, name: str, value: float, step: int) -> None:
        self.writer.add_scalar(name, value, step)
