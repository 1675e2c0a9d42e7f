"""What is measured of a cell, one file each: the numbers as a model that declares them, and the pure functions.

METRICS are the names that `run --metrics` takes. Each ends in a stage of its own (`bench/stages/`), which the cell
knows by that name (`bench/run/sweep.py`).
"""

METRICS = ("quality", "consistency", "interpolation", "cost")
OF_FEATURES = ("quality", "consistency", "interpolation")  # which need a feature space; `pixels` is none for quality
