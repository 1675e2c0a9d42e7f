"""This suite's speed beside that of the packages one would use instead: training, sampling, Frechet distance."""
