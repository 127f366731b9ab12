"""Live state in the forms of the API; REST and websocket say the same by these."""

from __future__ import annotations

from typing import Any

from bookmill.times import iso
from gateway.forms import decimal_text
from gateway.instrument import Instrument
from gateway.live import LiveState
from gateway.presenting import present
from schemas.catalogue import CONSOLIDATED, DERIVATIVES, SPREADS, TICKERS, TRADES, Topic
from schemas.fields import Event
from schemas.market_kinds import market_kind

__all__ = ["age", "aged", "consolidated", "derivative", "latest_spread", "price", "spread", "ticker", "trade"]


def age(received_us: int, now_us: int, stale_after_us: int, *, live: bool = True) -> dict[str, Any]:
    """``age_ms`` and ``stale``; what is not ``live`` is stale at any age."""
    old_us = max(0, now_us - received_us)
    return {"age_ms": old_us // 1000, "stale": not live or old_us > stale_after_us}


def aged(topic: Topic, event: Event, now_us: int, stale_after_us: int) -> dict[str, Any]:
    """An event with its age."""
    return {**present(topic, event), **age(event["receive_time"], now_us, stale_after_us)}


def price(instrument: Instrument, now_us: int, stale_after_us: int) -> dict[str, Any] | None:
    """The best bid and ask that are known; None while there are none.

    Those of the built book where it is live and not stale, else whichever is newer: the exchange's own, or the book's.
    """
    event = latest_spread(instrument, now_us, stale_after_us)
    if event is None:
        return None
    of_book = event["origin"] == "book"
    state = (instrument.book_state if of_book else None) or event["state"]
    heard_us = _heard_us(instrument, event)
    last = _last_price(instrument)
    return {
        "instrument": instrument.key,
        "exchange": instrument.exchange,
        "market": instrument.market,
        "symbol": instrument.symbol,
        "bid_price": decimal_text(event["bid_price"]),
        "bid_quantity": decimal_text(event["bid_quantity"]),
        "ask_price": decimal_text(event["ask_price"]),
        "ask_quantity": decimal_text(event["ask_quantity"]),
        "mid": decimal_text(event["mid"]),
        "spread": decimal_text(event["spread"]),
        "spread_bps": decimal_text(event["spread_bps"]),
        "last_price": decimal_text(last),
        "state": state,
        "origin": event["origin"],
        "receive_time": iso(heard_us),
        "receive_time_us": heard_us,
        **age(heard_us, now_us, stale_after_us, live=state == "live"),
    }


def latest_spread(instrument: Instrument, now_us: int, stale_after_us: int) -> Event | None:
    """The event of ``spreads`` that tells the best prices now."""
    book, own = instrument.spreads.get("book"), instrument.spreads.get("ticker")
    if book is None or own is None:
        return book or own
    if instrument.book_state == "live" and now_us - _heard_us(instrument, book) <= stale_after_us:
        return book
    return book if _heard_us(instrument, book) > own["receive_time"] else own


def ticker(instrument: Instrument, now_us: int, stale_after_us: int) -> dict[str, Any] | None:
    """The newest event of ``tickers``; None while there is none."""
    event = instrument.ticker
    return None if event is None else aged(TICKERS, event, now_us, stale_after_us)


def derivative(instrument: Instrument, now_us: int, stale_after_us: int) -> dict[str, Any] | None:
    """What is known of mark price, funding and open interest, each as it was said last; None while nothing is."""
    event = instrument.derivative
    return None if event is None else aged(DERIVATIVES, event, now_us, stale_after_us)


def spread(event: Event, now_us: int, stale_after_us: int) -> dict[str, Any]:
    """One event of ``spreads`` with its age."""
    return aged(SPREADS, event, now_us, stale_after_us)


def consolidated(live: LiveState, event: Event, now_us: int, stale_after_us: int) -> dict[str, Any]:
    """An event of ``consolidated`` with the live books behind it, best bid first."""
    kind = event["kind"]
    venues = [
        (each, book)
        for each in live.by_symbol.get(event["symbol"], ())
        if market_kind(each.market, each.symbol) == kind
        and (book := latest_spread(each, now_us, stale_after_us)) is not None
        and _can_be_trusted(each, book, now_us, stale_after_us)
    ]
    venues.sort(key=lambda found: -(found[1]["bid_price"] or 0))
    shown = aged(CONSOLIDATED, event, now_us, stale_after_us)
    del shown["event_id"]
    return {
        **shown,
        "venues": [
            {
                "exchange": each.exchange,
                "market": each.market,
                "bid_price": decimal_text(book["bid_price"]),
                "ask_price": decimal_text(book["ask_price"]),
                "age_ms": age(_heard_us(each, book), now_us, stale_after_us)["age_ms"],
            }
            for each, book in venues
        ],
    }


def trade(event: Event) -> dict[str, Any]:
    """One trade."""
    return present(TRADES, event)


def _can_be_trusted(instrument: Instrument, event: Event, now_us: int, stale_after_us: int) -> bool:
    state = (instrument.book_state if event["origin"] == "book" else None) or event["state"]
    return state == "live" and now_us - _heard_us(instrument, event) <= stale_after_us


def _heard_us(instrument: Instrument, event: Event) -> int:
    """When the best prices of ``event`` were last known to hold: a quiet book tells of itself all the same."""
    received_us: int = event["receive_time"]
    newest = instrument.newest_of_book
    if event["origin"] == "book" and newest is not None:
        received_us = max(received_us, newest["receive_time"])
    return received_us


def _last_price(instrument: Instrument) -> int | None:
    """Of the last trade, or as the ticker says where that is newer."""
    trade, ticker = instrument.last_trade, instrument.ticker
    if trade is None or ticker is None:
        return trade["price"] if trade else ticker["last_price"] if ticker else None
    newer: int = trade["price"] if trade["receive_time"] >= ticker["receive_time"] else ticker["last_price"]
    return newer
