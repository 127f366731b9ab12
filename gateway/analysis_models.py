"""What the documentation says of analyses: their forms. Each field of the rows is explained in docs/analysis.md."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

__all__ = ["InstrumentsView", "ProfileView", "SpreadsView", "VenuesView"]

_Rows = list[dict[str, Any]]


class _Span(BaseModel):
    since: str = Field(examples=["2026-01-05T10:00:00.000000Z"])
    since_us: int
    until: str = Field(description="Exclusive.", examples=["2026-01-05T11:00:00.000000Z"])
    until_us: int


class InstrumentsView(_Span):
    """One row an instrument."""

    instruments: _Rows


class SpreadsView(InstrumentsView):
    """One row an instrument and origin (`book`, `ticker`), and one for each of these and hour of the day."""

    hours: _Rows


class VenuesView(_Span):
    """One row a venue of a symbol, and one for each two of them."""

    venues: _Rows
    differences: _Rows


class _Bucket(BaseModel):
    low_price: str
    high_price: str = Field(description="Exclusive.")
    volume: str


class ProfileView(_Span):
    """Volume by price."""

    instrument: str = Field(examples=["binance.spot.BTC-USDT"])
    exchange: str
    market: str
    symbol: str
    step: str = Field(description="Width of a bucket.")
    tick: str | None = Field(description="As the exchange said last.")
    volume: str
    quote_volume: str
    trades: int
    vwap: str
    low_price: str
    high_price: str
    poc: _Bucket
    value_area: _Bucket
    buckets: _Rows
