"""What can go wrong on each exchange (protocol page, section 14.1), and what has to come of it.

A scenario does something to the simulated exchange of a :class:`Room`, waits for the reaction, and ends with books that are the
exchange's own, level by level, and with every trade exactly once that could be heard. Two faults cannot be seen by anybody who
listens, because the protocol has nothing to see them by; real connections do not have them, since TCP loses nothing in between:

* a frame of Coinbase Exchange's book that is left out: the book is wrong until the next image;
* a frame of Kraken's book that is left out and changes nothing among the ten best: those are right, further down it is wrong until the
  next image.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

from tests.scenarios.room import ABSENT, GHOST, Room

__all__ = ["Scenario", "scenarios_of"]

Scenario = Callable[[Room], Awaitable[None]]

_NUMBERED = ("binance", "okx", "bybit", "deribit")
"""Exchanges whose book changes name their predecessor or count."""


def scenarios_of(name: str) -> dict[str, Scenario]:
    """By name, those of the market ``name`` (``okx.spot``)."""
    exchange, _, market = name.partition(".")
    found = dict(_EVERYWHERE)
    found |= _OF_EXCHANGE[exchange]
    if market in _CONTRACTS:
        found |= _OF_CONTRACTS.get(exchange, {})
    return found


# On every exchange.


async def calm(room: Room) -> None:
    """Nothing goes wrong, and what is refused or not listed is named and disturbs nobody."""
    await room.agrees()
    assert not room.count("gaps")
    assert not room.seen.dead_letters
    assert not room.writer.strange
    assert not room.counts().lost
    await room.until(lambda: not _others_named(room), "only what cannot be had is named", 20)
    names = " ".join(room.market.health())
    assert f"{room.name} {ABSENT}" in names


def _others_named(room: Room) -> list[str]:
    """Problems that are not the ghost's or the absent one's; empty only once the ghost's streams are known not to come."""
    problems = room.market.health()
    if not any(GHOST in name + text for name, text in problems.items()):
        return ["the ghost is not named"]
    return [
        f"{name}: {word}"
        for name, text in problems.items()
        for word in f"{name} {text}".replace(",", " ").split()
        if word in room.wires and f"{GHOST}" not in name
    ]


async def drop(room: Room) -> None:
    """A frame of a book is left out on the way."""
    gaps, lost, replaced = room.count("gaps"), room.counts().lost, room.count("replacements")
    if room.exchange == "coinbase-advanced":
        room.tape.interrupt()
    channel = room.channel(room.book_channel)
    room.disturb("drop")
    await room.until(lambda: not channel.disturbances, "the frame is dropped")
    if room.exchange in _NUMBERED:
        # An image that somebody asked for before may come right behind the frame that is not there.
        await room.until(
            lambda: room.count("gaps") > gaps or room.count("replacements") > replaced, "the gap is seen"
        )
    elif room.exchange == "coinbase-advanced":
        await room.until(lambda: room.counts().lost > lost, "the jump of the connection's numbers ends it")
    else:  # undetectable: see above
        if room.exchange == "kraken":
            applied = room.count("applied")
            await room.until(lambda: room.count("applied") > applied + 10, "the next checksums are looked at")
            await room.agrees(top=10)
        assert room.counts().lost == lost
        await cut(room)
    await room.agrees()


async def duplicate(room: Room) -> None:
    """Frames of a book come twice."""
    gaps, old = room.count("gaps"), room.count("old")
    channel = room.channel(room.book_channel)
    room.disturb("duplicate", count=3)
    await room.until(lambda: not channel.disturbances, "the frames are doubled")
    await room.agrees()
    assert room.count("gaps") == gaps
    if room.exchange in _NUMBERED:
        assert room.count("old") == old + 3


async def corrupt(room: Room) -> None:
    """A frame of a book cannot be read: it is a dead letter, and the book begins anew."""
    letters, joins = len(room.seen.dead_letters), room.count("joins")
    room.disturb("corrupt")
    await room.until(lambda: len(room.seen.dead_letters) == letters + 1, "the frame is a dead letter")
    await room.until(lambda: room.count("joins") > joins, "the book joins again")
    await room.agrees()


