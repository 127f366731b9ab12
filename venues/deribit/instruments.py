"""Deribit's ``get_instruments`` as instruments: names by its own currencies, units by its own contract type.

Amounts are US dollars where the contract is ``reversed`` (inverse) and no option, else base units (protocol page, sections
2.3 and 9). Wire names carry ``_`` between base and quote exactly where the contract is linear: all 1,017 recorded listings do (none of an option is linear).
"""

from __future__ import annotations

from bookmill.errors import FrameError
from venues.adapter import UNREADABLE, dated
from venues.deribit import wire
from venues.messages import Instrument
from venues.numbers import SCALE, ScaledNumbers, plain_text
from venues.times import yymmdd
from venues.units import BASE, Unit

__all__ = ["DOLLARS", "inverse", "listed", "parse"]

DOLLARS = Unit(10**SCALE, inverse=True)

_PERPETUAL = "perpetual"
_SIDES = {"call": "C", "put": "P"}
_numbers = ScaledNumbers()


def inverse(wire_symbol: str) -> bool:
    """Whether a perpetual or future of that name counts US dollars: ``BTC-PERPETUAL`` does, ``BTC_USDC-PERPETUAL`` does not."""
    return "_" not in wire_symbol


def parse(body: bytes, market: str) -> list[Instrument]:
    """The instruments of ``swap``, ``futures`` or ``option``; raises :class:`FrameError`.

    A contract that is neither linear nor reversed is passed over: what its amounts are would be a guess.
    """
    try:
        listings = wire.read_listings(body).result
        return [
            _instrument(one, market)
            for one in listings
            if listed(one) == market and _contract(one) is not None
        ]
    except UNREADABLE as error:
        raise FrameError(f"Deribit's get_instruments cannot be read: {error}.") from error


def listed(one: wire.Listing) -> str:
    """The market it belongs to; empty for combos and spot."""
    if one.kind == "future":
        return "swap" if one.settlement_period == _PERPETUAL else "futures"
    return "option" if one.kind == "option" else ""


def _contract(one: wire.Listing) -> bool | None:
    """Whether it is inverse; None where it is something else than linear or reversed."""
    said = one.instrument_type or one.future_type
    if not said:  # before 2022: all were reversed, and quoted in USD or, options, in the base currency
        return one.quote_currency in ("USD", one.base_currency)
    return {"reversed": True, "linear": False}.get(said)


def _instrument(one: wire.Listing, market: str) -> Instrument:
    quote, more = one.quote_currency, []
    if market == "option":
        # Premiums of reversed options are quoted in the base currency; what the strike is in names the pair.
        quote = one.counter_currency or (quote if quote != one.base_currency else "USD")
        more = [yymmdd(one.expiration_timestamp), _strike(one), _side(one)]
    elif market == "futures":
        more = [yymmdd(one.expiration_timestamp)]
    return Instrument(
        wire_symbol=one.instrument_name,
        symbol=dated(one.base_currency, quote, *more),
        base=one.base_currency,
        quote=quote,
        tick=_required(one, "tick_size", one.tick_size),
        lot=_required(one, "min_trade_amount", one.min_trade_amount),
        trading=one.is_active and one.state in ("", "open"),
        unit=DOLLARS if _contract(one) and market != "option" else BASE,
        settle=one.settlement_currency or (one.base_currency if _contract(one) else quote),
        status=one.state or ("active" if one.is_active else "inactive"),
        expiry_micros=None if market == "swap" else one.expiration_timestamp * 1000,
    )


def _required(one: wire.Listing, name: str, number: wire.Number) -> int:
    written = wire.text(number)
    if written is None:
        raise FrameError(f"Deribit lists {one.instrument_name} without {name}.")
    return _numbers[written]


def _strike(one: wire.Listing) -> str:
    return plain_text(_required(one, "strike", one.strike))


def _side(one: wire.Listing) -> str:
    try:
        return _SIDES[one.option_type]
    except KeyError:
        raise FrameError(
            f"Deribit's option {one.instrument_name} is neither a call nor a put: {one.option_type!r}."
        ) from None
