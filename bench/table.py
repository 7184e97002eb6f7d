"""The report: one line a work, for people; the same and more as plain data, for programs."""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, Final

from bench.limits import Limit
from bench.measure import Row, Sample

CLIENT_BOUND: Final = 0.9
"""A load generator that computes for more of the time than this measures itself."""

_WIDTHS: Final = (30, 27, 27, 21, 9, 7, 17, 17, 15, 6)
_TITLES: Final = (
    "work",
    "ours (min-max)",
    "theirs (min-max)",
    "ratio (min-max)",
    "at least",
    "",
    "ours p50/p99 ms",
    "theirs p50/p99",
    "CPU s/GiB o/t",
    "client",
)
_LIMIT_TITLES: Final = ("limit", "ours (min-max)", "theirs (min-max)", "", "at most", "")


@dataclass(slots=True)
class Report:
    """All that came out of a run."""

    subject: str
    peer: str
    yardstick: Mapping[str, float]
    rows: list[Row] = field(default_factory=list)
    limits: list[Limit] = field(default_factory=list)

    def as_data(self) -> dict[str, Any]:
        """Return the report for programs: every sample, and where they were taken."""
        return {
            "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": describe_machine(),
            "subject": self.subject,
            "peer": self.peer,
            "yardstick": dict(self.yardstick),
            "rows": [{**asdict(row), "ratios": row.ratios, "passed": row.passed} for row in self.rows],
            "limits": [{**asdict(limit), "passed": limit.passed} for limit in self.limits],
        }

    @property
    def missed(self) -> list[str]:
        """The names of works and limits that were missed."""
        rows = [row.name for row in self.rows if not row.passed]
        return rows + [limit.name for limit in self.limits if not limit.passed]


def describe_machine() -> str:
    """Return in a line what the run runs on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), "unknown CPU")
    return f"{os.cpu_count()} x {model}, Linux {platform.release()}, Python {platform.python_version()}"


def header() -> str:
    """Return the titles of the columns of `line`."""
    return _join(_TITLES) + "\n" + _join(["-" * width for width in _WIDTHS])


def line(row: Row) -> str:
    """Return a work's line."""
    return _join(
        (
            row.name,
            _spread([sample.rate for sample in row.ours], row.unit),
            _spread([sample.rate for sample in row.theirs], row.unit),
            _spread(row.ratios, "x"),
            f"{row.at_least:g}x",
            "pass" if row.passed else "MISS",
            _latency(row.ours),
            _latency(row.theirs),
            _cpu(row),
            _client(row),
        )
    )


def limit_header() -> str:
    """Return the titles of the columns of `limit_line`."""
    return _join(_LIMIT_TITLES)


def limit_line(limit: Limit) -> str:
    """Return a limit's line."""
    return _join(
        (
            limit.name,
            _spread(limit.ours, limit.unit),
            _spread(limit.theirs, limit.unit),
            "",
            f"{limit.at_most:g} {limit.unit}",
            "pass" if limit.passed else "MISS",
        )
    )


def _join(cells: Sequence[str]) -> str:
    return " | ".join(cell.ljust(width) for cell, width in zip(cells, _WIDTHS, strict=False)).rstrip()


def _spread(values: Sequence[float], unit: str) -> str:
    return f"{_number(median(values))} {unit} ({_number(min(values))}-{_number(max(values))})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _latency(samples: Sequence[Sample]) -> str:
    p50 = median(sample.p50_seconds for sample in samples)
    p99 = median(sample.p99_seconds for sample in samples)
    return f"{_number(1000 * p50)} / {_number(1000 * p99)}"


def _cpu(row: Row) -> str:
    return " / ".join(filter(None, (_cpu_of(row.ours), _cpu_of(row.theirs))))


def _cpu_of(samples: Sequence[Sample]) -> str:
    used = [s.cpu_seconds_per_gib for s in samples if s.cpu_seconds_per_gib is not None]
    return f"{median(used):.2f}" if used else ""


def _client(row: Row) -> str:
    """Return how busy the load generator was; a mark says that the line is about it, not the servers."""
    busiest = max(sample.client_busy for sample in (*row.ours, *row.theirs))
    return f"{busiest:.0%}{' !' if busiest > CLIENT_BOUND else ''}"
