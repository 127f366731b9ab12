"""State machines as tables in the documents: what stands there is what the tests have checked, cell by cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["RELIABILITY", "markdown", "printed"]

RELIABILITY = Path(__file__).resolve().parents[1] / "docs" / "reliability.md"


def markdown(first: str, states: Sequence[str], rows: Mapping[str, Sequence[str]]) -> str:
    """A table of events (down) and states (across)."""
    lines = [f"| {first} | {' | '.join(states)} |", f"|{'---|' * (len(states) + 1)}"]
    lines += [f"| {event} | {' | '.join(cells)} |" for event, cells in rows.items()]
    return "\n".join(lines)


def printed(first: str) -> str:
    """The table of the document whose first cell that is."""
    lines = RELIABILITY.read_text(encoding="utf-8").splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"| {first} |"))
    end = next(
        (number for number in range(start, len(lines)) if not lines[number].startswith("|")), len(lines)
    )
    return "\n".join(lines[start:end])
