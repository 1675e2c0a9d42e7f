"""The experiments of the paper, one TOML each; `bench.experiment` reads them."""
