"""What the documentation says of what comes out of ClickHouse, and of what is collected."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gateway.event_models import Exact, Model, Moment, MomentUs

__all__ = ["CandleView", "CompletenessView", "GapView", "SubscriptionView", "SummaryView"]

_INSTRUMENT = Field(examples=["binance.spot.BTC-USDT"])


class _OfInstrument(Model):
    instrument: str = _INSTRUMENT
    exchange: str = Field(examples=["binance"])
    market: str = Field(examples=["spot"])
    symbol: str = Field(examples=["BTC-USDT"])


class CandleView(Model):
    """One bar."""

    open_time: Moment
    open_time_us: MomentUs
    open: Exact
    high: Exact
    low: Exact
    close: Exact
    volume: Exact | None = Field(description="In base units; null where the exchange does not say it.")
    quote_volume: Exact | None = Field(description="In quote units; null where the exchange does not say it.")
    trades: int | None = Field(description="How many; null where the exchange does not say it.")
    closed: bool = Field(description="False while it may still change.")
    source: Literal["venue", "trades"] = Field(description="The exchange's own, or built from trades.")
    built_from: str | None = Field(
        description="The interval of the exchange's bars that it is put together from; null of its own and of built ones.",
        examples=["1m"],
    )


class SummaryView(_OfInstrument):
    """The last 24 hours of an instrument. Null: not known."""

    last: Exact | None
    change: Exact | None = Field(description="Of the price, over 24 hours.")
    change_percent: Exact | None = Field(examples=["-0.480665971884932848"])
    high: Exact | None
    low: Exact | None
    volume: Exact | None = Field(description="In base units.")
    quote_volume: Exact | None = Field(description="In quote units.")
    trades: int | None
    source: Literal["ticker", "trades"] | None = Field(
        description="The exchange's own figures, or counted here."
    )
    covered_s: int | None = Field(
        description="How far back the figures go: less than a day where trades do.", examples=[86_400]
    )
    spread_bps: Exact | None
    state: Literal["live", "resyncing", "stale", "degraded"] | None = Field(description="Of its best prices.")


class GapView(_OfInstrument):
    """One gap as it stands."""

    stream: str = Field(description="What is not whole.", examples=["book"])
    cause: str = Field(examples=["sequence"])
    gap: str = Field(
        description="The event id of what opened it.",
        examples=["raw.binance.spot/3/00000000000000000912/000001"],
    )
    state: Literal["open", "given up", "superseded", "closed"]
    expected: str | None
    seen: str | None
    missed: int | None = Field(description="Numbers that are missing; null where nothing counts.")
    attempts: int
    healed: str = Field(examples=["snapshot"])
    complete: bool
    opened_time: Moment
    opened_time_us: MomentUs
    closed_time: Moment | None
    closed_time_us: MomentUs | None
    over_time: Moment | None = Field(description="When it was over at the latest; null while it is open.")
    over_time_us: MomentUs | None


class CompletenessView(Model):
    """How complete one instrument is."""

    instrument: str = _INSTRUMENT
    gaps: int
    book_percent: Exact | None = Field(
        description="Part of the time its book was live.", examples=["99.9985"]
    )
    trades: int = Field(description="Stored.")
    missing: int = Field(description="Known to be missing.")
    trades_percent: Exact | None = Field(
        description="Part of its trades that is stored.", examples=["99.9985"]
    )


class SubscriptionView(_OfInstrument):
    """Whether an instrument shall be collected, and how that stands."""

    on: bool
    channels: list[str] = Field(description="Only these; empty: what the producers' settings say.")
    asked_by: str = Field(examples=["gateway key:operator"])
    asked_time: Moment
    asked_time_us: MomentUs
    collector: str | None = Field(description="The producer that collects it, or shall.")
    state: Literal["collected", "stopped", "pending"]
    why: str | None = Field(description="Why it is pending.")
