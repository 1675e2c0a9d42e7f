"""Where prepared datasets are."""

import os
from pathlib import Path

from platformdirs import user_data_path


def data_root(option: Path | None) -> Path:
    """Return the data folder: `--data-root`, else $SFDDM_DATA, else the user's data folder."""
    if option is not None:
        return option
    if os.environ.get("SFDDM_DATA"):
        return Path(os.environ["SFDDM_DATA"])
    return user_data_path("sfddm-bench", appauthor=False)
