"""Benchmarks: our registry against Debian's `docker-registry` in one run, and our pure functions alone."""
