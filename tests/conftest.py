"""What every test shares."""

import sys
from pathlib import Path

import torch

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE / "bench" / "datasets")]  # for `exact`, `command_line`, `forms` and the like
torch.set_num_threads(1)
