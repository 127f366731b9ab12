"""What the simulated Deribit lists: names, units and steps of its contracts, and numbers as it writes them.

Amounts are US dollars where a future is inverse (``BTC-PERPETUAL``: contracts of 10 USD), base coins where it is linear
(``BTC_USDC-PERPETUAL``) and for options, whose premiums are in the base coin. Steps are powers of ten here: the exchange's
0.5 USD of ``BTC-PERPETUAL`` is 0.1.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Literal

from bookmill.errors import ConfigurationError
from simulator.instruments import Instrument, check_symbol, plausible_price

__all__ = ["Contract", "Market", "contract", "instrument", "listing", "number"]

Market = Literal["swap", "futures", "option"]

_SYMBOL = re.compile(
    r"(?P<base>[A-Z0-9]+)-(?P<quote>[A-Z0-9]+)(-(?P<date>\d{6})(-(?P<strike>[0-9.]+)-(?P<side>[CP]))?)?"
)
_SHAPES = {"swap": "BTC-USD", "futures": "BTC-USD-271231", "option": "BTC-USD-271231-60000-C"}
_NEVER_MS = 32_503_708_800_000  # the expiry of perpetuals
_EXPIRY_HOUR = 8
_USUAL_ORDER_USD = 2_000
_PREMIUM_TICKS = 1_500


@lru_cache(maxsize=1 << 16)
def number(value: int, decimals: int, *, scientific: bool = False) -> str:
    """``value`` steps of 10^-decimals as a JSON float: ``92288.0``, ``0.22``, and below a thousandth ``1.423e-4``."""
    if not value:
        return "0.0"
    sign, digits = ("-" if value < 0 else ""), str(abs(value))
    exponent = len(digits) - 1 - decimals  # of the first digit
    digits = digits.rstrip("0")
    if scientific or exponent < -3:
        return f"{sign}{digits[0]}.{digits[1:] or '0'}e{exponent}"
    if exponent < 0:
        return f"{sign}0.{'0' * (-exponent - 1)}{digits}"
    whole = exponent + 1
    return f"{sign}{digits[:whole].ljust(whole, '0')}.{digits[whole:] or '0'}"


@dataclass(frozen=True)
class Contract:
    """One contract; ``strike`` and ``call`` are those of an option."""

    symbol: str
    wire: str
    market: Market
    base: str
    quote: str
    expiry_ms: int
    strike: str = ""
    call: bool = False

    @property
    def linear(self) -> bool:
        """Quoted and settled in a stable coin; what is quoted in US dollars is reversed."""
        return self.quote != "USD"

    @property
    def inverse(self) -> bool:
        """Amounts are US dollars; those of options are base coins in either case."""
        return not self.linear and self.market != "option"

    @property
    def settle(self) -> str:
        """The currency it is settled in, by which ``get_instruments`` divides what it lists."""
        return self.quote if self.linear else self.base


def contract(market: Market, symbol: str) -> Contract:
    """The contract of a ``BASE-QUOTE[-YYMMDD[-STRIKE-C|P]]`` name; raises :class:`ConfigurationError` for another market's."""
    check_symbol(symbol)
    match = _SYMBOL.fullmatch(symbol)
    parts = 0 if match is None else 1 + bool(match["date"]) + bool(match["strike"])
    if match is None or parts != ("swap", "futures", "option").index(market) + 1:
        raise ConfigurationError(
            f"'{symbol}' is no symbol that deribit.{market} can list.",
            hint=f"Write it like {_SHAPES[market]}.",
        )
    base, quote = match["base"], match["quote"]
    family = base if quote == "USD" else f"{base}_{quote}"
    if market == "swap":
        return Contract(symbol, f"{family}-PERPETUAL", market, base, quote, _NEVER_MS)
    try:
        expiry = datetime.strptime(match["date"], "%y%m%d").replace(hour=_EXPIRY_HOUR, tzinfo=UTC)
    except ValueError:
        raise ConfigurationError(f"'{symbol}' has no date in it.", hint="Write it YYMMDD.") from None
    wire = f"{family}-{expiry.day}{expiry:%b%y}".upper()
    expiry_ms = int(expiry.timestamp()) * 1000
    if market == "futures":
        return Contract(symbol, wire, market, base, quote, expiry_ms)
    strike, call = match["strike"], match["side"] == "C"
    # A point in a strike is written as a letter, since points divide the names of channels.
    wire = f"{wire}-{strike.replace('.', 'd')}-{match['side']}"
    return Contract(symbol, wire, market, base, quote, expiry_ms, strike, call=call)


def instrument(one: Contract) -> Instrument:
    """The same with its steps: ticks of a premium 10^-4 coins, of a price 0.1 to 10^-5 dollars."""
    dollars = plausible_price(one.base)
    if one.market == "option":
        quantity_decimals = 1 if one.base == "BTC" else 0
        return Instrument(one.symbol, 4, quantity_decimals, _PREMIUM_TICKS, 5 * 10**quantity_decimals)
    price_decimals = 1 if dollars >= 10_000 else 2 if dollars >= 1_000 else 3 if dollars >= 100 else 5
    start_price = dollars * 10**price_decimals
    if one.inverse:
        dollars_a_lot = 10 if one.base == "BTC" else 1
        return Instrument(
            one.symbol,
            price_decimals,
            1 - len(str(dollars_a_lot)),
            start_price,
            _USUAL_ORDER_USD // dollars_a_lot,
        )
    quantity_decimals = 4 if dollars >= 10_000 else 3 if dollars >= 1_000 else 1 if dollars >= 10 else 0
    lots = max(1, _USUAL_ORDER_USD * 10**quantity_decimals // dollars)
    return Instrument(one.symbol, price_decimals, quantity_decimals, start_price, lots)


def listing(one: Contract, steps: Instrument, number_of: int) -> str:
    """One of ``get_instruments``, as JSON."""
    tick, lot = number(1, steps.price_decimals), number(1, steps.quantity_decimals)
    premium = one.market == "option" and not one.linear
    fields = {
        "price_index": json.dumps(f"{one.base}_{one.quote}".lower()),
        "kind": '"option"' if one.market == "option" else '"future"',
        "instrument_name": json.dumps(one.wire),
        "maker_commission": "0.0",
        "taker_commission": "0.0005",
        "instrument_type": '"linear"' if one.linear else '"reversed"',
        "expiration_timestamp": str(one.expiry_ms),
        "creation_timestamp": "1534167754000",
        "is_active": "true",
        "tick_size": tick,
        "tick_size_steps": "[]",
        "contract_size": "1.0" if one.market == "option" else lot,
        "instrument_id": str(124_972 + number_of),
        "min_trade_amount": lot,
        "settlement_currency": json.dumps(one.settle),
        "settlement_period": '"perpetual"' if one.market == "swap" else '"month"',
        "base_currency": json.dumps(one.base),
        "counter_currency": json.dumps(one.quote),
        "quote_currency": json.dumps(one.base if premium else one.quote),
        "state": '"open"',
    }
    if one.market == "option":
        fields |= {
            "option_type": '"call"' if one.call else '"put"',
            "strike": one.strike if "." in one.strike else f"{one.strike}.0",
        }
    return "{" + ",".join(f'"{name}":{value}' for name, value in fields.items()) + "}"
