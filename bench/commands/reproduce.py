"""`sfddm-bench reproduce`: the paper's experiments, by name."""

from typing import Annotated

import typer

from bench.commands.options import (
    RUNS,
    Address,
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
    Scale,
    check_could_write,
    check_device_name,
    check_executor,
    check_jobs,
    check_log,
    comma_list,
    counts,
    integers,
    refuse_given,
    run_device,
    unless,
)
from sfddm.errors import InputError

EXAMPLES = """
sfddm-bench reproduce --list
sfddm-bench reproduce any-steps
sfddm-bench reproduce quality --dataset digits,cifar10 --seeds 0,1,2
sfddm-bench reproduce any-steps --budgets 120k,500k
sfddm-bench reproduce my_experiment.toml --dry-run
"""


def reproduce(
    name: Annotated[
        str | None, typer.Argument(help="An experiment's name, or a TOML file of your own.", metavar="NAME")
    ] = None,
    listing: Annotated[
        bool, typer.Option("--list", help="Say what each experiment is, its cells, and its cost at each scale.")
    ] = False,
    dataset: Annotated[
        str | None, typer.Option(help="Datasets, such as digits,cifar10 (default: the experiment's that are there).")
    ] = None,
    scale: Scale = None,
    seeds: Annotated[str | None, typer.Option(help="Seeds, such as 0,1,2 (default: the experiment's).")] = None,
    budgets: Budgets = None,
    device: Device = "auto",
    out: Out = RUNS,
    data_root: DataRoot = None,
    inception_weights: InceptionWeights = None,
    extractor_weights: ExtractorWeights = None,
    executor: Executor = "local",
    address: Address = None,
    jobs: Jobs = "auto",
    log: Log = None,
    dry_run: DryRun = False,
) -> None:
    """Run a named experiment of the paper, and render it under OUT/experiments/NAME."""
    datasets = None if dataset is None else comma_list("--dataset", dataset)
    wanted_seeds = None if seeds is None else integers("--seeds", seeds, 0)
    wanted_budgets = None if budgets is None else counts("--budgets", budgets)
    if (name is None) != listing:
        raise InputError("NAME: one experiment's name, or --list, is needed: sfddm-bench reproduce --list names them")
    if listing:
        shaping = {"--scale": scale, "--seeds": seeds, "--budgets": budgets}
        refuse_given(shaping, "with --list, which shows experiments as they are; leave one out")
        running = {
            "--device": unless(device, "auto"),
            "--out": unless(str(out), str(RUNS)),
            "--inception-weights": inception_weights,
            "--extractor-weights": extractor_weights,
            "--executor": unless(executor, "local"),
            "--address": address,
            "--jobs": unless(jobs, "auto"),
            "--log": log,
            "--dry-run": dry_run,
        }
        refuse_given(running, "with --list, which runs nothing; leave one out")

    from bench.experiments.experiment import load_experiment, request
    from bench.run.request import Request, check_inception, examine

    def asked(of: str) -> Request:
        assert experiment is not None
        return request(experiment, of, scale, wanted_seeds, data_root, wanted_budgets)

    check_device_name(device)
    experiment = None if name is None else load_experiment(name)
    found = {}
    if experiment is not None:
        for one in datasets or []:
            found[one] = examine(asked(one), data_root, inception_weights, extractor_weights or [])
    check_could_write(out)
    check_executor(executor, address, device)
    at_a_time, loggers = check_jobs(jobs, executor), check_log(log)

    from bench.commands.run import finish
    from bench.experiments.sweeps import print_list, those_there
    from bench.run.estimate import check_disk
    from bench.run.room import check_room
    from bench.run.session import Place, check_failures, perform, prepare

    where = run_device(device, executor, address)
    place = Place(
        where,
        out,
        data_root,
        inception_weights,
        tuple(extractor_weights or []),
        dry_run,
        executor=executor,
        address=address,
        jobs=at_a_time,
        log=loggers,
    )
    if experiment is None:
        print_list(datasets, place)
        return
    chosen = datasets or those_there(experiment, place)
    sweeps = [prepare(asked(one), place, found.get(one)) for one in chosen]
    check_inception(inception_weights, [sweep.context.config.evaluation.feature_space for sweep in sweeps])
    for sweep in sweeps:
        check_room(sweep, out)
    check_disk(sweeps, out, place.jobs)
    print(f"{experiment.title}. {experiment.question}")
    records = [record for sweep in sweeps for record in perform(sweep, place)]
    if records:
        finish(records, records, place, out / "experiments" / experiment.name)
    check_failures(records)
