"""Command line: `python -m bench --help`."""

import argparse
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import orjson

from bench import table
from bench.contents import KIB, MEGABYTE
from bench.kinds import DOCKER_REGISTRY, DTR, YARDSTICK, Kind
from bench.limits import START, measure_memory, measure_start
from bench.load import load
from bench.measure import Effort, measure
from bench.peers import NotStarted, Peer
from bench.process import TooFewCores, pinned, two_cores
from bench.scripts import repeat
from bench.stocking import fill
from bench.table import Report
from bench.wire import WrongAnswer
from bench.works import Stock, all_works, new_stock
from bench.yardstick import LARGE_BYTES

_QUICK: Final = Effort(rounds=2, seconds=0.6)
_FULL: Final = Effort(rounds=5, seconds=2)
_YARDSTICK_SECONDS: Final = 0.5
_KINDS: Final[tuple[Kind, ...]] = (DTR, DOCKER_REGISTRY)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, return the exit status: 1 if a measurement failed. A missed target is not a failure."""
    options = _parse(arguments)
    try:
        server_core, client_core = two_cores()
        with pinned(client_core):
            report = _run(options, server_core)
    except (NotStarted, TooFewCores, WrongAnswer) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    print(f"\nMissed: {', '.join(report.missed) or 'nothing'}")
    if options.json:
        options.json.write_bytes(orjson.dumps(report.as_data(), option=orjson.OPT_INDENT_2))
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure two registries in turn.")
    kinds = {kind.name: kind for kind in _KINDS}
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds: below 90 seconds")
    parser.add_argument("--big", action="store_true", help="also push and pull 4 GiB and measure the memory")
    parser.add_argument("--only", metavar="TEXT", default="", help="only lines whose names contain TEXT")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write all samples to FILE")
    for option, default in (("--subject", "dtr"), ("--peer", "docker-registry")):
        parser.add_argument(option, choices=kinds, default=default, help=f"default {default}")
    options = parser.parse_args(arguments)
    options.kinds = (kinds[options.subject], kinds[options.peer])
    return options


def _run(options: argparse.Namespace, core: int) -> Report:
    effort = _QUICK if options.quick else _FULL
    report = Report(options.subject, options.peer, _yardstick(core))
    print(table.describe_machine())
    reached = ", ".join(f"{value:,.0f} {name}" for name, value in report.yardstick.items())
    print(f"load generator: {reached}\n")
    _measure_works(options, core, effort, report)
    _measure_limits(options, core, effort, report)
    return report


def _measure_works(options: argparse.Namespace, core: int, effort: Effort, report: Report) -> None:
    stock = new_stock()
    works = [work for work in all_works(stock) if options.only in work.name]
    if not works:
        return
    with ExitStack() as stack:
        peers = _start_both(options.kinds, core, stock, stack)
        print(table.header())
        for work in works:
            report.rows.append(measure(work, peers, stock, effort))
            print(table.line(report.rows[-1]), flush=True)


def _start_both(kinds: tuple[Kind, Kind], core: int, stock: Stock, stack: ExitStack) -> tuple[Peer, Peer]:
    started = []
    for kind in kinds:
        directory = Path(stack.enter_context(TemporaryDirectory(prefix="bench-")))
        started.append(stack.enter_context(Peer(kind, directory, core)))
        fill(started[-1], stock)
    return started[0], started[1]


def _measure_limits(options: argparse.Namespace, core: int, effort: Effort, report: Report) -> None:
    if options.only in START:
        report.limits.append(measure_start(options.kinds, core, effort.rounds))
    if options.big:
        report.limits.extend(measure_memory(options.kinds, core))
    if report.limits:
        print("\n" + table.limit_header())
    for limit in report.limits:
        print(table.limit_line(limit))


def _yardstick(core: int) -> dict[str, float]:
    """Measure the load generator itself, against a server that hardly does anything."""
    with TemporaryDirectory(prefix="bench-") as directory, Peer(YARDSTICK, Path(directory), core) as peer:
        small = peer.request("GET", "/small", 200, length=KIB)
        large = peer.request("GET", "/large", 200, length=LARGE_BYTES)
        put = peer.request("PUT", "/", 201, body=[bytes(LARGE_BYTES)])
        answers = load(peer.address, repeat(small), 16, _YARDSTICK_SECONDS).units_per_second
        down = load(peer.address, repeat(large), 1, _YARDSTICK_SECONDS).units_per_second
        up = load(peer.address, repeat(put), 1, _YARDSTICK_SECONDS).units_per_second
    megabytes = LARGE_BYTES / MEGABYTE
    return {"answers/s": answers, "MB/s down": down * megabytes, "MB/s up": up * megabytes}


if __name__ == "__main__":
    sys.exit(main())
