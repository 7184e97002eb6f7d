"""`dtr check`: the operator's look at what is stored."""

import asyncio
import json
import sys
from dataclasses import asdict
from typing import Any

import click

from dtr.features.images.service.scrub import Damage, Progress, Scrub, ScrubReport

MIB = 1024 * 1024


@click.command()
@click.option("--repair", is_flag=True, help="Hide damaged blobs, so that clients push them again.")
@click.option(
    "--rate-limit",
    type=click.IntRange(min=1),
    metavar="MIB",
    help="Read at most so many MiB a second.  [default: no limit]",
)
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def check(*, repair: bool, rate_limit: int | None, output: str) -> None:
    """Read every stored blob and compare it with its digest.

    Runs beside a serving registry. Ends with status 1 when something is damaged and not mended.
    """
    report = asyncio.run(_scrub(repair=repair, rate_limit=rate_limit))
    click.echo(json.dumps(asdict(report)) if output == "json" else _describe(report))
    if set(report.damaged) - set(report.quarantined):
        sys.exit(1)


async def _scrub(*, repair: bool, rate_limit: int | None) -> ScrubReport:
    invocation: Any = click.get_current_context().obj
    async with invocation.operator() as parts:
        blobs, size_bytes = await parts.scrub.totals()
        label = f"Checking {blobs} blobs"
        with click.progressbar(length=size_bytes, label=label, file=sys.stderr, show_eta=True) as bar:
            progress: Progress = bar.update
            per_second = rate_limit * MIB if rate_limit is not None else None
            scrub: Scrub = parts.scrub
            return await scrub.run(repair=repair, bytes_per_second=per_second, progress=progress)


def _describe(report: ScrubReport) -> str:
    lines = [
        f"{report.checked_blobs} blobs, {report.checked_bytes} bytes checked: {len(report.damaged)} damaged."
    ]
    for digest, damage in report.damaged.items():
        lines.append(f"  {digest}  {damage.value}; {_fate(report, digest, damage)}")
    lines += [f"  {digest}  was hidden, is right: shown again" for digest in report.restored]
    if report.unrecorded:
        lines.append(
            f"{report.unrecorded} stored objects belong to nothing; they take space and harm nobody."
        )
    if set(report.damaged.values()) - {Damage.UNREADABLE} and not report.quarantined:
        lines.append("Run `dtr check --repair` to hide damaged blobs; pushing their images again heals them.")
    return "\n".join(lines)


def _fate(report: ScrubReport, digest: str, damage: Damage) -> str:
    if digest in report.quarantined:
        return "hidden until it is pushed again"
    if damage is Damage.UNREADABLE:
        return "clients are told to try again later"
    return "still shown to clients"
