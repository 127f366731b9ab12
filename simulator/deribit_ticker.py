"""What Deribit's tickers say of a contract, on its channel and beside the levels of ``get_order_book``."""

from __future__ import annotations

from simulator.deribit_contracts import Contract, number
from simulator.deribit_texts import Texts
from simulator.feed import Day, Level
from simulator.instruments import Instrument, plausible_price

__all__ = ["Ticker"]

_INTEREST_LOTS = 1_000_000


class Ticker:
    """``top``, ``day`` and ``last_price`` are as the order flow told them last, ``base`` the day's volume in base coins."""

    def __init__(self, contract: Contract, steps: Instrument, texts: Texts) -> None:
        self.top: tuple[Level, Level] | None = None
        self.day: Day | None = None
        self.last_price = steps.start_price
        self.base = 0
        self._contract = contract
        self._start_price = steps.start_price
        self._texts = texts

    def mark(self) -> str:
        """The middle of the quote."""
        if self.top is None:
            return self._texts.price(self._start_price)
        (bid, _), (ask, _) = self.top
        return self._texts.middle(bid, ask)

    def index(self) -> str:
        """Where the market began; an option's underlying costs what it costs elsewhere."""
        if self._contract.market == "option":
            return number(plausible_price(self._contract.base), 0)
        return self._texts.price(self._start_price)

    def fields(self, time_ms: int, best: tuple[Level, Level]) -> str:
        """All fields, with these best levels."""
        contract, day, texts = self._contract, self.day, self._texts
        last = texts.price(day.last) if day and day.trades else "null"
        interest = texts.amount(_INTEREST_LOTS + (day.volume_lots if day else 0))
        text = (
            f'"timestamp":{time_ms},"state":"open","stats":{self._stats(day)},"index_price":{self.index()},'
            f'"instrument_name":"{contract.wire}","last_price":{last},"settlement_price":{texts.price(self._start_price)},'
            f'"open_interest":{interest},"mark_price":{self.mark()},"estimated_delivery_price":{self.index()},'
            f"{texts.best(*best)}"
        )
        if contract.market == "swap":
            # By how many ticks the price is away from where it began: small, and of either sign.
            away = number(self.last_price - self._start_price, 8)
            text += f',"current_funding":{away},"funding_8h":{away}'
        if contract.market == "option":
            text += (
                f',"underlying_price":{self.index()},"underlying_index":"index_price","interest_rate":0.0,"mark_iv":61.4,'
                '"greeks":{"vega":85.22269,"theta":-21.12703,"rho":-94.98694,"gamma":2.0e-5,"delta":-0.42256}'
            )
        return text

    def _stats(self, day: Day | None) -> str:
        """All null before the first trade."""
        if day is None or not day.trades:
            return '{"high":null,"low":null,"price_change":null,"volume":null}'
        texts, change = self._texts, number(10_000 * (day.last - day.open) // day.open, 2)
        money = texts.money(day.volume_lots, day.turnover)
        notional = "" if self._contract.market == "option" else f',"volume_notional":{money}'
        return (
            f'{{"high":{texts.price(day.high)},"low":{texts.price(day.low)},"price_change":{change},'
            f'"volume":{texts.volume(self.base)},"volume_usd":{money}{notional}}}'
        )