async def cut(room: Room) -> None:
    """All connections end without a close frame."""
    await _broken(room, "cut_connections")


async def close(room: Room) -> None:
    """All connections are closed in order."""
    await _broken(room, "close_connections", code=1001)


async def freeze(room: Room) -> None:
    """All connections are half-open: nothing comes, and no end either."""
    await _broken(room, "freeze_connections")


async def _broken(room: Room, fault: str, **arguments: int) -> None:
    before, lines = room.counts(), len(room.market.lines)
    room.tape.interrupt()
    room.fault(fault, **arguments)
    await room.until(lambda: room.counts().lost >= before.lost + lines, "all connections are lost", 14)
    await room.agrees()


async def forget(room: Room) -> None:
    """Connections live, with pongs and heartbeats, and nothing is subscribed on them any more: they are replaced."""
    before, lines = room.counts(), len(room.market.lines)
    room.fault("forget_subscriptions")
    await room.until(
        lambda: room.counts().replaced >= before.replaced + lines, "all connections are replaced", 12
    )
    await room.agrees()
    assert room.counts().lost == before.lost


async def forget_a_book(room: Room) -> None:
    """A single subscription is gone, and the others of its connection flow on."""
    before = room.counts()
    channel = room.channel(room.book_channel)
    await asyncio.sleep(0.5)  # it has been seen to move
    for subscriber in tuple(channel.subscribers):
        room.simulator.hub(room.market_name).unsubscribe(subscriber, channel.name)
    await room.until(lambda: room.counts().replaced > before.replaced, "the connection is replaced", 20)
    await room.agrees()
    assert room.counts().lost == before.lost


async def renew(room: Room) -> None:
    """Connections are replaced while they deliver: nothing is lost, nothing comes twice."""
    before, lines = room.counts(), len(room.market.lines)
    for line in room.market.lines:
        assert line.renew()
    await room.until(
        lambda: room.counts().replaced >= before.replaced + lines, "all connections are replaced", 20
    )
    await room.agrees()
    await asyncio.sleep(1.2)  # trades are looked for when they are not on their way any more
    await room.until(lambda: not room.tape.missing(), "all trades are there")
    room.check_trades()
    assert room.counts().lost == before.lost


async def resubscribe(room: Room) -> None:
    """A book is asked for while its connection is being replaced."""
    replaced = room.counts().replaced
    for line in room.market.lines:
        line.renew()
    for _ in range(8):
        room.market.resync(room.wires[0], time.time())
        await asyncio.sleep(0.15)
    await room.until(lambda: room.counts().replaced > replaced, "a connection is replaced", 20)
    await room.agrees()


async def bad_channel(room: Room) -> None:
    """Something is asked for that the exchange does not have: it says so, or nothing, and all streams go on."""
    errors, gaps, lost = room.market.errors, room.count("gaps"), room.counts().lost
    line = room.market.lines[0]
    assert line.send([_WRONG[room.exchange](room.wires[0])])
    if room.exchange not in ("deribit", "binance"):  # these acknowledge what they leave out
        await room.until(lambda: room.market.errors > errors, "the exchange refuses")
    await room.agrees()
    assert (room.count("gaps"), room.counts().lost) == (gaps, lost)


_WRONG: dict[str, Callable[[str], str]] = {
    "binance": lambda wire: _json(method="SUBSCRIBE", params=[f"{wire.lower()}@nope"], id=99),
    "okx": lambda wire: _json(op="subscribe", args=[{"channel": "nope", "instId": wire}]),
    "bybit": lambda wire: _json(op="subscribe", args=[f"nope.{wire}"]),
    "kraken": lambda wire: _json(method="subscribe", params={"channel": "nope", "symbol": [wire]}),
    "coinbase": lambda wire: _json(type="subscribe", product_ids=[wire], channels=["nope"]),
    "coinbase-advanced": lambda wire: _json(type="subscribe", product_ids=[wire], channel="nope"),
    "deribit": lambda wire: _json(
        jsonrpc="2.0", id=99, method="public/subscribe", params={"channels": [f"nope.{wire}"]}
    ),
}


