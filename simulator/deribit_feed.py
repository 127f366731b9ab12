"""Synthetic order flow as Deribit's notifications: books, trades and quotes as they happen, tickers and charts each second.

A frame nobody is subscribed to is counted, but not made.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from simulator.deribit_charts import RESOLUTIONS, Candle, Charts
from simulator.deribit_contracts import Contract, number
from simulator.deribit_texts import Texts, notification
from simulator.deribit_ticker import Ticker
from simulator.faults import call_named
from simulator.feed import Day, Level, Truth
from simulator.hub import Channel, Hub
from simulator.instruments import Instrument

__all__ = ["DeribitFeed", "Fill"]

_TRADES_KEPT = 10_000
_FIRST_TRADE_SEQ = 271_252_000


@dataclass(frozen=True)
class Fill:
    """One trade as it was told."""

    seq: int
    time_ms: int
    text: str


class DeribitFeed:
    """One contract's ``book.….100ms``, ``trades.….100ms``, ``quote.…``, ``ticker.….100ms`` and ``chart.trades.….<resolution>``."""

    truth: Callable[[], Truth]

    def __init__(self, contract: Contract, instrument: Instrument, hub: Hub) -> None:
        self.time_ms = 0
        self.contract = contract
        self.instrument = instrument
        self.charts = Charts()
        self.fills: deque[Fill] = deque(maxlen=_TRADES_KEPT)
        self.texts = Texts(contract, instrument)
        wire = contract.wire
        self._book = hub.channel(f"book.{wire}.100ms")
        self._trades = hub.channel(f"trades.{wire}.100ms")
        self._quotes = hub.channel(f"quote.{wire}")
        self._tickers = hub.channel(f"ticker.{wire}.100ms")
        self._chart = {name: hub.channel(f"chart.trades.{wire}.{name}") for name in RESOLUTIONS}
        self._new_fills: list[str] = []
        self._minute_base = 0
        self._ticker = Ticker(contract, instrument, self.texts)
        self._trade_seq = _FIRST_TRADE_SEQ
        self._shown: tuple[set[int], set[int]] | None = None
        self._lost = self._scientific = self._liquidations = 0
        self._liquidated = ""
        self._null_predecessor = False

    # What the order flow tells.

    def trade(self, trade_id: int, price: int, quantity: int, *, seller_aggressed: bool) -> None:
        """One fill; those of one order at one price come in one frame."""
        contract, texts, ticker = self.contract, self.texts, self._ticker
        amount, last_price = texts.amount(quantity), ticker.last_price
        tick_direction = 1 if price == last_price else 0 if price > last_price else 2
        ticker.last_price = price
        self._trade_seq += 1
        self._minute_base += texts.base(price, quantity)
        option = contract.market == "option"
        more = ',"iv":61.4' if option else ""
        if self._liquidations:
            self._liquidations -= 1
            more += f',"liquidation":"{self._liquidated}"'
        text = (
            f'{{"timestamp":{self.time_ms},"price":{texts.price(price)},"amount":{amount},'
            f'"direction":"{"sell" if seller_aggressed else "buy"}","index_price":{ticker.index()},'
            f'"instrument_name":"{contract.wire}","trade_seq":{self._trade_seq},"mark_price":{ticker.mark()},'
            f'"tick_direction":{tick_direction},"contracts":{amount if option else number(quantity, 0)},'
            f'"trade_id":"{"" if contract.base == "BTC" else f"{contract.base}-"}{trade_id}"'
            f"{more}}}"
        )
        self.fills.append(Fill(self._trade_seq, self.time_ms, text))
        self._new_fills.append(text)

    def aggregate(
        self,
        first_id: int,  # noqa: ARG002  the fills say all
        last_id: int,  # noqa: ARG002  same
        price: int,  # noqa: ARG002  same
        quantity: int,  # noqa: ARG002  same
        *,
        seller_aggressed: bool,  # noqa: ARG002  same
    ) -> None:
        """The frame of the fills since the last one."""
        if _wanted(self._trades):
            _publish(self._trades, f"[{','.join(self._new_fills)}]")
        self._new_fills.clear()

    def top(self, update_id: int, bid: Level, ask: Level) -> None:  # noqa: ARG002  quotes have no id
        """Best bid and ask."""
        self._ticker.top = (bid, ask)
        if _wanted(self._quotes):
            head = f'{{"timestamp":{self.time_ms},"instrument_name":"{self.contract.wire}",'
            _publish(self._quotes, f"{head}{self.texts.best(bid, ask)}}}")

    def depth(
        self,
        first_id: int,  # noqa: ARG002  a change names its predecessor
        last_id: int,
        previous_id: int,
        bids: dict[int, int],
        asks: dict[int, int],
    ) -> None:
        """The changed levels. The id is one that all contracts count on."""
        if not _wanted(self._book):
            self._shown = None
            return
        if self._shown is None:
            truth = self.truth()
            self._shown = {price for price, _ in truth.bids}, {price for price, _ in truth.asks}
        scientific, changes = self._scientific > 0, self.texts.changes
        bid_text = changes(sorted(bids.items(), reverse=True), self._shown[0], scientific=scientific)
        ask_text = changes(sorted(asks.items()), self._shown[1], scientific=scientific)
        self._scientific -= scientific
        if self._lost:
            self._lost -= 1
            return
        _publish(
            self._book,
            f'{{"timestamp":{self.time_ms},"type":"change","change_id":{last_id},'
            f'"instrument_name":"{self.contract.wire}","bids":[{bid_text}],"asks":[{ask_text}],'
            f'"prev_change_id":{previous_id}}}',
        )

    def second(self, day: Day) -> None:
        """The ticker, and the candles at hand."""
        bar = day.minute
        cost = bar.volume_lots if self.contract.inverse else bar.turnover
        self.charts.add(Candle.of(bar, self._minute_base, cost), closed=bar.closed)
        self._ticker.day, self._ticker.base = day, self.charts.volume()
        if bar.closed:
            self._minute_base = 0
        for name, channel in self._chart.items():
            if _wanted(channel) and (candle := self.charts.now(RESOLUTIONS[name])):
                _publish(channel, self._candle(candle))
        if _wanted(self._tickers):
            _publish(self._tickers, f"{{{self.ticker()}}}")

    # What a new subscriber is told first.

    def image(self) -> bytes:
        """Every level of the book."""
        truth, levels = self.truth(), self.texts.levels
        before = ',"prev_change_id":null' if self._null_predecessor else ""
        return notification(
            self._book.name,
            f'{{"timestamp":{self.time_ms},"type":"snapshot","change_id":{truth.update_id},'
            f'"instrument_name":"{self.contract.wire}","bids":[{levels(truth.bids)}],"asks":[{levels(truth.asks)}]{before}}}',
        )

    def first_ticker(self) -> bytes:
        """The ticker as it stands."""
        return notification(self._tickers.name, f"{{{self.ticker()}}}")

    # Scripted misbehaviour.

    def scenario(self, name: str, **arguments: Any) -> None:
        """``lose_changes`` (count), ``exponents`` (count), ``liquidate`` (count, whose), ``null_predecessor`` (on)."""
        known: dict[str, Callable[..., None]] = {
            "lose_changes": self._lose_changes,
            "exponents": self._write_exponents,
            "liquidate": self._liquidate,
            "null_predecessor": self._name_null,
        }
        call_named("scenario", known, name, arguments)

    def _lose_changes(self, count: int = 1) -> None:
        """The next book changes are not sent: what follows names an id that nobody was told."""
        self._lost += count

    def _write_exponents(self, count: int = 1) -> None:
        """The next book changes write all their numbers with an exponent: ``9.22885e4``."""
        self._scientific += count

    def _liquidate(self, count: int = 1, whose: str = "T") -> None:
        """The next fills are liquidations of the maker (M), the taker (T) or both (MT)."""
        self._liquidations, self._liquidated = count, whose

    def _name_null(self, *, on: bool = True) -> None:
        """Snapshots say ``"prev_change_id":null``, as some fixtures have it, or leave the field out."""
        self._null_predecessor = on

    # The texts of which answers are made, too.

    def ticker(self, best: tuple[Level, Level] | None = None) -> str:
        """The fields of a ticker. ``best`` are the levels to show, else those of the last quote."""
        best = best or self._ticker.top
        if best is None:
            truth = self.truth()
            best = truth.bids[0], truth.asks[0]
        return self._ticker.fields(self.time_ms, best)

    def order_book(self, update_id: int, bids: Sequence[Level], asks: Sequence[Level]) -> str:
        """The fields of ``get_order_book``: a ticker with levels in pairs."""
        pairs = self.texts.pairs
        best = (bids[0], asks[0]) if bids and asks else ((0, 0), (0, 0))
        return f'{self.ticker(best)},"change_id":{update_id},"bids":[{pairs(bids)}],"asks":[{pairs(asks)}]'

    def columns(self, candles: Sequence[Candle]) -> dict[str, list[str]]:
        """Candles as numbers, by what they are."""
        price, volume = self.texts.price, self.texts.volume
        return {
            "open": [price(candle.open) for candle in candles],
            "high": [price(candle.high) for candle in candles],
            "low": [price(candle.low) for candle in candles],
            "close": [price(candle.close) for candle in candles],
            "volume": [volume(candle.volume) for candle in candles],
            "cost": [self.texts.money(candle.cost, candle.cost) for candle in candles],
        }

    def _candle(self, candle: Candle) -> str:
        columns = ",".join(f'"{name}":{values[0]}' for name, values in self.columns([candle]).items())
        return f'{{"tick":{candle.start_ms},{columns}}}'


def _publish(channel: Channel, data: str) -> None:
    channel.publish(notification(channel.name, data))


def _wanted(channel: Channel) -> bool:
    """Whether anybody is subscribed; else the frame is counted at once."""
    if channel.subscribers:
        return True
    channel.published += 1
    channel.unsent += 1
    return False
