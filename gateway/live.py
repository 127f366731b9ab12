"""What is true now, as the event topics have told it: one consumer writes here, everybody else reads, all in the event loop."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterator

from gateway.errors import ApiError
from gateway.instrument import TOPICS, Instrument
from gateway.nearest import nearest
from gateway.presenting import event_key
from gateway.rates import Rates
from schemas.fields import Event

__all__ = ["LiveState", "Observer"]

Observer = Callable[[str, str, Event], None]
"""Called with topic, key (of an instrument ``exchange.market.symbol``, of ``consolidated`` the symbol) and event, after the state has it."""

_MEASURED_S = 10
_ALERTS = 1000
_LATELY_US = 300_000_000


class LiveState:
    """``recent_trades``: how many are kept of each instrument. ``observers`` see every event in order."""

    def __init__(self, *, recent_trades: int) -> None:
        self.instruments: dict[str, Instrument] = {}
        """Those with live data, by key."""
        self.by_symbol: dict[str, list[Instrument]] = {}
        """The same by symbol."""
        self.listings: dict[str, Event] = {}
        """What the exchanges say of their instruments, by key."""
        self.subscriptions: dict[str, Event] = {}
        """What shall be collected or not, by key, with the ``partition`` that says so."""
        self.consolidated: dict[tuple[str, str], Event] = {}
        """By symbol and kind (spot, perpetual, future, option)."""
        self.alerts: deque[Event] = deque(maxlen=_ALERTS)
        """The newest, in the order they came."""
        self.alert_rules: dict[str, Event] = {}
        """The rules that alerts are made by, by id."""
        self.rates = Rates()
        self.observers: list[Observer] = []
        self.update_rates: dict[str, float] = {}
        """Changes of each book a second, over the last ten, by key."""
        self._counted: dict[str, int] = {}
        self._recent_trades = recent_trades

    def take(self, topic: str, event: Event) -> None:
        """The next event of a topic, named without the prefix of this installation."""
        key = self._keep(topic, event)
        self.rates.count(topic)
        for observer in self.observers:
            observer(topic, key, event)

    def _keep(self, topic: str, event: Event) -> str:
        if topic == "consolidated":
            self.consolidated[event["symbol"], event["kind"]] = event
            return str(event["symbol"])
        if topic == "control.alerts":
            self.alert_rules[event["id"]] = event
            return str(event["id"])
        if "exchange" not in event:
            return ""
        key = event_key(event)
        if topic == "instruments":
            self.listings[key] = event
        elif topic == "alerts":
            self.alerts.append(event)
        elif topic == "control.subscriptions":
            self.subscriptions[key] = event
        elif topic in TOPICS:
            instrument = self.instruments.get(key)
            if instrument is None:
                instrument = self.instruments[key] = Instrument(
                    event["exchange"], event["market"], event["symbol"], recent_trades=self._recent_trades
                )
                self.by_symbol.setdefault(instrument.symbol, []).append(instrument)
            instrument.take(topic, event)
        return key

    def forget(self, topic: str, key: str) -> None:
        """A compacted topic has nothing of ``key`` any more."""
        if topic == "instruments":
            self.listings.pop(key, None)
        elif topic == "control.subscriptions":
            self.subscriptions.pop(key, None)
        elif topic == "control.alerts":
            self.alert_rules.pop(key, None)

    def tick(self, second: int) -> None:
        """A second (since the epoch) is over."""
        self.rates.tick(second)
        if second % _MEASURED_S == 0:
            counts = {key: each.updates for key, each in self.instruments.items()}
            self.update_rates = {
                key: (count - self._counted.get(key, count)) / _MEASURED_S for key, count in counts.items()
            }
            self._counted = counts

    def is_collected(self, key: str, now_us: int) -> bool:
        """Whether an instrument is collected: as it was asked for, else whether a frame of it came lately."""
        asked = self.subscriptions.get(key)
        if asked is not None:
            return bool(asked["on"])
        instrument = self.instruments.get(key)
        return instrument is not None and now_us - instrument.heard_us < _LATELY_US

    def select(self, takes: Callable[[str, str, str], bool] = lambda *_: True) -> list[Instrument]:
        """The instruments with live data, by key, that ``takes`` (exchange, market, symbol) says are wanted."""
        return [
            each
            for _, each in sorted(self.instruments.items())
            if takes(each.exchange, each.market, each.symbol)
        ]

    def newest_trades(self, takes: Callable[[str, str, str], bool]) -> Iterator[Event]:
        """The trades of all instruments that are chosen, newest first, as far as they are kept."""
        return heapq.merge(
            *(reversed(each.trades) for each in self.select(takes)),
            key=lambda trade: trade["receive_time"],
            reverse=True,
        )

    def require(self, exchange: str, market: str, symbol: str) -> Instrument:
        """The instrument of that name. Raises ``unknown_instrument`` (or ``unknown_exchange``), with the nearest that there is."""
        key = f"{exchange}.{market}.{symbol}"
        found = self.instruments.get(key)
        if found is None:
            raise self.unknown(exchange, market, symbol)
        return found

    def unknown(self, exchange: str, market: str, symbol: str) -> ApiError:
        """The error for an instrument that has no live data: it may be listed, or not exist at all."""
        key = f"{exchange}.{market}.{symbol}"
        if key in self.listings:
            return ApiError(
                404,
                "unknown_instrument",
                f"{key} is listed, but nothing of it is collected.",
                hint="POST /api/v1/subscriptions begins it.",
                field="symbol",
            )
        known = self.instruments.keys() | self.listings.keys()
        exchanges = {each.partition(".")[0] for each in known}
        if exchange not in exchanges:
            return ApiError(
                404,
                "unknown_exchange",
                f"Nothing is known of an exchange {exchange[:40]!r}.",
                hint=nearest(exchange, exchanges),
                field="exchange",
            )
        return ApiError(
            404,
            "unknown_instrument",
            f"Nothing is known of {key[:100]}.",
            hint=nearest(key, known),
            field="symbol",
        )