# Binance and OKX announce that they will close.


async def shutdown(room: Room) -> None:
    """The exchange announces its shutdown: successors deliver before it comes."""
    before, lines = room.counts(), len(room.market.lines)
    room.fault("announce_shutdown")
    await room.until(
        lambda: room.counts().replaced >= before.replaced + lines, "all connections are replaced", 20
    )
    await room.agrees()
    assert room.counts().lost == before.lost


# Binance: books by REST.


async def refused_429(room: Room) -> None:
    """The next two snapshots are refused for a second."""
    await _after_a_gap(room, "refuse_snapshots", count=2, status=429, retry_after_s=1)
    assert room.market.rest.counts.refused


async def refused_418(room: Room) -> None:
    """The address is banned for a second."""
    await _after_a_gap(room, "refuse_snapshots", count=1, status=418, retry_after_s=1)


async def refused_503(room: Room) -> None:
    """The exchange is not able to."""
    await _after_a_gap(room, "refuse_snapshots", count=2, status=503)


async def stale_snapshots(room: Room) -> None:
    """Snapshots older than all frames are no use; others are asked for."""
    await _after_a_gap(room, "stale_snapshots", count=1)


async def empty_snapshots(room: Room) -> None:
    """``lastUpdateId`` -1, as for a new listing."""
    await _after_a_gap(room, "empty_snapshots", count=1)


async def late_snapshots(room: Room) -> None:
    """Changes wait for the snapshot, most of them for nothing."""
    await _after_a_gap(room, "delay_snapshots", count=1, delay_s=1.0)


async def _after_a_gap(room: Room, fault: str, **arguments: float) -> None:
    gaps, joins = room.count("gaps"), room.count("joins")
    room.fault(fault, **arguments)
    room.disturb("drop")
    await room.until(lambda: room.count("gaps") > gaps, "the gap is seen")
    await room.until(lambda: room.count("joins") > joins, "the book joins again", 12)
    await room.agrees()


async def delete_unknown_level(room: Room) -> None:
    """Levels are taken away that never were there."""
    await _harmless(room, "delete_unknown_level", count=3)


async def old_fields(room: Room) -> None:
    """Frames without the fields of December 2025."""
    await _harmless(room, "old_fields")


async def liquidate(room: Room) -> None:
    """A liquidation becomes an event."""
    before = room.seen.events["liquidations"]
    name = {"binance": "liquidate", "deribit": "liquidate"}.get(room.exchange, "liquidation")
    room.scenario(name)
    await room.until(lambda: room.seen.events["liquidations"] > before, "a liquidation event", 12)
    await room.agrees()


# OKX.


async def heartbeat(room: Room) -> None:
    """A frame without a change is no gap."""
    await _harmless(room, "heartbeat")


async def maintenance(room: Room) -> None:
    """The count starts again at 3: 15, 15, 3, 5."""
    await _harmless(room, "maintenance", to=3)
    assert room.book().book.synchronizer.last_id < 1_000_000


async def checksums(room: Room) -> None:
    """Those of before 2026-06-23 are verified, wrong ones are believed; without ids the time stands for one."""
    for arguments in ({"mode": "valid"}, {"mode": "absent"}, {"mode": "valid", "ids": False}):
        failures = room.count("checksum_failures")
        room.scenario("checksum", **arguments)
        await asyncio.sleep(0.3)
        await room.agrees()
        assert room.count("checksum_failures") == failures
    room.scenario("checksum", mode="wrong")
    await room.until(lambda: room.count("checksum_failures") > failures, "a wrong checksum is seen")
    room.scenario("checksum", mode="zero")
    await room.agrees()


async def auction(room: Room) -> None:
    """Crossed for a second: degraded, and no reason to ask."""
    joins = room.count("joins")
    room.scenario("auction", seconds=1.0, ticks=300)
    await room.until(lambda: room.book().state == "degraded", "the crossed book is not live")
    await room.agrees()
    assert room.count("joins") == joins


