"""Whoever takes a partition over from a checkpoint, wherever it was cut, writes the same events with the same ids.

Arbitrary mixtures of changes, snapshots, trades with holes, backfills, lost frames, junk and wrong times; the same for a
partition that was never stopped.
"""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bookmill.settings import WorkerSettings
from schemas.catalogue import GAPS
from schemas.event_id import event_id
from streams.checkpoints import pack, read_one, restore
from streams.emitter import Events
from streams.partition import RawPartition
from tests.unit.streams.raw import SCHEMA_IDS, TOPIC, Record, depth, logs, read, record, snapshot
from tests.unit.streams.test_gaps import NOW_MS, WithHistory, end, lost, pages, sold

KINDS = ("diff",) * 6 + ("trade",) * 6 + ("snapshot", "pages", "end", "lost", "junk", "ticker")
STEPS = st.tuples(st.sampled_from(KINDS), st.integers(0, 9))


def tape(steps: list[tuple[str, int]]) -> list[Record]:
    """Records of one instrument: each step says what comes, and its number how odd it is."""
    update, number, made = 100, 100, list[Record]()
    for offset, (kind, odd) in enumerate(steps):
        time_ms = 1 if odd == 9 else NOW_MS + offset
        if kind == "diff":
            skip = 3 if odd == 0 else 0
            update += 1 + skip
            made.append(depth(offset, update, update, [[str(90 + odd), str(odd)]], time_ms=time_ms))
        elif kind == "trade":
            number += {0: 3, 1: -2, 2: 0}.get(odd, 1)
            made.append(sold(offset, number, time_ms=time_ms))
        elif kind == "snapshot":
            made.append(snapshot(offset, update - odd, [["89", "1"]], [["110", "1"]]))
        elif kind == "pages":
            made.append(pages(offset, *range(number - odd - 3, number)))
        elif kind == "end":
            said = {"first_trade_id": str(number - 20), "last_trade_id": str(number + odd)}
            made.append(end(offset, **said, complete=odd > 4))
        elif kind == "lost":
            made.append(lost(offset, ("depth", "trade", "bookTicker")[odd % 3], ("silent", "start")[odd % 2]))
        elif kind == "junk":
            made.append(record(offset, ("depth", "trade", "backfill")[odd % 3], b"{", kind="ws"))
        else:
            made.append(record(offset, "bookTicker", {"u": 1, "b": "9", "B": "1", "a": "11", "A": "2"}))
    return made


def partition(position: int = 0) -> RawPartition:
    return RawPartition(WithHistory(), TOPIC, 3, position, SCHEMA_IDS, WorkerSettings(pending_diffs=5))


def joined(*parts: Events) -> dict[str, list[Any]]:
    return {one.name: [each for part in parts for each in getattr(part, one.name)] for one in fields(Events)}


@settings(max_examples=150, deadline=None)
@given(st.lists(STEPS, min_size=2, max_size=60), st.data())
def test_any_cut_gives_the_same_events_with_the_same_ids(steps: list[tuple[str, int]], data: Any) -> None:
    records = tape(steps)
    straight = partition().process(records)
    cut = data.draw(st.integers(1, len(records) - 1), "checkpoint at")
    first = partition()
    before = first.process(records[:cut]).events
    checkpoints = []
    for key, instrument in first.instruments.items():
        checkpoint = read_one(pack(first, instrument), logs(first, first.position))
        assert checkpoint is not None
        checkpoints.append(checkpoint)
        first.covering[key] = (first.position, first.first_needed(instrument))
        first.covers(key)
    further = data.draw(st.integers(cut, len(records)), "killed at")
    first.process(records[cut:further])
    second = partition(first.safe_position)
    restore(second, checkpoints)
    after = second.process(records[second.position :]).events
    assert joined(before, after) == joined(straight.events)


@settings(max_examples=100, deadline=None)
@given(st.lists(STEPS, min_size=2, max_size=60))
def test_no_id_is_given_twice_and_each_gap_opens_and_closes_once(
    steps: list[tuple[str, int]],
) -> None:
    work = partition().process(tape(steps))
    ids = [
        dict(headers)["event_id"]
        for name in joined(work.events)
        for *_, headers in getattr(work.events, name)
    ]
    assert len(ids) == len(set(ids))
    told = [read(GAPS, value) for _, value, _ in work.events.gaps]
    phases = [(one["gap"], one["phase"]) for one in told]
    assert len(phases) == len(set(phases))
    opened = {gap for gap, phase in phases if phase == "opened"}
    assert {gap for gap, phase in phases if phase == "closed"} <= opened
    for one in told:
        identity = event_id(one["source_topic"], 3, one["source_offset"], one["source_index"])
        assert (one["phase"] == "opened") == (one["gap"] == identity)


def test_a_tape_is_as_odd_as_it_says() -> None:
    assert json.loads(pages(0, 1, 2).value or b"") == [1, 2]
    assert len(tape([(kind, 0) for kind in dict.fromkeys(KINDS)])) == 8
