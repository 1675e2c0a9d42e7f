"""reference: the features of the dataset's own images."""

from bench.stages.context import Context
from bench.stages.features import write_features
from bench.store.stage import Job, Stage


def stage(context: Context) -> Stage:
    """Extract the features of the dataset's images."""

    def work(job: Job) -> None:
        write_features(job, context, context.images.pixels, "features of the dataset")

    settings = context.data | context.space.identity
    return Stage("reference", "reference features", settings, work, context.space.parents, version=2)