async def long_auction(room: Room) -> None:
    """Crossed for longer than five seconds: one new image says that it really is so, and that is all that is asked."""
    counters = room.book().book.synchronizer.counters
    joins = counters.joins
    room.scenario("auction", seconds=10.0, ticks=300)
    await room.until(lambda: room.book().book.crossing.by_image, "the image is crossed, too", 10)
    await room.until(lambda: room.book().state == "live", "the auction ends", 12)
    await room.agrees()
    assert counters.joins <= joins + 1, f"{counters.joins - joins} new images"


async def suspended(room: Room) -> None:
    """An instrument is not traded for a while: named, and the others go on."""
    room.scenario("instrument_state", state="suspend")
    await room.until(lambda: room.symbols[0] in room.market.disabled, "the instrument is named")
    room.scenario("instrument_state", state="live")
    await room.until(lambda: room.symbols[0] not in room.market.disabled, "it is trading again")
    await room.agrees()


# Bybit.


async def image_in_mid_stream(room: Room) -> None:
    """Snapshots nobody has asked for, further on in the count."""
    replaced = room.count("replacements")
    await _harmless(room, "snapshot", jump=5)
    assert room.count("replacements") > replaced


async def restart(room: Room) -> None:
    """The count starts again with ``u`` 1, whatever the frame calls itself."""
    for kind in ("snapshot", "delta"):
        await _harmless(room, "restart", kind=kind)
        assert room.book().book.synchronizer.last_id < 100_000


async def hole(room: Room) -> None:
    """Deltas are lost."""
    gaps = room.count("gaps")
    room.scenario("hole", count=2)
    await room.until(lambda: room.count("gaps") > gaps, "the gap is seen")
    await room.agrees()


async def delisted(room: Room) -> None:
    """The book is empty, then silent, then there again."""
    room.scenario("delist")
    await room.until(lambda: not room.book().book.synchronizer.book.bids.levels()[0], "the book is empty")
    await asyncio.sleep(0.3)
    room.scenario("relist")
    await room.agrees()


async def repeated_best(room: Room) -> None:
    """Level 1 again with the same ``u``."""
    await _harmless(room, "repeat")


async def split_trade(room: Room) -> None:
    """1500 trades of one order in two frames that share ``seq``: each becomes an event."""
    before = room.tape.not_counted
    room.scenario("split_trade", trades=1500)
    await room.until(lambda: room.tape.not_counted == before + 1500, "all 1500 trades are events")
    await room.agrees()


async def few_fields(room: Room) -> None:
    """A ticker of one field."""
    await _harmless(room, "ticker", fields=["markPrice"])


# Kraken.


async def wrong_checksum(room: Room) -> None:
    """The book is subscribed anew."""
    failures = room.count("checksum_failures")
    room.scenario("wrong_checksum")
    await room.until(lambda: room.count("checksum_failures") > failures, "the checksum is seen to be wrong")
    await room.agrees()


async def twice_in_an_update(room: Room) -> None:
    """The last entry of a price holds."""
    await _harmless(room, "twice", count=3)


async def short_zeros(room: Room) -> None:
    """``0.0`` takes a level away."""
    await _harmless(room, "short_zeros", count=3)


async def thin(room: Room) -> None:
    """Fewer levels than the checksum is made of, none at all, then all again."""
    failures = room.count("checksum_failures")
    for levels in (3, 0, None):
        room.scenario("thin", levels=levels)
        await asyncio.sleep(0.3)
    await room.agrees()
    assert room.count("checksum_failures") == failures


async def beyond_the_window(room: Room) -> None:
    """More than 1000 levels: what leaves the window is not told, what comes back into it is."""
    failures = room.count("checksum_failures")
    room.scenario("deep", levels=1200)
    await room.until(lambda: len(room.book().book.synchronizer.book.bids) == 1000, "the window is full")
    await asyncio.sleep(0.5)
    assert len(room.book().book.synchronizer.book.asks) == 1000
    room.scenario("deep", levels=0)
    await asyncio.sleep(0.3)
    await room.agrees()
    assert room.count("checksum_failures") == failures


