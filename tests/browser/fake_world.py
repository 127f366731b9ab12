"""A made-up world for the dashboard's tests: instruments whose prices walk, seeded, in the forms of docs/gateway.md."""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

__all__ = ["Instrument", "World", "iso", "text"]

_LEVELS = 250
_STALE_MS = 15_000
_EXACT = Decimal("1e-18")
"""Contracts in base units have as many places as there are."""
_VENUES = (("binance", "spot"), ("binance", "usdm"), ("kraken", "spot"), ("okx", "swap"))
_BASES = {
    "BTC": ("64250.1", "0.1"),
    "ETH": ("3120.55", "0.01"),
    "SOL": ("142.318", "0.001"),
    "XRP": ("0.52134", "0.00001"),
}


def text(number: Decimal) -> str:
    """Exact, without exponent and trailing zeros."""
    shown = f"{number:f}"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def iso(micros: int) -> str:
    """ISO 8601 with microseconds."""
    return (
        datetime.fromtimestamp(micros / 1e6, UTC).strftime("%Y-%m-%dT%H:%M:%S.")
        + f"{micros % 1_000_000:06d}Z"
    )


def now_us() -> int:
    """Microseconds since the epoch."""
    return time.time_ns() // 1000


@dataclass
class Instrument:
    """``middle`` in ticks: the ask side begins there, the bid side one below. ``frozen``: nothing more is heard of it."""

    exchange: str
    market: str
    symbol: str
    middle: int
    tick: Decimal
    moves: bool = True
    frozen: bool = False
    state: str = "live"
    heard_us: int = field(default_factory=now_us)
    sizes: dict[int, int] = field(default_factory=dict)
    trades: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=500))
    traded: int = 0

    @property
    def key(self) -> str:
        """``exchange.market.symbol``."""
        return f"{self.exchange}.{self.market}.{self.symbol}"

    @property
    def parts(self) -> dict[str, str]:
        """What every row begins with."""
        return {
            "instrument": self.key,
            "exchange": self.exchange,
            "market": self.market,
            "symbol": self.symbol,
        }

    def price_text(self, ticks: int) -> str:
        """A price of so many ticks."""
        return text(self.tick * ticks)

    def walk(self, chance: random.Random) -> None:
        """One step: the price may move, sizes change, somebody may trade."""
        if not self.moves or self.frozen:
            return
        self.heard_us = now_us()
        self.middle += chance.choice((-1, 0, 0, 1))
        for _ in range(8):
            self.sizes[self.middle + chance.randint(-20, 20)] = chance.randint(1, 50_000)
        if chance.random() < 0.6:
            self.trade(chance)

    def trade(self, chance: random.Random) -> None:
        """One trade at the best price of either side."""
        self.traded += 1
        buys = chance.random() < 0.5
        at_us = now_us()
        self.trades.append(
            {
                **self.parts,
                "trade_id": str(self.traded),
                "price": self.price_text(self.middle if buys else self.middle - 1),
                "quantity": text(Decimal(chance.randint(1, 40_000)) / 10_000),
                "side": "BUY" if buys else "SELL",
                "exchange_time": iso(at_us - 1500),
                "exchange_time_us": at_us - 1500,
                "receive_time": iso(at_us),
                "receive_time_us": at_us,
            }
        )

    def levels(self, depth: int) -> dict[str, dict[str, str]]:
        """The best levels of both sides, by price."""
        depth = min(depth, _LEVELS)
        return {
            "bids": {
                self.price_text(each): self._size(each)
                for each in range(self.middle - 1, self.middle - 1 - depth, -1)
            },
            "asks": {
                self.price_text(each): self._size(each) for each in range(self.middle, self.middle + depth)
            },
        }

    def _size(self, ticks: int) -> str:
        size = Decimal(self.sizes.setdefault(ticks, 500 + (ticks * 7919) % 20_000)) / 10_000
        return text((size / 7).quantize(_EXACT)) if self.market == "swap" else text(size)

    def age(self) -> dict[str, Any]:
        """Its age as live values carry it."""
        age_ms = (now_us() - self.heard_us) // 1000 if self.moves or self.frozen else 40
        return {"age_ms": age_ms, "stale": age_ms > _STALE_MS or self.state != "live"}

    def price(self) -> dict[str, Any]:
        """As ``prices`` has it."""
        bid, ask = self.tick * (self.middle - 1), self.tick * self.middle
        middle = (bid + ask) / 2
        return {
            **self.parts,
            "bid_price": text(bid),
            "bid_quantity": self._size(self.middle - 1),
            "ask_price": text(ask),
            "ask_quantity": self._size(self.middle),
            "mid": text(middle),
            "spread": text(self.tick),
            "spread_bps": text((self.tick * 10_000 / middle).quantize(Decimal("0.000001"))),
            "last_price": self.trades[-1]["price"] if self.trades else text(ask),
            "state": self.state,
            "origin": "book",
            "receive_time": iso(self.heard_us),
            "receive_time_us": self.heard_us,
            **self.age(),
        }


