"""What the simulated OKX lists: wire symbols, contract sizes, steps, and numbers as it writes them (OKX docs, public/instruments)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Literal, TypeAlias

from bookmill.errors import ConfigurationError
from simulator.instruments import Instrument, check_symbol, instrument, plausible_price

__all__ = ["Contract", "Kind", "Numerals", "contract", "default_symbols", "listing", "next_quarter", "plain"]

Kind: TypeAlias = Literal["SPOT", "SWAP", "FUTURES"]

_DATED = re.compile(r"(\w+-\w+)-(\d{6})")
_USUAL_ORDER_USD = 2_000
_EXPIRY_HOUR = 8
# Price decimals, quantity decimals of spot, base units a linear contract; as listed in 2026. Others: the synthetic ones, 1.
_STEPS = {"BTC": (1, 8, "0.01"), "ETH": (2, 6, "0.1")}
_INVERSE_USD = {"BTC": "100"}  # all others 10


@dataclass(frozen=True)
class Contract:
    """A listed instrument. ``size``: base units (linear) or quote currency (inverse) a contract, empty on spot.

    ``family`` is what the exchange calls instFamily, its index has the same name.
    """

    instrument: Instrument
    wire: str
    kind: Kind
    size: str = ""
    inverse: bool = False
    expiry_ms: int | None = None

    @property
    def family(self) -> str:
        """``BTC-USDT``."""
        return f"{self.instrument.base}-{self.instrument.quote}"

    def quantity(self, lots: int) -> Decimal:
        """Base units on spot, contracts elsewhere."""
        return Decimal(lots).scaleb(-self.instrument.quantity_decimals)

    def turnover(self, turnover: int) -> Decimal:
        """Price times quantity, of ticks times lots."""
        return Decimal(turnover).scaleb(-self.instrument.quantity_decimals - self.instrument.price_decimals)

    def base(self, lots: int, turnover: int) -> Decimal:
        """Base units of what was traded; of inverse contracts at the average price, to 4 decimals."""
        quantity = self.quantity(lots)
        if not self.inverse:
            return quantity * Decimal(self.size or 1)
        if not lots:
            return Decimal(0)
        return round(quantity * Decimal(self.size) * quantity / self.turnover(turnover), 4)

    def quote(self, lots: int, turnover: int) -> Decimal:
        """Quote currency of what was traded."""
        if self.inverse:
            return self.quantity(lots) * Decimal(self.size)
        return self.turnover(turnover) * Decimal(self.size or 1)


class Numerals(dict[int, str]):
    """Texts of whole steps of 10^-decimals; one once written is remembered. Bounded."""

    _MOST = 50_000

    def __init__(self, decimals: int) -> None:
        super().__init__()
        self._decimals = decimals

    def __missing__(self, value: int) -> str:
        if len(self) >= self._MOST:
            self.clear()
        text = self[value] = plain(Decimal(value).scaleb(-self._decimals))
        return text


def plain(number: Decimal) -> str:
    """As short as can be, without an exponent: what the exchange sends."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def default_symbols(kind: Kind, expiry: date) -> tuple[str, ...]:
    """Linear and inverse ones; dated contracts with their date."""
    if kind == "SPOT":
        return ("BTC-USDT", "ETH-USDT", "SOL-USDT")
    symbols = ("BTC-USDT", "ETH-USDT", "BTC-USD")
    return symbols if kind == "SWAP" else tuple(f"{symbol}-{expiry:%y%m%d}" for symbol in symbols)


def next_quarter(today: date) -> date:
    """The last Friday of March, June, September or December, a week away at least."""
    month_start = today.replace(day=1)
    while True:
        next_month = (month_start + timedelta(days=32)).replace(day=1)
        last = next_month - timedelta(days=1)
        friday = last - timedelta(days=(last.weekday() - 4) % 7)
        if month_start.month % 3 == 0 and friday - today >= timedelta(days=7):
            return friday
        month_start = next_month


def contract(kind: Kind, symbol: str, expiry: date) -> Contract:
    """The instrument of a ``BASE-QUOTE`` name; dated ones with ``-YYMMDD`` behind it, ``expiry`` where there is none.

    Raises :class:`ConfigurationError` for what the market cannot list.
    """
    check_symbol(symbol)
    dated = _DATED.fullmatch(symbol)
    if symbol.count("-") > 1 and (kind != "FUTURES" or not dated):
        raise ConfigurationError(
            f"'{symbol}' cannot be listed on okx {kind.lower()}.", hint="Write it like BTC-USDT."
        )
    family, day = (dated[1], _day(symbol, dated[2])) if dated else (symbol, expiry)
    if kind == "SPOT":
        return Contract(_instrument(symbol, family, None), symbol, kind)
    base, _, quote = family.partition("-")
    inverse = quote == "USD"
    size = _INVERSE_USD.get(base, "10") if inverse else _STEPS.get(base, (0, 0, "1"))[2]
    if kind == "SWAP":
        return Contract(_instrument(symbol, family, size), f"{family}-SWAP", kind, size, inverse)
    name = f"{family}-{day:%y%m%d}"
    expires = datetime(day.year, day.month, day.day, _EXPIRY_HOUR, tzinfo=UTC)
    return Contract(
        _instrument(name, family, size), name, kind, size, inverse, int(expires.timestamp()) * 1000
    )


def listing(one: Contract, state: str = "live") -> dict[str, object]:
    """Its row in the answer of public/instruments, as of 2026 (the fields anybody reads)."""
    spot = one.kind == "SPOT"
    step = plain(Decimal(1).scaleb(-one.instrument.quantity_decimals))
    return {
        "baseCcy": one.instrument.base if spot else "",
        "ctMult": "" if spot else "1",
        "ctType": "" if spot else "inverse" if one.inverse else "linear",
        "ctVal": one.size,
        "ctValCcy": "" if spot else one.instrument.quote if one.inverse else one.instrument.base,
        "expTime": "" if one.expiry_ms is None else str(one.expiry_ms),
        "instFamily": "" if spot else one.family,
        "instId": one.wire,
        "instIdCode": None,
        "instType": one.kind,
        "listTime": "1548133413000",
        "lotSz": step,
        "minSz": step,
        "quoteCcy": one.instrument.quote if spot else "",
        "ruleType": "normal",
        "settleCcy": "" if spot else one.instrument.base if one.inverse else one.instrument.quote,
        "state": state,
        "tickSz": plain(Decimal(1).scaleb(-one.instrument.price_decimals)),
        "uly": "" if spot else one.family,
        "upcChg": [],
    }


def _instrument(symbol: str, family: str, size: str | None) -> Instrument:
    """Steps as listed; spot lots are base units, contracts are divided in hundredths (linear) or whole (inverse)."""
    usual = instrument(family)
    base, _, quote = family.partition("-")
    price_decimals, spot_decimals, _ = _STEPS.get(base, (usual.price_decimals, usual.quantity_decimals, ""))
    price = plausible_price(base)
    if size is None:
        decimals, worth = spot_decimals, Decimal(price)
    elif quote == "USD":
        decimals, worth = 0, Decimal(size)
    else:
        decimals, worth = 2, Decimal(size) * price
    scale = max(1, int(_USUAL_ORDER_USD * 10**decimals / worth))
    return Instrument(symbol, price_decimals, decimals, price * 10**price_decimals, scale)


def _day(symbol: str, text: str) -> date:
    try:
        return datetime.strptime(text, "%y%m%d").replace(tzinfo=UTC).date()
    except ValueError:
        raise ConfigurationError(
            f"'{symbol}' ends with no date.", hint="Write it like BTC-USDT-261225."
        ) from None
