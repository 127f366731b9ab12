"""OKX's own metadata of its instruments (protocol page, section 5.4; the recording's answers of 2022)."""

from __future__ import annotations

from collections.abc import Sequence

from bookmill.errors import FrameError
from venues.adapter import UNREADABLE, dated
from venues.integers import whole
from venues.messages import Instrument
from venues.numbers import SCALE, ScaledNumbers
from venues.okx import wire
from venues.units import BASE, Unit

__all__ = ["parse_instruments"]

_scaled = ScaledNumbers()


def parse_instruments(body: bytes, kind: str) -> Sequence[Instrument]:
    """Instruments of that ``instType`` in an answer to ``public/instruments``; raises :class:`FrameError`."""
    try:
        answer = wire.read_instruments(body)
        if answer.code != "0":
            raise FrameError(f"OKX refuses to list its instruments: {answer.code} {answer.msg}.")
        return [_instrument(row) for row in answer.data if row.instType == kind]
    except UNREADABLE as error:
        raise FrameError(f"OKX's instruments cannot be read: {error}.") from error


def _instrument(row: wire.InstrumentRow) -> Instrument:
    """Spot names base and quote; contracts belong to a family (``BTC-USD``; only ``uly`` in 2022), what is behind it in the
    id (date, strike, C or P) tells them apart. ``SWAP`` says nothing: a family has one swap."""
    if row.baseCcy and row.quoteCcy:
        base, quote, more = row.baseCcy, row.quoteCcy, ""
    else:
        family = row.instFamily or row.uly or "-".join(row.instId.split("-")[:2])
        base, _, quote = family.partition("-")
        more = "-".join(row.instId.split("-")[2:])
    unit = _unit(row)
    return Instrument(
        wire_symbol=row.instId,
        symbol=dated(base, quote, "" if more == "SWAP" else more),
        base=base,
        quote=quote,
        tick=_number(row.tickSz),
        lot=_number(row.lotSz),
        trading=row.state == "live" and unit is not None,
        unit=unit or BASE,
        settle=row.settleCcy,
        status=row.state,
        expiry_micros=whole(row.expTime) * 1000 if row.expTime else None,
    )


def _unit(row: wire.InstrumentRow) -> Unit | None:
    """Base units of spot; ``ctVal * ctMult`` base units (linear, options) or quote currency (inverse) a contract. None: a
    contract that does not say."""
    if row.baseCcy and row.quoteCcy:
        return BASE
    size, rest = divmod(_number(row.ctVal) * _number(row.ctMult or "1"), 10**SCALE)
    if rest:
        raise FrameError(f"A contract of {row.instId} is {row.ctVal} * {row.ctMult}: too many decimals.")
    return Unit(size, inverse=row.ctType == "inverse") if size else None


def _number(text: str) -> int:
    """0 for the empty text: contracts that are not open yet leave fields empty."""
    return _scaled[text] if text else 0
