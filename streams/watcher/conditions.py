"""What each kind of rule watches for: what an event does to the state that is kept of it.

Exact: numbers are ints scaled by 10**18, percentages and basis points too. Deterministic: time is what the events say; no
clock, no I/O.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import lru_cache
from typing import Any

from bookmill.decimals import plain_text, scaled
from schemas.alert_rules import (
    ChangePercent,
    CrossVenue,
    GapOpened,
    PriceCrosses,
    SpreadBpsOver,
    VolumeSpike,
    matcher,
)
from schemas.codec import UNIT
from schemas.fields import Event
from schemas.measures import half_even
from streams.watcher.gate import Gate, Move
from streams.watcher.states import Change, Crossing, Finding, Level, Open, Spike, State, Watched, move_gate

__all__ = ["observe"]

_MOST_GAPS = 1000
_PERCENT = 100 * UNIT
_scaled = lru_cache(maxsize=4096)(scaled)


def observe(one: Watched, state: State, event: Event) -> Iterator[Finding]:
    """What the next event of the rule's topic says."""
    condition = one.rule.condition
    return _OBSERVERS[type(condition)](one, condition, state, event)


def _price(event: Event, kind: str) -> int | None:
    """The price an event tells; None where it tells none that is true now: what was fetched later says nothing of now."""
    price: int | None
    if kind == "trade":
        price = None if event["source"] == "backfill" else event["price"]
    else:
        price = event["mid"] if event["origin"] == "book" and event["state"] == "live" else None
    return price


def _crossing(one: Watched, condition: PriceCrosses, state: Crossing, event: Event) -> Iterator[Finding]:
    price, at_micros = _price(event, condition.price), event["receive_time"]
    if price is None:
        return
    level = _scaled(condition.level)
    both = condition.direction == "both"
    for direction in ("up", "down"):
        if condition.direction not in (direction, "both"):
            continue
        over = price >= level if direction == "up" else price <= level
        gate: Gate | None = getattr(state, direction)
        if gate is None:
            gate = Gate()
            setattr(state, direction, gate)
            gate.begin(over=over)
            continue
        back = price < level - one.hysteresis if direction == "up" else price > level + one.hysteresis
        move = move_gate(one, gate, state, over=over, back=back, at_micros=at_micros)
        if move and not (both and move == "cleared"):  # that it goes back is the other one's news
            way = (
                f"has passed {plain_text(level)} going {direction}"
                if over
                else f"is back behind {plain_text(level)}"
            )
            yield Finding(move, direction, price, level, f"the price {way}: {plain_text(price)}")


def _change(one: Watched, condition: ChangePercent, state: Change, event: Event) -> Iterator[Finding]:
    price, at_micros = _price(event, condition.price), event["receive_time"]
    if price is None or price <= 0:
        return
    low, high = state.extremes.take(price, at_micros, condition.window_s * 1_000_000)
    threshold = _scaled(condition.percent)
    changes = {
        "up": half_even((price - low) * _PERCENT, low),
        "down": half_even((high - price) * _PERCENT, high),
    }
    for direction, change in changes.items():
        if condition.direction in (direction, "both"):
            gate: Gate = getattr(state, direction)
            back = change < threshold - one.hysteresis
            move = move_gate(one, gate, state, over=change >= threshold, back=back, at_micros=at_micros)
            if move:
                words = f"the price has gone {direction} by {_short(change)} % within {condition.window_s} s"
                yield Finding(move, direction, change, threshold, words)


def _spread(one: Watched, condition: SpreadBpsOver, state: Level, event: Event) -> Iterator[Finding]:
    if event["origin"] == condition.origin and event["state"] == "live":
        words = f"the spread of the {condition.origin} is {{}} bps"
        yield from _level(one, state, event["spread_bps"], condition.bps, event["receive_time"], words)


def _cross(one: Watched, condition: CrossVenue, state: Level, event: Event) -> Iterator[Finding]:
    words = "the best bid of one exchange is {} bps above the best ask of another"
    yield from _level(one, state, event["cross_bps"], condition.bps, event["receive_time"], words)


def _level(
    one: Watched, state: Level, value: int | None, limit: Decimal, at_micros: int, words: str
) -> Iterator[Finding]:
    threshold = _scaled(limit)
    if value is None:  # a side is empty, or there are no two books: nothing is over anything
        over, back = False, True
    else:
        over, back = value > threshold, value <= threshold - one.hysteresis
    move = move_gate(one, state.gate, state, over=over, back=back, at_micros=at_micros)
    if move:
        yield Finding(
            move, None, value, threshold, words.format("unknown" if value is None else _short(value))
        )


def _spike(one: Watched, condition: VolumeSpike, state: Spike, event: Event) -> Iterator[Finding]:
    if event["source"] == "backfill":
        return  # it was traded some time before
    at_micros = event["receive_time"]
    volumes, factor, minimum = state.volumes, _scaled(condition.factor), _scaled(condition.minimum)
    windows, before = condition.windows, sum(volumes.past)
    ended = volumes.advance(at_micros, condition.window_s * 1_000_000, windows)
    if ended is not None and state.gate.phase != "idle":
        volume, empty = ended
        calm = volume * windows * UNIT < (factor - one.hysteresis) * before or volume < minimum
        if calm or empty:
            move = move_gate(one, state.gate, state, over=False, back=True, at_micros=at_micros)
            if move:
                yield _traded(move, condition, 0 if empty else volume, factor, before)
    volumes.volume += event["quantity"]
    if len(volumes.past) < windows:
        return
    volume, before = volumes.volume, sum(volumes.past)
    over = volume >= minimum and volume * windows * UNIT >= factor * before and (before > 0 or minimum > 0)
    move = move_gate(one, state.gate, state, over=over, back=False, at_micros=at_micros)
    if move:
        yield _traded(move, condition, volume, factor, before)


def _traded(move: Move, condition: VolumeSpike, volume: int, factor: int, before: int) -> Finding:
    threshold = max(half_even(factor * before, condition.windows * UNIT), _scaled(condition.minimum))
    words = f"{plain_text(volume)} traded within {condition.window_s} s; {_short(threshold)} is much"
    return Finding(move, None, volume, threshold, words)


def _gap(one: Watched, condition: GapOpened, state: Open, event: Event) -> Iterator[Finding]:
    if not matcher(condition.stream).fullmatch(event["stream"]):
        return
    gap, opened = event["gap"], event["phase"] == "opened"
    if opened and gap not in state.gaps:
        state.gaps.append(gap)
        del state.gaps[:-_MOST_GAPS]
    elif not opened and gap in state.gaps:
        state.gaps.remove(gap)
    over = bool(state.gaps)
    move = move_gate(one, state.gate, state, over=over, back=not over, at_micros=event["receive_time"])
    if move:
        stream, cause = event["stream"], event["cause"]
        words = f"data of its {stream} are missing ({cause})" if over else f"its {stream} goes on"
        yield Finding(move, None, None, None, words)


_OBSERVERS: dict[type, Callable[[Watched, Any, Any, Event], Iterator[Finding]]] = {
    PriceCrosses: _crossing,
    ChangePercent: _change,
    SpreadBpsOver: _spread,
    VolumeSpike: _spike,
    GapOpened: _gap,
    CrossVenue: _cross,
}


def _short(scaled_number: int) -> str:
    """For people: four digits after the point."""
    return f"{Decimal(plain_text(scaled_number)):.4f}".rstrip("0").rstrip(".")