async def precision(room: Room) -> None:
    """Numbers get more decimals, and checksums with them; then fewer again."""
    room.scenario("precision", price_decimals=4, quantity_decimals=9)
    await asyncio.sleep(0.5)
    await room.agrees()
    room.scenario("precision")
    await asyncio.sleep(0.5)
    await room.agrees()


async def system(room: Room) -> None:
    """The exchange's state is told on every connection."""
    for state in ("maintenance", "online"):
        room.scenario("system", state=state)
        await asyncio.sleep(0.4)
    await room.agrees()


# Coinbase.


async def large_image(room: Room) -> None:
    """An image of a few megabytes."""
    room.scenario("large_image", levels=50_000)
    room.tape.interrupt()
    room.fault("cut_connections")
    await room.until(
        lambda: len(room.book().book.synchronizer.book.bids) > 20_000, "the large image is there", 12
    )
    room.scenario("large_image", levels=0)
    await cut(room)


async def zeros(room: Room) -> None:
    """A size of zero in other letters."""
    for text in ("0", "0.0", "0.00000000"):
        await _harmless(room, "zero", text=text)


async def sequence_jump(room: Room) -> None:
    """A frame is numbered and never sent: the connection ends, and its books begin anew."""
    lost = room.counts().lost
    room.tape.interrupt()
    room.scenario("sequence_jump")
    await room.until(lambda: room.counts().lost > lost, "the jump ends the connection")
    await room.agrees()


# Deribit.


async def lose_changes(room: Room) -> None:
    """``prev_change_id`` is one that nobody was told."""
    gaps = room.count("gaps")
    room.scenario("lose_changes", count=2)
    await room.until(lambda: room.count("gaps") > gaps, "the gap is seen")
    await room.agrees()


async def exponents(room: Room) -> None:
    """``9.22885e4``."""
    await _harmless(room, "exponents", count=5)


async def null_predecessor(room: Room) -> None:
    """Snapshots name null for what was before."""
    room.scenario("null_predecessor", on=True)
    await drop(room)
    room.scenario("null_predecessor", on=False)


async def _harmless(room: Room, name: str, **arguments: Any) -> None:
    """Something that is no fault, and no reason for anything."""
    before = room.count("gaps"), room.count("checksum_failures"), room.counts().lost
    joins, letters = room.count("joins"), len(room.seen.dead_letters)
    room.scenario(name, **arguments)
    await asyncio.sleep(0.4)
    await room.agrees()
    assert (room.count("gaps"), room.count("checksum_failures"), room.counts().lost) == before
    assert (room.count("joins"), len(room.seen.dead_letters)) == (joins, letters)


def _json(**fields: object) -> str:
    return json.dumps(fields, separators=(",", ":"))


def _named(*scenarios: Scenario) -> dict[str, Scenario]:
    return {scenario.__name__: scenario for scenario in scenarios}


_CONTRACTS = ("usdm", "coinm", "swap", "futures", "linear", "inverse", "option")
_EVERYWHERE = _named(
    calm, renew, drop, duplicate, corrupt, cut, close, freeze, forget, forget_a_book, resubscribe, bad_channel
)
_OF_EXCHANGE: dict[str, dict[str, Scenario]] = {
    "binance": _named(
        shutdown,
        refused_429,
        refused_418,
        refused_503,
        stale_snapshots,
        empty_snapshots,
        late_snapshots,
        delete_unknown_level,
    ),
    "okx": _named(shutdown, heartbeat, maintenance, checksums, auction, long_auction, suspended),
    "bybit": _named(image_in_mid_stream, restart, hole, delisted, repeated_best, split_trade, few_fields),
    "kraken": _named(
        wrong_checksum, twice_in_an_update, short_zeros, thin, beyond_the_window, precision, system
    ),
    "coinbase": _named(large_image, zeros),
    "coinbase-advanced": _named(sequence_jump, large_image, zeros),
    "deribit": _named(lose_changes, exponents, null_predecessor),
}
_OF_CONTRACTS: dict[str, dict[str, Scenario]] = {
    "binance": _named(old_fields, liquidate),
    "okx": _named(liquidate),
    "bybit": _named(liquidate),
    "deribit": _named(liquidate),
}
