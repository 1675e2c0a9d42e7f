"""`sfddm-bench methods`: what can be compared."""

from typing import Annotated

import typer

from bench.commands.completion import method_names
from bench.commands.listing import print_list
from bench.commands.options import Dataset, Scale, refuse_given, unless

EXAMPLES = """
sfddm-bench methods
sfddm-bench methods pd --dataset lsun_church
"""


def methods(
    name: Annotated[
        str | None, typer.Argument(help="One method, with its settings.", metavar="[NAME]", autocompletion=method_names)
    ] = None,
    dataset: Dataset = "digits",
    scale: Scale = None,
) -> None:
    """List the methods, those of plug-ins too; or one method with its settings, their values and what they mean."""
    from bench.config import methods as table
    from bench.config.described import settings

    if name is None:
        of_settings = {"--dataset": unless(dataset, "digits"), "--scale": scale}
        refuse_given(of_settings, "without NAME, and only a method's settings differ by it; name a method")
        print_list("methods, for --methods", ("name", "what"), [(one, table.summary(one)) for one in table.names()])
        return
    rows = [(one.name, one.value, one.meaning) for one in settings(name, dataset, scale)]
    print(f"{name}: {table.summary(name)}")
    if rows:
        print_list(f"settings, for --set; the values are those of {dataset}", ("setting", "value", "what"), rows)
