"""The largest whole number that may come from outside; apart from the other bounds, for `--help` reads it too."""

LARGEST_COUNT = 2**63 - 1  # what a signed 64-bit integer holds: tables, seeds and arrays are of these
