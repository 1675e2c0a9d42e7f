"""The report: one HTML page that holds everything a sweep's records say, and needs nothing else."""
