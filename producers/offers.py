"""What markets offer, asked once: for people who choose what to collect."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from rich.table import Table

from bookmill.errors import BookmillError, UnavailableError
from bookmill.settings import MarketSettings, ProducerSettings
from producers.ccxt_exchange import CcxtExchange
from producers.instruments import choose
from producers.ledger import Ledger
from producers.rest import Rest
from venues.interface import Venue
from venues.messages import Instrument
from venues.numbers import SCALE
from venues.registry import venue

__all__ = ["Answer", "Offer", "ask_all", "table"]

_PATIENCE_S = 10.0


@dataclass(frozen=True)
class Offer:
    """One instrument of one market; ``collected``: whether the settings choose it."""

    exchange: str
    market: str
    instrument: Instrument
    collected: bool

    def as_json(self) -> str:
        """One line; tick and lot as decimal text."""
        one = self.instrument
        return json.dumps(
            {
                "exchange": self.exchange,
                "market": self.market,
                "symbol": one.symbol,
                "wire_symbol": one.wire_symbol,
                "base": one.base,
                "quote": one.quote,
                "tick": _text(one.tick),
                "lot": _text(one.lot),
                "trading": one.trading,
                "collected": self.collected,
            },
            ensure_ascii=False,
        )


@dataclass(frozen=True)
class Answer:
    """``offers`` sorted by symbol, market after market; ``problems``: a sentence for each market that did not answer."""

    offers: Sequence[Offer]
    problems: Sequence[str]


async def ask_all(
    markets: Mapping[tuple[str, str], MarketSettings],
    settings: ProducerSettings,
    search: str,
    ledger: Ledger | None = None,
) -> Answer:
    """Ask all markets side by side; ``search`` is part of a symbol, in any case. One that does not answer stops no other."""
    venues = {
        key: venue(*key, chosen=market if market.source == "poll" else None)
        for key, market in markets.items()
    }
    asked = await asyncio.gather(
        *(_ask(venues[key], market, settings, ledger) for key, market in markets.items()),
        return_exceptions=True,
    )
    offers: list[Offer] = []
    problems: list[str] = []
    for (exchange, market), found in zip(markets, asked):
        if isinstance(found, BookmillError):
            problems.append(f"{exchange}.{market} does not list its instruments: {found.message}")
        elif isinstance(found, BaseException):
            raise found
        else:
            chosen = choose(markets[exchange, market].symbols, found, f"{exchange}.{market}")
            collected = {one.wire_symbol for one in chosen.instruments}
            problems += chosen.unknown.values()
            offers += [
                Offer(exchange, market, one, one.wire_symbol in collected)
                for one in sorted(found, key=lambda one: one.symbol)
                if search.upper() in one.symbol.upper()
            ]
    return Answer(offers, problems)


def table(offers: Sequence[Offer]) -> Table:
    """For a terminal."""
    drawn = Table(box=None, pad_edge=False, caption=f"{len(offers)} instruments", caption_justify="left")
    for title in ("market", "symbol", "spelled", "tick", "lot", "state", ""):
        drawn.add_column(title, justify="right" if title in {"tick", "lot"} else "left", no_wrap=True)
    for offer in offers:
        one = offer.instrument
        drawn.add_row(
            f"{offer.exchange}.{offer.market}",
            one.symbol,
            one.wire_symbol,
            _text(one.tick),
            _text(one.lot),
            "trading" if one.trading else "not trading",
            "collected" if offer.collected else "",
        )
    return drawn


async def _ask(
    asked: Venue, market: MarketSettings, settings: ProducerSettings, ledger: Ledger | None
) -> Sequence[Instrument]:
    if asked.by_ccxt:
        return await _ask_ccxt(CcxtExchange(asked, market, settings, ledger))
    rest = Rest.of(asked, market, settings, ledger)
    end_s = time.monotonic() + _PATIENCE_S
    try:
        body = await rest.get(
            asked.instruments_request(),
            wanted=lambda: time.monotonic() + rest.account.blocked_s() < end_s,
        )
        if body is None:
            raise UnavailableError(
                rest.problem or "its weight is spent by other calls, or it has refused them; try again later."
            )
        return asked.parse_instruments(body)
    finally:
        await rest.close()


async def _ask_ccxt(exchange: CcxtExchange) -> Sequence[Instrument]:
    try:
        await exchange.load()
        return exchange.instruments
    finally:
        await exchange.close()


def _text(scaled: int) -> str:
    return f"{Decimal(scaled).scaleb(-SCALE).normalize():f}"
