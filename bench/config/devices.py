"""Which devices this machine may have, told without torch, whose import takes seconds."""

import os
import re
import shutil
import sys

# The drivers' device files: NVIDIA's, that of Windows' Linux, and AMD's, whose GPUs torch calls cuda too.
GPU_FILES = ("/dev/nvidiactl", "/dev/nvidia0", "/dev/dxg", "/dev/kfd")


def may_have_gpu() -> bool:
    """Tell whether there is any sign of a GPU that torch might use; only torch can say whether it does."""
    return sys.platform == "win32" or any(map(os.path.exists, GPU_FILES)) or shutil.which("nvidia-smi") is not None


def is_device(name: str) -> bool:
    """Tell whether a text is the name of a device, be it there or not."""
    return name in ("auto", "cpu", "cuda") or re.fullmatch(r"cuda:[0-9]{1,3}", name) is not None
