"""Scripted misbehaviour: what a test can make the exchange do wrong, in-process or by ``POST /simulator/faults``.

Each fault is counted down: it happens to the next N calls or frames, then the exchange behaves again.
"""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args

from bookmill.errors import ConfigurationError
from simulator.hub import Disturbance, Hub

__all__ = ["BreakableConnection", "Faults", "RestFault", "RestFaults", "call_named"]


@dataclass(frozen=True)
class RestFault:
    """What happens to one depth snapshot call, after ``delay_s`` seconds: the ``status`` (200: an answer), or a bad book.

    ``content``: ``good``; ``stale`` is a book older than every frame; ``empty`` has ``lastUpdateId`` -1 and no levels.
    """

    status: int = 200
    retry_after_s: int = 1
    delay_s: float = 0.0
    content: Literal["good", "stale", "empty"] = "good"


class RestFaults:
    """The faults waiting for the next depth snapshot calls, first in first out."""

    def __init__(self) -> None:
        self._waiting: deque[RestFault] = deque()

    def add(self, fault: RestFault, count: int) -> None:
        """Let the fault happen to ``count`` calls."""
        self._waiting.extend([fault] * count)

    def take(self) -> RestFault | None:
        """The fault for the call at hand."""
        return self._waiting.popleft() if self._waiting else None


class BreakableConnection(Protocol):
    """What can be done to an open connection."""

    def cut(self) -> None:
        """End it without a close frame: the client sees 1006."""

    def freeze(self) -> None:
        """Half-open: the socket stays, nothing is sent, read or answered any more."""

    def close(self, code: int, reason: str) -> None:
        """An orderly close."""

    def announce_shutdown(self) -> None:
        """Send the exchange's shutdown notice."""

    def forget(self) -> None:
        """Lose its subscriptions."""


class Faults:
    """Faults of one market, one method each; :meth:`apply` takes the same by name, as JSON brings them.

    ``wire`` turns a ``BASE-QUOTE`` symbol into the exchange's own.
    """

    def __init__(
        self,
        hub: Hub,
        rest: RestFaults,
        connections: Callable[[], Iterable[BreakableConnection]],
        wire: Callable[[str], str] = str,
    ) -> None:
        self._hub = hub
        self._wire = wire
        self._rest = rest
        self._connections = connections
        self.refusing = False
        """Whether whoever wants to connect is turned away."""

    def refuse_snapshots(self, count: int = 1, status: int = 429, retry_after_s: int = 1) -> None:
        """Answer the next snapshot calls with an HTTP error (429, 418, 403, 451, 503 …)."""
        self._rest.add(RestFault(status=status, retry_after_s=retry_after_s), count)

    def stale_snapshots(self, count: int = 1) -> None:
        """Serve a book older than every frame that was ever sent."""
        self._rest.add(RestFault(content="stale"), count)

    def empty_snapshots(self, count: int = 1) -> None:
        """Serve ``lastUpdateId`` -1 and no levels, as for a new listing."""
        self._rest.add(RestFault(content="empty"), count)

    def delay_snapshots(self, count: int = 1, delay_s: float = 1.0) -> None:
        """Serve a good book, late: it is taken when the call comes, and lags the stream when it arrives."""
        self._rest.add(RestFault(delay_s=delay_s), count)

    def disturb(self, stream: str, what: Disturbance = "drop", count: int = 1) -> None:
        """Drop, duplicate or corrupt the next frames of a stream, or send each behind the one after it (reorder)."""
        if what not in get_args(Disturbance):
            raise ConfigurationError(
                f"A frame cannot be disturbed by '{what}'.",
                hint=f"Known: {', '.join(get_args(Disturbance))}.",
            )
        channels = self._hub.named(stream)
        if not channels:
            known = ", ".join(sorted(self._hub.channels)[:6])
            raise ConfigurationError(
                f"There is no stream '{stream}' here to disturb.", hint=f"Known: {known}."
            )
        for channel in channels:
            channel.disturbances.extend([what] * count)

    def cut_connections(self) -> None:
        """End all connections without a close frame."""
        for connection in self._connections():
            connection.cut()

    def refuse_connections(self, *, refuse: bool = True) -> None:
        """Turn away whoever wants to connect, until told otherwise; connections that stand are not touched."""
        self.refusing = refuse

    def freeze_connections(self) -> None:
        """Make all connections half-open."""
        for connection in self._connections():
            connection.freeze()

    def close_connections(self, code: int = 1001, reason: str = "") -> None:
        """Close all connections in order."""
        for connection in self._connections():
            connection.close(code, reason)

    def announce_shutdown(self) -> None:
        """Send the exchange's shutdown notice on all connections."""
        for connection in self._connections():
            connection.announce_shutdown()

    def forget_subscriptions(self) -> None:
        """All connections stay and go on as they do, with heartbeats and answers, but bring no market data any more."""
        for connection in self._connections():
            connection.forget()

    def scenario(self, symbol: str, name: str, **arguments: Any) -> None:
        """Scripted misbehaviour of this exchange on one synthetic instrument, named as on the wire or ``BASE-QUOTE``."""
        feeds = self._hub.feeds
        wire = symbol if symbol in feeds else self._wire(symbol)
        if wire not in feeds:
            raise ConfigurationError(
                f"There is no synthetic instrument '{symbol}' here.",
                hint=f"Known: {', '.join(list(feeds)[:6])}.",
            )
        feeds[wire].scenario(name, **arguments)

    def apply(self, fault: str, arguments: dict[str, Any]) -> None:
        """Call the fault of that name; raises :class:`ConfigurationError` for an unknown name or argument."""
        names = [name for name in vars(type(self)) if not name.startswith("_") and name != "apply"]
        call_named("fault", {name: getattr(self, name) for name in names}, fault, arguments)


def call_named(
    what: str, known: Mapping[str, Callable[..., None]], name: str, arguments: Mapping[str, Any]
) -> None:
    """Call one of several by its name, for faults and scenarios; raises :class:`ConfigurationError` when it cannot be."""
    if name not in known:
        hint = f"Known: {', '.join(known)}." if known else f"There is no {what} at all."
        raise ConfigurationError(f"There is no {what} '{name}'.", hint=hint)
    try:
        inspect.signature(known[name]).bind(**arguments)
    except TypeError as error:
        raise ConfigurationError(f"The {what} '{name}' cannot be called so: {error}.") from error
    known[name](**arguments)
