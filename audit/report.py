"""What ``bookmill verify`` says: a table by instrument and a sentence, or one JSON object."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict, fields
from typing import Any

from rich.console import Console
from rich.table import Table

from audit.comparison import Compared
from audit.verification import Findings

__all__ = ["as_json", "sentences", "show"]

_NUMBERS = tuple(each.name for each in fields(Compared) if each.type == "int")
_WIDE = 1000
_HEADINGS = ("events", "stored", "missing", "double", "different", "extra", "not comparable")


def _by_instrument(found: Findings) -> dict[str, dict[str, int]]:
    rows = {name: dict.fromkeys(_NUMBERS, 0) for name in found.frames}
    for one in found.compared:
        row = rows.setdefault(one.instrument, dict.fromkeys(_NUMBERS, 0))
        for name in _NUMBERS:
            row[name] += getattr(one, name)
    return {name: rows[name] for name in sorted(rows)}


def show(found: Findings) -> None:
    """All of it on standard output; whole names where that is no terminal."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDE)
    console.print(_table(found))
    for sentence in sentences(found):
        console.print(sentence, markup=False)


def _table(found: Findings) -> Table:
    made = Table("instrument", "frames", *_HEADINGS, box=None, pad_edge=False)
    for column in made.columns[1:]:
        column.justify = "right"
    for name, row in _by_instrument(found).items():
        numbers = [found.frames[name], *(row[each] for each in _NUMBERS)]
        wrong = any(row[each] for each in ("missing", "double", "different", "extra"))
        made.add_row(name, *(f"{number:,}" for number in numbers), style="red" if wrong else None)
    return made


def sentences(found: Findings) -> Iterator[str]:
    """The rest, in words; the last one is the answer."""
    for one in found.compared:
        if not one.good:
            wrong = ", ".join(
                f"{getattr(one, name):,} {name}"
                for name in ("missing", "double", "different", "extra")
                if getattr(one, name)
            )
            yield f"{one.table} of {one.instrument}: {wrong}; the first is {one.example}"
    for hole in found.lost_frames:
        ranges = ", ".join(str(low) if low == high else f"{low}-{high}" for low, high in hole.ranges)
        end = ", as producers have written down (see bookmill gaps)" if hole.told else ""
        yield f"{hole.topic}: {hole.frames:,} frames of connection {hole.connection} were lost in its producer{end}: {ranges}"
    for hole_of in found.untold:
        yield (
            f"trades of {hole_of.instrument}: {hole_of.trades:,} numbers are missing in {hole_of.holes:,} places that the ledger of gaps does not"
            f" name; the first is {hole_of.first}"
        )
    if found.dead_letters:
        yield f"{found.dead_letters:,} raw records cannot be processed: they are in the dead-letter topics."
    if found.refused:
        yield f"{found.refused:,} events are such that ClickHouse refuses them: they are in the dead-letter topics."
    if found.not_stored_yet:
        yield f"{found.not_stored_yet:,} events are not stored yet: the sink is behind, or not running. They are not compared."
    if skipped := sum(one.not_comparable for one in found.compared):
        yield (
            f"{skipped:,} stored events are not comparable: they follow from what came before the first raw record that was read."
        )
    yield _answer(found)


def _answer(found: Findings) -> str:
    events, frames = sum(one.expected for one in found.compared), found.frames.total()
    if found.good and not events:
        return "There is nothing to compare yet: no events are both made and stored."
    if found.good:
        rate = frames / found.rebuilding_s if found.rebuilding_s else 0
        return (
            f"Nothing is missing, double or different: {events:,} events of {len(_by_instrument(found))} instruments are what"
            f" {frames:,} raw records give ({rate:,.0f} a second)."
        )
    wrong = {
        name: sum(getattr(one, name) for one in found.compared)
        for name in ("missing", "double", "different", "extra")
    }
    parts = [f"{count:,} {name}" for name, count in wrong.items() if count]
    if found.untold:
        parts.append(f"{sum(one.trades for one in found.untold):,} trades missing that no gap tells")
    if lost := sum(hole.frames for hole in found.lost_frames if not hole.told):
        parts.append(f"{lost:,} frames lost before Kafka that nobody has written down")
    return f"ClickHouse does not have what the raw topics give: {', '.join(parts)}."


def as_json(found: Findings) -> dict[str, Any]:
    """The same for programs."""
    frames = found.frames.total()
    return {
        "good": found.good,
        "frames": frames,
        "events": sum(one.expected for one in found.compared),
        "rebuilding_s": round(found.rebuilding_s, 3),
        "comparing_s": round(found.comparing_s, 3),
        "frames_per_s": round(frames / found.rebuilding_s) if found.rebuilding_s else 0,
        "dead_letters": found.dead_letters,
        "refused": found.refused,
        "not_stored_yet": found.not_stored_yet,
        "partitions_from_their_middle": found.shortened,
        "untold_trades": [asdict(one) for one in found.untold],
        "lost_frames": [asdict(hole) for hole in found.lost_frames],
        "instruments": [
            {
                "instrument": name,
                "frames": found.frames[name],
                **row,
                "tables": [
                    {key: value for key, value in asdict(one).items() if key != "instrument"}
                    for one in found.compared
                    if one.instrument == name
                ],
            }
            for name, row in _by_instrument(found).items()
        ],
    }
