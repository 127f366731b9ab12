"""Cases about what frames say: channels, units, sides, times and numbers."""

from __future__ import annotations

import pytest

from bookmill.errors import FrameError
from schemas.catalogue import TRADES
from tests.conformance.book_cases import begun
from tests.conformance.material import Material, micros, scaled
from tests.conformance.reader import partition, read_event, record
from venues.interface import TradeSpan, Venue
from venues.messages import Side, Trade
from venues.units import unit

__all__ = ["decoding", "past_trades", "scientific", "sides", "times", "units", "zeros"]

_SIDES: tuple[Side, ...] = ("BUY", "SELL")


def decoding(material: Material) -> None:
    """There is a sample of every channel the market offers, and each gives its messages and no other."""
    venue = material.venue()
    for sample in material.samples:
        assert tuple(venue.decode(sample.route.channel, sample.frame)) == sample.messages, sample.source
    assert {sample.channel for sample in material.samples} == venue.channels
    by_symbol = {one.wire_symbol: one for one in venue.parse_instruments(material.instruments)}
    for listed in material.listed:
        one = by_symbol[listed.wire_symbol]
        assert (one.symbol, one.tick, one.lot) == (listed.symbol, scaled(listed.tick), scaled(listed.lot))
        assert (one.trading, one.unit.text, one.settle) == (listed.trading, listed.unit, listed.settle)
        assert one.status == listed.status
        assert one.expiry_micros == (micros(listed.expires) if listed.expires else None)
    assert [one.wire_symbol for one in material.listed] == list(by_symbol)


def units(material: Material) -> None:
    """The unit the metadata give, and with it the quantity of a trade's event, and beside it the exchange's own."""
    instruments = {one.wire_symbol: one for one in material.venue().parse_instruments(material.instruments)}
    for wire_symbol, quantity, price, base in material.units:
        one = instruments[wire_symbol].unit
        assert one.base(scaled(quantity), scaled(price)) == scaled(base)
        assert unit(one.text) == one
        assert material.venue().contracts or not one.contracts
        frame = material.trade(wire_symbol, price, quantity, "BUY")
        route = material.venue().route(frame)
        assert route is not None
        work = partition(material).process([record(material, 0, route.channel, frame, unit=one.text)])
        [(_, value, _)] = work.events.trades
        event = read_event(TRADES, value)
        assert event["quantity"] * 10**18 == scaled(base)
        assert (event["contracts"] is not None) == one.contracts
        if one.contracts:
            assert event["contracts"] * 10**18 == scaled(quantity)


def sides(material: Material) -> None:
    """Who takes, whatever the frame names: the maker, the buyer, a flag."""
    venue = material.venue()
    for side in _SIDES:
        frame = material.trade(material.wire_symbol, "10", "1", side)
        route = venue.route(frame)
        assert route is not None
        trades = [one for one in venue.decode(route.channel, frame) if isinstance(one, Trade)]
        assert [one.side for one in trades] == [side]


def past_trades(material: Material) -> None:
    """Id, price, quantity, side and time are the same, and the way to it leads there and no further."""
    venue, wire_symbol = material.venue(), material.wire_symbol
    for side in _SIDES:
        trade = _told(material, venue, side)
        body = material.past.answer(wire_symbol, "92.5", "3", side)
        assert list(venue.decode_backfill(body)) == [trade]
        assert trade.exchange_time_micros is not None
        number, time_micros = material.past.number, trade.exchange_time_micros
        span = TradeSpan(number, number, time_micros - 1000, time_micros + 1000)
        way = venue.backfill(wire_symbol, span, aggregated=False, has_key=True)
        request = way.request()
        assert request is not None
        assert request.path == material.past.path
        assert wire_symbol in request.path or wire_symbol in request.params.values()
        assert (way.take(body), way.request(), way.complete, way.reason) == (1, None, True, "")
    torn = [body[:cut] for cut in range(1, len(body), 9)]
    for refusal in (*material.past.refusals, *torn, b"", b"<html>", b"null", b'{"data":1}', b"\xff"):
        with pytest.raises(FrameError):
            venue.decode_backfill(refusal)
        way = venue.backfill(wire_symbol, span, aggregated=False, has_key=True)
        with pytest.raises(FrameError):
            way.take(refusal)
        assert (way.request(), way.complete) == (None, False)


def _told(material: Material, venue: Venue, side: Side) -> Trade:
    frame = material.trade(material.wire_symbol, "92.5", "3", side)
    route = venue.route(frame)
    assert route is not None
    [trade] = venue.decode(route.channel, frame)
    assert isinstance(trade, Trade)
    return trade


def times(material: Material) -> None:
    """Of the exchange, not of us: milliseconds, nanoseconds or text become microseconds."""
    venue = material.venue()
    assert material.times
    for channel, frame, rfc3339 in material.times:
        messages = venue.decode(channel, frame)
        assert messages
        found = [getattr(one, "exchange_time_micros", None) for one in messages]
        assert found == [micros(rfc3339)] * len(messages), frame


def scientific(material: Material) -> None:
    """Neither a price nor a quantity loses a digit to an exponent, and equal prices are one level however they are written."""
    script, reader = begun(material)
    reader.take(script.change([("9.65e1", "1e-05"), ("2.2e1", "1.423e-4")], [("1.205E2", "2.2e3")]))
    assert reader.stands_as(script)
    reader.take(script.change([("96.50", "0")], [("120.5", "1")]))
    assert reader.stands_as(script)
    venue = material.venue()
    frame = material.trade(material.wire_symbol, "9.2E4", "1.423e-4", "BUY")
    route = venue.route(frame)
    assert route is not None
    [trade, *_] = venue.decode(route.channel, frame)
    assert isinstance(trade, Trade)
    assert (trade.price, trade.quantity) == (92_000 * 10**18, 142_300_000_000_000)


def zeros(material: Material) -> None:
    """A quantity of nothing removes the level."""
    script, reader = begun(material)
    for zero in ("0", "0.0", "0.00000000", "0e-8", "0E+2", "-0"):
        reader.take(script.change([("95.5", "1")], [("105.5", "1")]))
        reader.take(script.change([("95.5", zero)], [("105.50", zero)]))
        assert reader.stands_as(script)
