"""A logger of your own: losses and distances of a run in Weights & Biases.

Put it into a package whose pyproject.toml says

    [project.entry-points."sfddm_bench.loggers"]
    wandb = "wandb_logger:WandB"

and run `sfddm-bench run --log wandb`. MLflow or another tracker takes the same three methods.
"""

from pathlib import Path
from typing import Any

import wandb


class WandB:
    """Told of every event of a run, as in events.jsonl; made when the run begins, in its folder."""

    def __init__(self, folder: Path):
        self.run = wandb.init(project="sfddm-bench", dir=str(folder), config={"run": folder.name})

    def __call__(self, event: dict[str, Any]) -> None:
        if event["event"] == "progress":
            self.run.log({f"loss/{event['label']}": event.get("loss"), "iteration": event["iteration"]})
        if event["event"] == "measured":
            row = {name: event[name] for name in ("method", "steps", "seed", "budget")}
            self.run.log({f"{event['name']}": event["distance"], **row})

    def close(self) -> None:
        """End the run in Weights & Biases."""
        self.run.finish()
