"""Synthetic order flow as frames of Coinbase Advanced Trade (protocol page, section 8.2).

``sequence_num`` counts the frames of a connection, so a published frame has in its place ``@<channel>:<count>``, how many
frames the channel has had; the session writes its own number there, and a frame that was lost on the way shows in it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from simulator.coinbase_ledger import Fill, Ledger, count_unsent, far_levels, trimmed_time
from simulator.faults import call_named
from simulator.feed import Bar, Day, Level, Truth
from simulator.hub import Hub
from simulator.instruments import Instrument

__all__ = ["AdvancedFeed"]

_TRADES_EVERY_MS = 250
_TRADES_AT_FIRST = 100
_BARS_AT_FIRST = 350
_BAR_S = 300


class AdvancedFeed:
    """One product's ``level2``, ``market_trades``, ``ticker`` and ``candles``; hub channels are ``<channel>:<product>``.

    Scenarios: ``large_image`` adds levels far from the best to the images, ``sequence_jump`` loses frames of the book, ``zero``
    changes how a quantity of zero is written.
    """

    truth: Callable[[], Truth]

    def __init__(self, instrument: Instrument, hub: Hub) -> None:
        self.time_ms = 0
        self.ledger = Ledger(instrument)
        self._hub_channels = {
            name: hub.channel(f"{name}:{self.ledger.product}")
            for name in ("level2", "market_trades", "ticker", "candles")
        }
        self._frames: dict[str, int] = {}
        self._waiting: deque[Fill] = deque()
        self._trades_sent_ms = 0
        self._bar: Bar | None = None
        self._far_levels = 0
        self._losing = 0
        self._zero = ""

    def greeting(self, channel: str) -> list[tuple[str, str]]:
        """What a new subscriber of a channel is sent first: channel and events of each frame, without head and number."""
        fills = list(self.ledger.fills)[-_TRADES_AT_FIRST:]
        match channel:
            case "level2":
                return [("l2_data", self._image())]
            case "market_trades":
                return [("market_trades", self._trades("snapshot", fills))]
            case "ticker" if fills:
                return [("ticker", self._ticker("snapshot", fills[-1]))]
            case "candles":
                bars = self.ledger.bars(_BAR_S)[-_BARS_AT_FIRST:]
                return [("candles", self._candles("snapshot", reversed(bars)))]
        return []

    def frames(self, channel: str) -> int:
        """How many frames a channel has had, lost ones included."""
        return self._frames.get(channel, 0)

    def trade(self, trade_id: int, price: int, quantity: int, *, seller_aggressed: bool) -> None:
        """One fill: a ticker at once, a trade with the next batch."""
        fill = self.ledger.trade(
            trade_id, price, quantity, seller_aggressed=seller_aggressed, time_ms=self.time_ms
        )
        self._waiting.append(fill)
        self._publish("ticker", "ticker", lambda: self._ticker("update", fill))

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
        """Changed levels with their new quantities, and the trades of the last 250 ms."""
        channel = self._hub_channels["level2"]
        if self._losing and channel.subscribers:
            self._losing -= 1
            self._frames["level2"] = self._frames.get("level2", 0) + 1
            count_unsent(channel)
        else:
            self._publish("level2", "l2_data", lambda: self._update(bids, asks))
        if self.time_ms - self._trades_sent_ms >= _TRADES_EVERY_MS:
            self._flush_trades()

    def second(self, day: Day) -> None:
        """Trades that wait, and the bar at hand when it has changed."""
        self.ledger.second(day)
        self._flush_trades()
        bars = self.ledger.bars(_BAR_S)[-1:]
        if bars and bars[0] != self._bar:
            self._bar = bars[0]
            self._publish("candles", "candles", lambda: self._candles("update", bars))

    def image(self) -> bytes:
        """``snapshot``: the whole book, as a frame that a session has yet to number."""
        return self.envelope("l2_data", self._image(), "0")

    def envelope(self, channel: str, events: str, number: str) -> bytes:
        """A frame with its head."""
        return (
            f'{{"channel":"{channel}","client_id":"","timestamp":"{trimmed_time(self.time_ms)}",'
            f'"sequence_num":{number},"events":[{events}]}}'
        ).encode()

    def scenario(self, name: str, **arguments: Any) -> None:
        """``large_image``, ``sequence_jump``, ``zero``."""
        known: dict[str, Callable[..., None]] = {
            "large_image": self._large_image,
            "sequence_jump": self._lose_frames,
            "zero": self._write_zero,
        }
        call_named("scenario", known, name, arguments)

    def _large_image(self, levels: int = 45_000) -> None:
        """Images have so many more levels from now on, half of them a side: 45,000 are more than 4 MB."""
        self._far_levels = levels

    def _lose_frames(self, frames: int = 1) -> None:
        """So many of the book's next frames are numbered and never sent."""
        self._losing += frames

    def _write_zero(self, text: str = "0") -> None:
        """A quantity of zero is written so from now on."""
        self._zero = text

    def _publish(self, channel: str, arrives_as: str, events: Callable[[], str]) -> None:
        of_hub = self._hub_channels[channel]
        if not of_hub.subscribers:
            count_unsent(of_hub)
            return
        count = self._frames[channel] = self._frames.get(channel, 0) + 1
        of_hub.publish(self.envelope(arrives_as, events(), f"@{of_hub.name}:{count}"))

    def _flush_trades(self) -> None:
        if self._waiting:
            fills = list(self._waiting)
            self._waiting.clear()
            self._trades_sent_ms = self.time_ms
            self._publish("market_trades", "market_trades", lambda: self._trades("update", fills))

    def _image(self) -> str:
        bids, asks = far_levels(self.truth(), self._far_levels)
        time = trimmed_time(self.time_ms)
        levels = [*self._levels("bid", bids, time), *self._levels("offer", asks, time)]
        return self._book("snapshot", levels)

    def _update(self, bids: dict[int, int], asks: dict[int, int]) -> str:
        time = trimmed_time(self.time_ms)
        return self._book(
            "update", [*self._levels("bid", bids.items(), time), *self._levels("offer", asks.items(), time)]
        )

    def _book(self, kind: str, levels: list[str]) -> str:
        return f'{{"type":"{kind}","product_id":"{self.ledger.product}","updates":[{",".join(levels)}]}}'

    def _levels(self, side: str, levels: Iterable[Level], time: str) -> Iterable[str]:
        price, size = self.ledger.price.text, self.ledger.quantity.text
        for ticks, lots in levels:
            yield (
                f'{{"side":"{side}","event_time":"{time}","price_level":"{price(ticks)}",'
                f'"new_quantity":"{size(lots) if lots else self._zero or size(0)}"}}'
            )

    def _trades(self, kind: str, fills: list[Fill]) -> str:
        """Newest first; ``side`` is the maker's."""
        ledger = self.ledger
        trades = ",".join(
            f'{{"product_id":"{ledger.product}","trade_id":"{fill.trade_id}","price":"{ledger.price.text(fill.price)}",'
            f'"size":"{ledger.quantity.text(fill.quantity)}","time":"{trimmed_time(fill.time_ms)}",'
            f'"side":"{fill.maker.upper()}"}}'
            for fill in reversed(fills)
        )
        return f'{{"type":"{kind}","trades":[{trades}]}}'

    def _ticker(self, kind: str, fill: Fill) -> str:
        ledger = self.ledger
        price, size = ledger.price.text, ledger.quantity.text
        opened, high, low, volume = ledger.figures()
        bid, ask = ledger.best or (self.truth().bids[0], self.truth().asks[0])
        change = Decimal(100 * (fill.price - opened)) / opened
        return (
            f'{{"type":"{kind}","tickers":[{{"type":"ticker","product_id":"{ledger.product}","price":"{price(fill.price)}",'
            f'"volume_24_h":"{size(volume)}","low_24_h":"{price(low)}","high_24_h":"{price(high)}",'
            f'"low_52_w":"{price(low)}","high_52_w":"{price(high)}","price_percent_chg_24_h":"{change:.14f}",'
            f'"best_bid":"{price(bid[0])}","best_ask":"{price(ask[0])}",'
            f'"best_bid_quantity":"{size(bid[1])}","best_ask_quantity":"{size(ask[1])}"}}]}}'
        )

    def _candles(self, kind: str, bars: Iterable[Bar]) -> str:
        price, product = self.ledger.price.text, self.ledger.product
        candles = ",".join(
            f'{{"start":"{bar.start_ms // 1000}","high":"{price(bar.high)}","low":"{price(bar.low)}",'
            f'"open":"{price(bar.open)}","close":"{price(bar.close)}",'
            f'"volume":"{self.ledger.quantity.text(bar.volume_lots)}","product_id":"{product}"}}'
            for bar in bars
        )
        return f'{{"type":"{kind}","candles":[{candles}]}}'
