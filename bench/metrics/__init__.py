"""What is measured of a cell; of its images here, by pure functions, one file each (its cost: bench/cost.py).

METRICS are the names that `run --metrics` takes. A new one is a name here, a stage in `Sweep.measurements`
(bench/cells.py) and its part of the record (bench/recording.py).
"""

METRICS = ("quality", "consistency", "interpolation", "cost")
