"""Cases about connections: what is asked for, where a frame belongs, what is answered, what is refused."""

from __future__ import annotations

from websockets.uri import parse_uri

from tests.conformance.material import Material
from venues.interface import CHANNELS, Route, StreamOptions, Venue

__all__ = ["keep_alive", "limits", "odd_symbols", "refusal", "routing"]

_INTERVALS = ("1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "12h", "1d", "1w")
_MANY = 1200


def _planned(venue: Venue, wire_symbol: str) -> set[Route]:
    """All streams an instrument can have."""
    options = [StreamOptions(CHANNELS, aggregated, _INTERVALS) for aggregated in (False, True)]
    return {route for one in options for plan in venue.plan([wire_symbol], one) for route in plan.routes}


def routing(material: Material) -> None:
    """Samples go where the plan expects them, also when asked twice; frames without market data go nowhere."""
    venue = material.venue()
    for sample in material.samples:
        assert venue.route(sample.frame) == sample.route, sample.frame
        assert venue.route(sample.frame) == sample.route
        assert sample.route in _planned(venue, sample.route.wire_symbol)
    for control in material.controls:
        assert venue.route(control.frame) is None, control.frame
        said = venue.control(control.frame)
        assert said.kind == control.kind, control.frame
        assert control.error in (said.error or "")
        assert (said.reply is not None) == control.reply


def keep_alive(material: Material) -> None:
    """Often enough by what the documents say, and the exchange's answer is known for one."""
    documented, told = material.documented.keep_alive_s, material.keep_alive
    replies = [control for control in material.controls if control.reply]
    assert replies or documented is not None
    if documented is not None:
        assert told is not None
        assert told.every_s < documented
        assert material.keep_alive_answer is not None
        assert material.venue().control(material.keep_alive_answer).kind == "alive"


def limits(material: Material) -> None:
    """A whole market with all channels: nothing twice, nothing left out, no message or connection too large."""
    venue, documented = material.venue(), material.documented
    symbols = [material.numbered(number) for number in range(_MANY)]
    for wanted in (StreamOptions(), StreamOptions(CHANNELS, kline_intervals=_INTERVALS)):
        plans = venue.plan(symbols, wanted)
        routes = [route for plan in plans for route in plan.routes]
        assert len(routes) == len(set(routes))
        assert {route.wire_symbol for route in routes} == set(symbols)
        for plan in plans:
            assert plan.rare <= set(plan.routes)
            messages = material.asked(plan)
            asked = [stream for message in messages for stream in message]
            assert len(asked) == len(set(asked))
            for most, found in (
                (documented.streams_per_connection, len(asked)),
                (documented.streams_per_request, max(map(len, messages))),
                (documented.characters_asked, sum(map(len, asked))),
                (documented.requests_per_connection, len(plan.requests)),
            ):
                assert most is None or found <= most
    for most_per_s, ours in (
        (documented.requests_per_s, venue.limits.requests_per_s),
        (documented.session_s, venue.limits.session_s),
    ):
        assert most_per_s is None or ours <= most_per_s


def refusal(material: Material) -> None:
    """The exchange's answers name the bad instrument's streams and no other, and the good one's frames are read as ever."""
    refusal, venue = material.refusal, material.venue()
    assert refusal is not None
    options = StreamOptions(tuple(channel for channel in CHANNELS if channel in venue.channels))
    plans = venue.plan(refusal.wire_symbols, options)
    routes = {route for plan in plans for route in plan.routes}
    refused: set[Route] = set()
    for plan in plans:
        for frame in refusal.answers(plan):
            assert venue.route(frame) is None
            said = venue.control(frame)
            assert said.kind in {"ack", "error"}, said
            refused |= set(said.refused)
    assert refused
    assert refused <= routes
    assert {route.wire_symbol for route in refused} == {refusal.bad}
    [good] = set(refusal.wire_symbols) - {refusal.bad}
    frame = material.trade(good, "10", "1", "BUY")
    route = venue.route(frame)
    assert route is not None
    assert route.wire_symbol == good
    assert venue.decode(route.channel, frame)


def odd_symbols(material: Material) -> None:
    """The wire symbol is what the exchange spells, to the byte: in plans, in addresses that can be sent, in routes."""
    venue = material.venue()
    names = {one.wire_symbol: one.symbol for one in venue.parse_instruments(material.instruments)}
    for wire_symbol, symbol in material.odd_symbols:
        route = venue.route(material.trade(wire_symbol, "10", "1", "SELL"))
        assert route is not None
        assert route.wire_symbol == wire_symbol
        assert names[wire_symbol] == symbol
        for plan in venue.plan([wire_symbol], StreamOptions()):
            assert plan.wire_symbols == {wire_symbol}
            assert parse_uri(venue.websocket_url + plan.path).resource_name.isascii()
            for text in plan.requests:
                text.encode()
