"""The experiments of the paper, one TOML each; `bench.experiments.experiment` reads them."""
