"""Synthetic order flow as frames of Coinbase's Exchange feed (protocol page, section 8.1)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from simulator.coinbase_ledger import Fill, Ledger, count_unsent, far_levels, micros_time
from simulator.faults import call_named
from simulator.feed import Day, Level, Truth
from simulator.hub import Hub
from simulator.instruments import Instrument

__all__ = ["ExchangeFeed"]

_MAKER = "f07e510f-4edf-469d-b844-{:012x}"
_TAKER = "e6f50944-3e2a-439e-ae49-{:012x}"


class ExchangeFeed:
    """One product's ``level2_batch``, ``matches``, ``ticker`` and ``heartbeat``; hub channels are ``<channel>:<product>``.

    Batches of a book come each 100 ms here, each 50 ms there. Scenarios: ``large_image`` adds levels far from the best to the
    images, ``zero`` changes how a size of zero is written.
    """

    truth: Callable[[], Truth]

    def __init__(self, instrument: Instrument, hub: Hub) -> None:
        self.time_ms = 0
        self.ledger = Ledger(instrument)
        product = self.ledger.product
        self._levels = hub.channel(f"level2_batch:{product}")
        self._matches = hub.channel(f"matches:{product}")
        self._tickers = hub.channel(f"ticker:{product}")
        self._heartbeats = hub.channel(f"heartbeat:{product}")
        self._heartbeats.beside = True
        self._far_levels = 0
        self._zero = ""

    def greeting(self, channel: str) -> list[bytes]:
        """What a new subscriber of a channel is sent first: the book, the last trade."""
        if channel == "level2_batch":
            return [self.image()]
        if not self.ledger.fills:
            return []
        last = self.ledger.fills[-1]
        return {"matches": [self._match("last_match", last)], "ticker": [self._ticker(last)]}.get(channel, [])

    def trade(self, trade_id: int, price: int, quantity: int, *, seller_aggressed: bool) -> None:
        """One fill: a match, and a ticker with it."""
        fill = self.ledger.trade(
            trade_id, price, quantity, seller_aggressed=seller_aggressed, time_ms=self.time_ms
        )
        if self._matches.subscribers:
            self._matches.publish(self._match("match", fill))
        else:
            count_unsent(self._matches)
        if self._tickers.subscribers:
            self._tickers.publish(self._ticker(fill))
        else:
            count_unsent(self._tickers)

    def aggregate(
        self, first_id: int, last_id: int, price: int, quantity: int, *, seller_aggressed: bool
    ) -> None:
        """Not told here."""

    def top(self, update_id: int, bid: Level, ask: Level) -> None:  # noqa: ARG002  the exchange numbers no books
        """Told with the next ticker."""
        self.ledger.best = (bid, ask)

    def depth(
        self,
        first_id: int,  # noqa: ARG002  the exchange numbers no books
        last_id: int,  # noqa: ARG002
        previous_id: int,  # noqa: ARG002
        bids: dict[int, int],
        asks: dict[int, int],
    ) -> None:
        """Changed levels with their new sizes."""
        if not self._levels.subscribers:
            count_unsent(self._levels)
            return
        changes = ",".join([*self._changes("buy", bids), *self._changes("sell", asks)])
        self._levels.publish(
            f'{{"type":"l2update","product_id":"{self.ledger.product}","changes":[{changes}],'
            f'"time":"{micros_time(self.time_ms)}"}}'.encode()
        )

    def second(self, day: Day) -> None:
        """A heartbeat."""
        ledger = self.ledger
        ledger.second(day)
        if not self._heartbeats.subscribers:
            count_unsent(self._heartbeats)
            return
        last = ledger.fills[-1].trade_id if ledger.fills else 0
        self._heartbeats.publish(
            f'{{"type":"heartbeat","last_trade_id":{last},"product_id":"{ledger.product}",'
            f'"sequence":{ledger.sequence},"time":"{micros_time(self.time_ms)}"}}'.encode()
        )

    def image(self) -> bytes:
        """``snapshot``: the whole book, without time and number."""
        bids, asks = far_levels(self.truth(), self._far_levels)
        return (
            f'{{"type":"snapshot","product_id":"{self.ledger.product}",'
            f'"asks":[{self._side(asks)}],"bids":[{self._side(bids)}]}}'
        ).encode()

    def scenario(self, name: str, **arguments: Any) -> None:
        """``large_image``, ``zero``."""
        call_named("scenario", {"large_image": self._large_image, "zero": self._write_zero}, name, arguments)

    def _large_image(self, levels: int = 160_000) -> None:
        """Images have so many more levels from now on, half of them a side: 160,000 are 4 MB."""
        self._far_levels = levels

    def _write_zero(self, text: str = "0") -> None:
        """A size of zero is written so from now on."""
        self._zero = text

    def _match(self, kind: str, fill: Fill) -> bytes:
        ledger = self.ledger
        return (
            f'{{"type":"{kind}","trade_id":{fill.trade_id},'
            f'"maker_order_id":"{_MAKER.format(fill.trade_id)}","taker_order_id":"{_TAKER.format(fill.trade_id)}",'
            f'"side":"{fill.maker}","size":"{ledger.quantity.text(fill.quantity)}","price":"{ledger.price.text(fill.price)}",'
            f'"product_id":"{ledger.product}","sequence":{fill.sequence},"time":"{micros_time(fill.time_ms)}"}}'
        ).encode()

    def _ticker(self, fill: Fill) -> bytes:
        """Its ``side`` is the taker's."""
        ledger = self.ledger
        price, size = ledger.price.text, ledger.quantity.text
        opened, high, low, volume = ledger.figures()
        bid, ask = ledger.best or (self.truth().bids[0], self.truth().asks[0])
        return (
            f'{{"type":"ticker","sequence":{fill.sequence},"product_id":"{ledger.product}","price":"{price(fill.price)}",'
            f'"open_24h":"{price(opened)}","volume_24h":"{size(volume)}","low_24h":"{price(low)}",'
            f'"high_24h":"{price(high)}","volume_30d":"{size(volume)}",'
            f'"best_bid":"{price(bid[0])}","best_bid_size":"{size(bid[1])}",'
            f'"best_ask":"{price(ask[0])}","best_ask_size":"{size(ask[1])}",'
            f'"side":"{fill.taker}","time":"{micros_time(fill.time_ms)}","trade_id":{fill.trade_id},'
            f'"last_size":"{size(fill.quantity)}"}}'
        ).encode()

    def _changes(self, side: str, levels: dict[int, int]) -> Iterable[str]:
        price, size = self.ledger.price.text, self.ledger.quantity.text
        for ticks, lots in levels.items():
            yield f'["{side}","{price(ticks)}","{size(lots) if lots else self._zero or size(0)}"]'

    def _side(self, levels: list[Level]) -> str:
        price, size = self.ledger.price.text, self.ledger.quantity.text
        return ",".join([f'["{price(p)}","{size(q)}"]' for p, q in levels])
