"""Where facts go: a function that wiring hands to every room that tells any.

Listeners write in the transaction of the change, so that neither exists without the other.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from dtr.core.facts import Fact
from dtr.plumbing.db import Transaction

Announce: TypeAlias = Callable[[Transaction, Fact], None]
"""Tells a fact within a transaction."""


def announce_to(listeners: Sequence[Announce]) -> Announce:
    """Return a function that tells each listener in turn."""

    def announce(tx: Transaction, fact: Fact) -> None:
        for listener in listeners:
            listener(tx, fact)

    return announce


def announce_to_nobody(tx: Transaction, fact: Fact) -> None:
    """Tell nobody: for tools and tests that need no log."""
