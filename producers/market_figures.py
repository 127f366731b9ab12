"""A market in figures: what is counted of it, and how it stands at the moment."""

from __future__ import annotations

import time
from dataclasses import asdict, fields
from typing import Any

from producers.backfill import BackfillCounts
from producers.line_connections import LineCounts
from producers.market import Market

__all__ = ["COUNTERS", "ages_s", "counted", "figures"]

COUNTERS = {
    "frames": "Frames written to the raw topic.",
    "bytes": "Bytes of these frames.",
    "told": "Records that say frames are missing.",
    "repeated": "Frames that two connections brought during a hand-over, written once.",
    "errors": "Refusals by the exchange on a socket.",
    "dead_letters": "Frames that are neither data nor an answer we know.",
    "opened": "Connections opened.",
    "lost": "Connections that ended unasked.",
    "replaced": "Connections replaced by a successor.",
    "failures": "Attempts to connect that failed.",
    "snapshots": "Depth snapshots written to the raw topic.",
    "snapshots_refused": "Snapshot requests the exchange refused for good.",
    "snapshots_expired": "Snapshot requests that grew too old.",
    "backfills": "Requests for missing trades that were asked to the end.",
    "backfills_incomplete": "Of these, those of which the exchange has not told all.",
    "backfills_refused": "Of these, those the exchange refused.",
    "backfills_unreadable": "Requests for missing trades given up for an answer that was none.",
    "backfills_expired": "Requests for missing trades that grew too old, or were given up.",
    "backfills_overflowed": "Requests for missing trades that found too many others waiting.",
    "backfill_pages": "Answers with past trades written to the raw topic.",
    "backfill_trades": "Trades in them.",
    "rest_refused": "REST calls refused for their number (429, 418, 403).",
    "polls": "Questions asked over REST in a socket's stead.",
    "poll_errors": "Of these, those without a good answer.",
    "polled_records": "Answers written to the raw topic.",
    "poll_gaps": "Answers whose trades did not reach back to those before.",
}
"""What each counter says, by name."""


def counted(market: Market) -> dict[str, int]:
    """The value of each counter now, with what lines that are gone have counted."""
    snapshots = market.snapshots.counts if market.snapshots else None
    backfills = market.backfills.counts if market.backfills else BackfillCounts()
    polling = market.polling.counts
    past = market.cohorts.past
    lines = {
        each.name: past[each.name] + sum(getattr(line.counts, each.name) for line in market.lines)
        for each in fields(LineCounts)
    }
    return {
        "frames": past["frames"] + sum(stream.frames for stream in market.streams),
        "bytes": past["bytes"] + sum(stream.bytes for stream in market.streams),
        "repeated": past["repeated"] + sum(stream.repeated for stream in market.streams),
        "told": past["told"] + sum(stream.told for stream in market.streams),
        "errors": market.errors,
        "dead_letters": market.strange,
        **lines,
        "snapshots": snapshots.served if snapshots else 0,
        "snapshots_refused": snapshots.refused if snapshots else 0,
        "snapshots_expired": snapshots.expired if snapshots else 0,
        "backfills": backfills.served,
        "backfills_incomplete": backfills.incomplete,
        "backfills_refused": backfills.refused,
        "backfills_unreadable": backfills.unreadable,
        "backfills_expired": backfills.expired,
        "backfills_overflowed": backfills.overflowed,
        "backfill_pages": backfills.pages,
        "backfill_trades": backfills.trades,
        "rest_refused": market.rest.counts.refused,
        "polls": polling.polls,
        "poll_errors": polling.failed,
        "polled_records": polling.records,
        "poll_gaps": polling.gaps,
    }


def figures(market: Market, counters: dict[str, int]) -> dict[str, Any]:
    """How it is: its ``counters``, see :func:`counted`, and how it stands at the moment."""
    used, blocked_s = market.rest.spending()
    return {
        "state": market.state,
        **counters,
        "connections": sum(line.state.value == "connected" for line in market.lines),
        "missing": [name for line in market.lines for name in line.missing],
        "unknown_symbols": list(market.unknown),
        "polling": market.polling.instruments,
        "snapshots_waiting": market.snapshots.waiting if market.snapshots else 0,
        "backfills_waiting": market.backfills.waiting if market.backfills else 0,
        "rest": asdict(market.rest.counts),
        "weight_account": market.rest.account.name,
        "weight_used": used,
        "weight_limit": market.rest.account.own_limit,
        "blocked_s": round(blocked_s, 1),
        "age_s": ages_s(market),
    }


def ages_s(market: Market) -> dict[str, float | None]:
    """Seconds since the last frame of each stream; None where there was none."""
    now_ns = time.time_ns()
    return {
        f"{stream.route.channel} {stream.route.wire_symbol}": (
            round((now_ns - stream.last_ns) / 1e9, 3) if stream.last_ns else None
        )
        for stream in market.streams
    }
