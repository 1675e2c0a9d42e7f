"""A model card, from a record alone: what the model is and costs, how good it is, how to sample it. No torch."""

from bench.records.record import Record
from bench.tables.measures import measures
from bench.tables.table import ABOUT_NOISE, marks, number
from sfddm.words import plural


def card(record: Record, library: str, sampled: list[str]) -> str:
    """Return the Markdown of a cell's model card; library: what samples it; sampled: how, as lines of Markdown."""
    steps = record.steps or 0
    lines = [
        "---",
        "license: unknown",
        f"library_name: {library}",
        "tags:",
        "- diffusion-distillation",
        f"- {record.method}",
        "---",
        "",
        f"# {record.method}, {plural(steps, 'step')}, on {record.dataset} {record.resolution}x{record.resolution}",
        "",
        "`license` is left to you: that of the images it was trained on decides it.",
        "",
        "## What it is",
        "",
        f"- data: {record.dataset}, sha256 {record.dataset_sha256[:16]}, preprocessing {record.preprocessing}",
        f"- method: {record.method}, seed {record.seed}, scale {record.scale}; made by sfddm-bench"
        + (f" {record.versions['sfddm-bench']}" if "sfddm-bench" in record.versions else ""),
        f"- sampling: {', '.join(f'{key} {value}' for key, value in record.sampling.items())}; "
        f"{plural(record.nfe or steps, 'network evaluation')} an image",
        "",
        "## What was measured",
        "",
        *measured(record),
        "",
        "## How to sample",
        "",
        *sampled,
    ]
    return "\n".join(lines) + "\n"


def by_sfddm(file: str) -> list[str]:
    """Return how a file is sampled, as lines of Markdown."""
    return [
        "```python",
        "import sfddm",
        "",
        f'images = sfddm.load("{file}").sample(16, seed=0)  # uint8 (16, C, H, W)',
        "```",
    ]


def by_diffusers(folder: str, steps: int, clip: bool) -> list[str]:
    """Return how a folder for diffusers is sampled, as lines of Markdown; clip: x0."""
    given = ["batch_size=16", f"num_inference_steps={steps}", *["use_clipped_model_output=True"] * clip]
    needed = [f"`num_inference_steps={steps}`, because its noise schedule is that of {plural(steps, 'step')}"]
    needed += ["`use_clipped_model_output=True`, because eps is derived from the clipped x0"] * clip
    return [
        "```python",
        "from diffusers import DDIMPipeline",
        "",
        f'pipeline = DDIMPipeline.from_pretrained("{folder}")',
        f"images = pipeline({', '.join(given)}).images",
        "```",
        "",
        f"It is to be called with {', and with '.join(needed)}.",
    ]


def measured(record: Record) -> list[str]:
    """Return every number of a record in a line of its own, with its interval, and the protocol."""
    lines, is_noisy = [], False
    for measure in measures([record]):
        value = measure.value(record)
        interval = measure.interval(record)
        if value is None:
            continue
        is_noisy |= measure.is_noise(record)
        text = f"- {measure.title}: {marks(measure.is_bound(record), measure.is_noise(record))}"
        text += number(value, measure.digits)
        if interval:
            low, high = (number(end, measure.digits) for end in interval)
            text += f" (95 %, sampling only: {low} to {high})"
        lines.append(text)
    if (protocol := record.protocol) is not None:
        lines.append(
            f"- protocol {protocol.sha256[:8]}: {protocol.images:,} images against {protocol.reference_images:,} of "
            f"{protocol.reference}, features by {protocol.network}"
        )
    return lines + ["", ABOUT_NOISE] * is_noisy or ["Nothing was measured."]
