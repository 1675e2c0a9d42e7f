"""A package of somebody else's, as installed: a module, and the entry points that it registers."""

from pathlib import Path

from helpers.command_line import ENVIRONMENT


def install(folder: Path, name: str, module: str, entry_points: str) -> dict[str, str]:
    """Write a package into a folder; return the environment in which it is there."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (folder / f"{name}.py").write_text(module)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(entry_points)
    return {"PYTHONPATH": f"{ENVIRONMENT['PYTHONPATH']}:{folder}"}
