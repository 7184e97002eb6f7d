"""The exit codes of `dtr`, for scripts that call it."""

OK = 0
FAILURE = 1
"""The work could not be done; standard error says why."""
USAGE = 2
"""The command line makes no sense (click's own code)."""
SETTINGS = 3
"""A setting cannot be used."""
LISTEN = 4
"""The address cannot be listened on."""
WORKERS_KEEP_FAILING = 5
"""`dtr serve` gave up: no worker process stays alive."""
WORKERS_KILLED = 6
"""`dtr serve` was stopped, but a worker process had to be killed."""
