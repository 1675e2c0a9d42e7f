"""What every test shares."""

import sys
from pathlib import Path

import torch

HERE = Path(__file__).parent
sys.path[:0] = [
    str(HERE),
    str(HERE / "sfddm"),
    str(HERE / "bench" / "datasets"),
]  # for `exact`, `forms` and the like
torch.set_num_threads(1)
