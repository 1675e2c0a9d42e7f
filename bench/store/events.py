"""What happens in a run folder: `events.jsonl`, one JSON object a line, each appended whole. No torch.

Every process that works on the folder appends to the same file. It decides no number, and may be removed.

event       what else the line has, besides `time` (UTC)
begun       stage, label, state (compute or resume)
progress    stage, label, iteration, total, loss (the mean since the last such line)
ended       stage, label, seconds
failed      stage, label, why
interrupted stage, label, seconds
measured    method, steps, seed, budget, distance, name (what the distance is called), record
not measured  method, steps, seed, budget, why
"""

import json
import math
import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.store.layout import RunFolder


def add(run: RunFolder, event: str, **values: Any) -> None:
    """Append an event. A disk that takes nothing more does not matter to it."""
    finite = {name: value for name, value in values.items() if not isinstance(value, float) or math.isfinite(value)}
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"
    line = json.dumps({"time": now, "event": event, **finite}) + "\n"
    with suppress(OSError):
        descriptor = os.open(run.events, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)


def read_from(path: Path, offset: int) -> tuple[list[dict[str, Any]], int]:
    """Return the events after so many bytes of a file, and where to go on; a line that is not whole yet is left."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            data = file.read()
    except OSError:
        return [], offset
    whole = data.rpartition(b"\n")[0] + b"\n" if b"\n" in data else b""
    return list(_objects(whole)), offset + len(whole)


def _objects(lines: bytes) -> Iterator[dict[str, Any]]:
    for line in lines.splitlines():
        with suppress(ValueError):  # what another program wrote there is none of ours
            value = json.loads(line)
            if isinstance(value, dict):
                yield value