class World:
    """All of them; ``step`` moves them on. ``quiet``: so many never move, and make the table long."""

    def __init__(self, quiet: int = 500, seed: int = 7) -> None:
        self.chance = random.Random(seed)
        self.instruments: dict[str, Instrument] = {}
        for base, (price, tick) in _BASES.items():
            for exchange, market in _VENUES:
                self._add(
                    Instrument(
                        exchange, market, f"{base}-USDT", int(Decimal(price) / Decimal(tick)), Decimal(tick)
                    )
                )
        for number in range(quiet):
            exchange, market = _VENUES[number % len(_VENUES)]
            self._add(
                Instrument(
                    exchange, market, f"Q{number:04d}-USDT", 1000 + 7 * number, Decimal("0.01"), moves=False
                )
            )
        for each in self.moving():
            for _ in range(60):
                each.trade(self.chance)

    def _add(self, instrument: Instrument) -> None:
        self.instruments[instrument.key] = instrument

    def moving(self) -> Iterable[Instrument]:
        """Those whose prices walk."""
        return [each for each in self.instruments.values() if each.moves]

    def step(self) -> None:
        """A moment passes."""
        for each in self.moving():
            each.walk(self.chance)

    def consolidated(self) -> list[dict[str, Any]]:
        """The best of all spot markets, by symbol."""
        rows = []
        for base in _BASES:
            venues = [
                each
                for each in self.moving()
                if each.symbol == f"{base}-USDT" and each.market == "spot" and not each.frozen
            ]
            if not venues:
                continue
            bid, ask = max(venues, key=lambda each: each.middle), min(venues, key=lambda each: each.middle)
            best_bid, best_ask = bid.tick * (bid.middle - 1), ask.tick * ask.middle
            middle = (best_bid + best_ask) / 2
            rows.append(
                {
                    "symbol": f"{base}-USDT",
                    "kind": "spot",
                    "bid_price": text(best_bid),
                    "bid_quantity": "1.5",
                    "bid_exchange": bid.exchange,
                    "bid_market": bid.market,
                    "ask_price": text(best_ask),
                    "ask_quantity": "0.75",
                    "ask_exchange": ask.exchange,
                    "ask_market": ask.market,
                    "mid": text(middle),
                    "spread": text(best_ask - best_bid),
                    "spread_bps": text(((best_ask - best_bid) * 10_000 / middle).quantize(Decimal("0.0001"))),
                    "cross_bps": text(((best_bid - best_ask) * 10_000 / middle).quantize(Decimal("0.0001"))),
                    "venues": len(venues),
                    "age_ms": 30,
                    "stale": False,
                }
            )
        return rows

    def bars(self, instrument: Instrument, seconds: int, limit: int) -> list[dict[str, Any]]:
        """Candles that end now; the past is the same however often it is asked for."""
        newest = now_us() // 1_000_000 // seconds * seconds
        rows = []
        for number in range(limit - 1, -1, -1):
            open_s = newest - number * seconds
            chance = random.Random(f"{instrument.key} {open_s}")
            opened = instrument.middle + chance.randint(-60, 60) if number else instrument.middle
            closed = instrument.middle + chance.randint(-60, 60) if number else instrument.middle
            low, high = (
                min(opened, closed) - chance.randint(0, 30),
                max(opened, closed) + chance.randint(0, 30),
            )
            rows.append(
                {
                    "open_time": iso(open_s * 1_000_000),
                    "open_time_us": open_s * 1_000_000,
                    **{
                        name: instrument.price_text(ticks)
                        for name, ticks in (("open", opened), ("high", high), ("low", low), ("close", closed))
                    },
                    "volume": text(Decimal(chance.randint(1_000, 900_000)) / 10_000),
                    "quote_volume": "120000.5",
                    "trades": chance.randint(1, 400),
                    "closed": number > 0,
                    "source": "trades",
                }
            )
        return rows
