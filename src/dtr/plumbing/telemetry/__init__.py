"""What the registry tells its operator: logs, one access line a request, metrics.

Owns the directory `run/metrics` below the data directory; no tables, no events, no jobs. Settings: `logs` and
`metrics`.
"""
