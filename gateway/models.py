"""What the documentation says of live state that is no event: the forms of :mod:`gateway.views` and of the gateway itself."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from gateway.event_models import Exact, Model, Moment, MomentUs

__all__ = [
    "BookDepth",
    "BookHealth",
    "BookStats",
    "BookView",
    "CollectorView",
    "Consolidated",
    "Dependency",
    "Exchange",
    "Health",
    "Lag",
    "Listed",
    "MarketCount",
    "Part",
    "Price",
    "Stats",
    "Status",
    "TableStats",
    "TopicStats",
    "Venue",
]

_State = Literal["live", "resyncing", "stale", "degraded"]
_INSTRUMENT = Field(examples=["binance.spot.BTC-USDT"])
_AGE = Field(description="Milliseconds since the frame was received.")
_STALE = Field(description="Older than `gateway.stale_after_s`, or of a book that is not live.")


class _OfInstrument(Model):
    instrument: str = _INSTRUMENT
    exchange: str = Field(examples=["binance"])
    market: str = Field(examples=["spot"])
    symbol: str = Field(examples=["BTC-USDT"])


class Price(_OfInstrument):
    """Best bid and ask of one instrument."""

    bid_price: Exact | None
    bid_quantity: Exact | None
    ask_price: Exact | None
    ask_quantity: Exact | None
    mid: Exact | None
    spread: Exact | None
    spread_bps: Exact | None
    last_price: Exact | None = Field(description="Of the last trade, or as the ticker says.")
    state: _State = Field(description="Of the book behind it; only live can be trusted.")
    origin: Literal["book", "ticker"] = Field(
        description="The built book, or the exchange's own best bid and ask."
    )
    receive_time: Moment
    receive_time_us: MomentUs
    age_ms: int = _AGE
    stale: bool = _STALE


class BookDepth(Model):
    """How many levels there are, and where they come from."""

    bids: int
    asks: int
    source: Literal["book_updates", "book_snapshots"] = Field(
        description="`book_updates`: the whole book; `book_snapshots`: its best levels."
    )


class BookView(_OfInstrument):
    """A book, or the best of it."""

    state: _State
    update_id: int | None
    epoch: str | None = Field(description="Of this run of the gateway; null of a snapshot.")
    seq: int | None = Field(
        description="Counts the changes of this book within the epoch; null of a snapshot."
    )
    depth: BookDepth
    bids: list[tuple[Exact, Exact]] = Field(description="Price and quantity in base units, best first.")
    asks: list[tuple[Exact, Exact]] = Field(description="Price and quantity in base units, best first.")
    mid: Exact | None
    spread: Exact | None
    spread_bps: Exact | None
    receive_time: Moment
    receive_time_us: MomentUs
    age_ms: int = _AGE
    stale: bool = _STALE


class BookStats(Model):
    """How much stands in a book."""

    instrument: str = _INSTRUMENT
    levels_bid: int
    levels_ask: int
    bid_volume: Exact = Field(description="Of the best 20 levels, in base units.")
    ask_volume: Exact = Field(description="Of the best 20 levels, in base units.")
    imbalance: Exact | None = Field(
        description="(bid_volume - ask_volume) / (bid_volume + ask_volume): -1 to 1."
    )
    mid: Exact | None
    spread_bps: Exact | None
    depth_10bps_bid: Exact | None = Field(description="In quote units, down to 10 basis points below mid.")
    depth_10bps_ask: Exact | None = Field(description="In quote units, up to 10 basis points above mid.")
    depth_50bps_bid: Exact | None
    depth_50bps_ask: Exact | None
    updates_per_s: float = Field(description="Over the last ten seconds.")


class BookHealth(Model):
    """Whether a book can be trusted."""

    instrument: str = _INSTRUMENT
    state: _State
    crossed: bool = Field(description="Best bid at or above best ask, as of now.")
    age_ms: int = _AGE
    stale: bool = _STALE
    open_gaps: int = Field(description="Of all its streams.")
    last_gap: dict[str, Any] | None = Field(description="The one that opened last, as in `gaps`.")
    resyncs: int = Field(description="How often it was lost and found again since the gateway runs.")


class Listed(_OfInstrument):
    """An instrument as its exchange lists it. Null: nobody has told."""

    wire_symbol: str | None = Field(description="The exchange's own spelling.", examples=["BTCUSDT"])
    base: str | None
    quote: str | None
    status: str | None = Field(description="The exchange's own word; `unlisted` where it lists it no more.")
    tick_size: Exact | None
    lot_size: Exact | None
    contract_size: Exact | None
    state: _State | None = Field(description="Of its book; null without one.")
    collecting: bool


class MarketCount(Model):
    """One market of an exchange."""

    market: str = Field(examples=["spot"])
    instruments: int = Field(description="Listed.")
    live: int = Field(description="With data that is not stale.")
    collecting: int


class Exchange(Model):
    """An exchange and its markets."""

    exchange: str = Field(examples=["binance"])
    markets: list[MarketCount]


class Venue(Model):
    """One book behind the consolidated best prices."""

    exchange: str
    market: str
    bid_price: Exact | None
    ask_price: Exact | None
    age_ms: int = _AGE


class Consolidated(Model):
    """The best bid and ask of a symbol over all live books of a kind."""

    symbol: str = Field(examples=["BTC-USDT"])
    kind: str = Field(description="spot, perpetual, future or option.")
    bid_price: Exact | None
    bid_quantity: Exact | None
    bid_exchange: str | None
    bid_market: str | None
    ask_price: Exact | None
    ask_quantity: Exact | None
    ask_exchange: str | None
    ask_market: str | None
    mid: Exact | None
    spread: Exact | None
    spread_bps: Exact | None
    cross_bps: Exact | None = Field(
        description="Best bid of one exchange above best ask of another, in basis points."
    )
    receive_time: Moment
    receive_time_us: MomentUs
    age_ms: int = _AGE
    stale: bool = _STALE
    venues: list[Venue]


class Dependency(Model):
    """One whom the gateway stands on."""

    ok: bool
    message: str | None


class Lag(Model):
    """How far the gateway is behind."""

    records: int | None
    caught_up: bool = Field(description="Whether all that there was at its start has been read.")


class Health(Model):
    """Whether the gateway can be asked."""

    part: str
    live: bool
    ready: bool
    problems: dict[str, str]
    dependencies: dict[str, Dependency]
    lag: Lag
    version: str
    uptime_s: float


class Part(Model):
    """A producer, worker, sink or watcher."""

    address: str
    part: str | None
    ok: bool
    problems: dict[str, str]
    statistics: dict[str, Any] | None


class CollectorView(Model):
    """A producer that shares the instruments of `control.subscriptions`."""

    producer: str
    partitions: list[int]
    instruments: list[str]


class Status(Model):
    """The gateway and everything it knows of the other parts."""

    version: str
    uptime_s: float
    gateway: dict[str, Any] = Field(
        description="clients, subscriptions, events_per_s, lag, buffers, memory_mib, latency_ms …"
    )
    parts: list[Part]
    collectors: list[CollectorView]
    counters: dict[str, Any] = Field(
        description="Since the gateway runs: events by topic, requests by status …"
    )


class TopicStats(Model):
    """Events of one topic, as they came here."""

    per_s: float = Field(description="Over the last ten seconds.")
    total: int = Field(description="Since the gateway runs.")
    seconds: list[tuple[int, int]] = Field(
        description="Each of the last seconds (since the epoch) and its events."
    )


class TableStats(Model):
    """One table."""

    table: str
    rows: int
    bytes: int = Field(description="On disk.")
    oldest: Moment | None
    oldest_us: MomentUs | None
    newest: Moment | None
    newest_us: MomentUs | None


class Stats(Model):
    """How much comes, and how much there is."""

    events: dict[str, TopicStats]
    tables: list[TableStats]
