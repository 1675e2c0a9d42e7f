"""`sfddm-bench run`: the main job."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.commands import completion
from bench.commands.options import (
    RUNS,
    Address,
    Assignments,
    Budgets,
    DataRoot,
    Device,
    DryRun,
    Executor,
    ExtractorWeights,
    InceptionWeights,
    Jobs,
    Log,
    Out,
    Resolution,
    Scale,
    at_least,
    check_could_write,
    check_device_name,
    check_executor,
    check_jobs,
    check_log,
    comma_list,
    counts,
    integers,
    run_device,
)
from bench.metrics import METRICS

if TYPE_CHECKING:
    from bench.records.record import Record
    from bench.run.session import Place

EXAMPLES = """
sfddm-bench run
sfddm-bench run --dataset digits --steps 1,4 --scale smoke
sfddm-bench run --dataset lsun_church --steps 1,10,100
sfddm-bench run --methods ddim --steps 1,10,100 --set ddim.clip=none
sfddm-bench run --methods sfddm,pd,cd,ddim --budgets 120k,500k --seeds 0,1,2
sfddm-bench run --seeds 0,1,2 --executor ray
sfddm-bench run --seeds 0,1 --jobs 2
sfddm-bench run --dataset cifar10 --features inception,dinov2,clip
torchrun --nproc-per-node=8 --no-python sfddm-bench run --dataset cifar10
sfddm-bench run --methods 'sfddm,sfddm[init=teacher,time_input=phi]'
"""


def run(
    dataset: Annotated[
        str,
        typer.Option(
            help="digits, cifar10, celeba_hq, lsun_church, lsun_bedroom, folder, or one prepared by a name.",
            autocompletion=completion.dataset_names,
        ),
    ] = "digits",
    resolution: Resolution = None,
    steps: Annotated[str | None, typer.Option(help="Step counts, such as 1,4,16 (default: the dataset's).")] = None,
    methods: Annotated[
        str | None,
        typer.Option(
            help="Methods by name, such as sfddm,ddim (default: sfddm,pd,ddim); `methods` lists them.",
            autocompletion=completion.method_lists,
        ),
    ] = None,
    seeds: Annotated[str, typer.Option(help="Seeds, such as 0,1,2: of teacher, students and latents.")] = "0",
    scale: Scale = None,
    metrics: Annotated[
        str,
        typer.Option(
            help="What to measure of each cell: quality, consistency, interpolation, cost.",
            autocompletion=completion.metric_lists,
        ),
    ] = ",".join(METRICS),
    features: Annotated[
        str | None,
        typer.Option(
            help="Feature spaces to judge the same images in, such as inception,dinov2,clip (default: the dataset's); "
            "all but the first have quality only.",
            autocompletion=completion.space_lists,
        ),
    ] = None,
    images: Annotated[int | None, typer.Option(help="Images to sample per cell (default: the scale's).")] = None,
    assignments: Assignments = None,
    budgets: Budgets = None,
    device: Device = "auto",
    out: Out = RUNS,
    data_root: DataRoot = None,
    inception_weights: InceptionWeights = None,
    extractor_weights: ExtractorWeights = None,
    force: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STAGE", help="Compute stages again, and all that needs them: a kind (teacher, fold) or kind-key."
        ),
    ] = None,
    executor: Executor = "local",
    address: Address = None,
    jobs: Jobs = "auto",
    log: Log = None,
    dry_run: DryRun = False,
) -> None:
    """Train a teacher, distil students, sample, evaluate, and write records, tables, plots and sample sheets."""
    wanted_steps = None if steps is None else integers("--steps", steps, 1)
    wanted_methods = None if methods is None else comma_list("--methods", methods)
    at_least("--images", images, 1)
    wanted_budgets = () if budgets is None else counts("--budgets", budgets)

    from bench.config.variants import methods_by_steps
    from bench.run.request import Request, check_inception, examine, preset_of

    preset = preset_of(dataset, data_root)
    request = Request(
        dataset=dataset,
        cells=methods_by_steps(wanted_methods or preset.methods, wanted_steps or preset.steps),
        seeds=integers("--seeds", seeds, 0),
        resolution=resolution,
        scale=scale,
        images=images,
        budgets=wanted_budgets,
        assignments=assignments or [],
        metrics=comma_list("--metrics", metrics),
        features=[] if features is None else comma_list("--features", features),
    )
    # All that needs no torch is looked at first: a slip of the pen is told at once.
    check_device_name(device)
    found = examine(request, data_root, inception_weights, extractor_weights or [])
    check_inception(inception_weights, found.spaces)
    check_could_write(out)
    check_executor(executor, address, device)
    at_a_time, loggers = check_jobs(jobs, executor), check_log(log)

    from bench.records.record import read_records
    from bench.run.estimate import check_disk
    from bench.run.room import check_room
    from bench.run.session import Place, check_failures, perform, prepare
    from bench.store.timing import seconds_since_start

    place = Place(
        device=run_device(device, executor, address),
        out=out,
        data_root=data_root,
        inception=inception_weights,
        extractors=tuple(extractor_weights or []),
        dry_run=dry_run,
        force=tuple(force or []),
        executor=executor,
        address=address,
        jobs=at_a_time,
        log=loggers,
    )
    place.timing.add("start and imports", seconds_since_start())
    with place.timing.part("set-up"):
        sweep = prepare(request, place, found)
        check_room(sweep, out)
        check_disk([sweep], out, place.jobs)
    records = perform(sweep, place)
    if records:
        finish(records, read_records(out), place, out)  # of this sweep; and of earlier ones
    check_failures(records)


def finish(new: "Sequence[Record]", records: "Sequence[Record]", place: "Place", rendered: Path) -> None:
    """Render records under a folder, with a report; print the paths, and the new ones with what came out."""
    with place.timing.part("tables and plots"):
        from bench.store.text import to_stderr

        to_stderr("drawing tables, plots and report")  # before what takes half a second to import

        from bench.rendering import print_cells, print_outcome, render
        from bench.report.page import REPORT, write_page

        written = render(records, place.out, rendered)
        try:
            report = [write_page(records, [place.out], rendered / REPORT)]
        except OSError as error:  # `report` makes it from the records at any time; what came out is told first
            to_stderr(f"sfddm-bench: {error.filename}: {error.strerror}; the report is left out")
            report = []
    for path in [*written, place.timing.write(place.out)]:
        print(path)
    print_cells(new)
    for path in report:
        print(path)
    print_outcome(new)
