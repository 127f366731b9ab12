"""What adapters have in common: defaults for what most venues do not have, and decoding by channel. A new venue starts here (docs/adding-an-exchange.md)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, TypeVar

import msgspec

from bookmill.errors import ConfigurationError, FrameError
from venues.history import NoHistory
from venues.interface import (
    Backfill,
    Channel,
    Continuity,
    KeepAlive,
    Levels,
    Limits,
    RestRequest,
    Route,
    TradeSequence,
    TradeSpan,
    Verdict,
)
from venues.messages import BookDiff, BookImage, Checksum, Message, Trade
from venues.numbers import ScaledNumbers

__all__ = ["UNREADABLE", "Adapter", "Decoder", "Following", "Ordered", "Routes", "chunks", "dated"]

_T = TypeVar("_T")

UNREADABLE: tuple[type[Exception], ...] = (msgspec.MsgspecError, ValueError, RecursionError)
"""What reading a text can raise: it is no JSON, not of the shape, no UTF-8, no number, it has a thousand brackets."""

_MISREAD: tuple[type[Exception], ...] = (*UNREADABLE, IndexError, KeyError, TypeError)
"""Beside that, what a venue's own text can do to a decoder: a short list, a word where a number belongs."""

Decoder = Callable[[bytes], Sequence[Message]]


class Adapter:
    """Defaults of :class:`venues.interface.Venue`. A venue's images come in its streams unless it says otherwise."""

    exchange: str
    market: str
    websocket_url: str
    rest_url: str
    limits: Limits
    continuity: Continuity
    channels: frozenset[Channel] = frozenset()
    kline_intervals: tuple[str, ...] = ()
    contracts: bool = False
    repeats_trades: bool = False
    keep_alive: KeepAlive | None = None
    depths: tuple[int, ...] = ()
    """Levels a side that its books can be subscribed with, the usual one first; none: it has one form only."""
    depth: int = 0
    image_channels: frozenset[str] = frozenset()
    trade_channels: frozenset[str] = frozenset()
    trade_sequence: TradeSequence = "none"
    market_wide: frozenset[str] = frozenset()
    ccxt_id: str = ""
    by_ccxt: bool = False
    key_header: str = ""

    _decoders: ClassVar[Mapping[str, str]] = {}
    """Method by the venue's channel name; a name that ends in ``*`` stands for all that begin so."""

    def __init__(self) -> None:
        self._scaled = ScaledNumbers()
        self._exact: dict[str, Decoder] = {}
        self._beginnings: list[tuple[str, Decoder]] = []
        for name, method in self._decoders.items():
            if name.endswith("*"):
                self._beginnings.append((name[:-1], getattr(self, method)))
            else:
                self._exact[name] = getattr(self, method)

    def set_depth(self, depth: int) -> None:
        """Books with so many levels a side; raises :class:`ConfigurationError` where the venue does not offer them."""
        if depth not in self.depths:
            raise ConfigurationError(
                f"{self.exchange}.{self.market} has no books of {depth} levels a side.",
                hint=f"It has {', '.join(map(str, self.depths))}." if self.depths else "Leave the depth out.",
            )
        self.depth = depth

    @property
    def book_channels(self) -> frozenset[str]:
        """Those with images, unless it says otherwise."""
        return self.image_channels

    def sequence(self, frame: bytes) -> int | None:  # noqa: ARG002  for venues that have one
        """No venue-wide counter."""
        return None

    def resubscribe(self, wire_symbol: str) -> Sequence[str]:  # noqa: ARG002  same
        """Images are asked of REST."""
        return ()

    def snapshot_request(self, wire_symbol: str, levels: int | None) -> RestRequest | None:  # noqa: ARG002  same
        """Images come in the stream."""
        return None

    def decode_snapshot(self, body: bytes) -> BookImage:  # noqa: ARG002  same
        """There is none."""
        raise FrameError(f"{self.exchange}.{self.market} has no REST snapshots.")

    def backfill(
        self,
        wire_symbol: str,  # noqa: ARG002  for venues that have one
        span: TradeSpan,  # noqa: ARG002  same
        *,
        aggregated: bool,  # noqa: ARG002  same
        has_key: bool,  # noqa: ARG002  same
    ) -> Backfill:
        """There is no history to ask for."""
        return NoHistory(f"{self.exchange}.{self.market} has no past trades to ask for.")

    def decode_backfill(self, body: bytes) -> Sequence[Trade]:
        """Read by :meth:`_past_trades`; raises :class:`FrameError`."""
        try:
            return self._past_trades(body)
        except FrameError:
            raise
        except _MISREAD as error:
            raise FrameError(f"Not an answer of {self.exchange} with past trades: {error}.") from error

    def _past_trades(self, body: bytes) -> Sequence[Trade]:  # noqa: ARG002  same
        """There are none."""
        raise FrameError(f"{self.exchange}.{self.market} has no past trades to ask for.")

    def used_weight(self, headers: Mapping[str, str]) -> int | None:  # noqa: ARG002  same
        """The exchange does not tell."""
        return None

    def decode(self, channel: str, frame: bytes) -> Sequence[Message]:
        """Frames of channels without a decoder say nothing to us: no message."""
        decoder = self._exact.get(channel) or self._decoder(channel)
        if decoder is None:
            return ()
        try:
            return decoder(frame)
        except FrameError:
            raise
        except _MISREAD as error:
            raise FrameError(f"Not a {self.exchange} {channel} frame: {error}.") from error

    def _decoder(self, channel: str) -> Decoder | None:
        return next((decoder for begin, decoder in self._beginnings if channel.startswith(begin)), None)


class Routes(dict[bytes, Route | None]):
    """Routes by the bytes of a frame that tell them, so that each is worked out once: ``routes[frame[start:end]]``.

    ``learn`` works one out; None, as for bytes that are no text, is for frames without market data. Bounded: past 100,000 the
    memory is emptied and starts again.
    """

    _MOST = 100_000

    def __init__(self, learn: Callable[[str], Route | None]) -> None:
        super().__init__()
        self._learn = learn

    def __missing__(self, head: bytes) -> Route | None:
        if len(self) >= self._MOST:
            self.clear()
        try:
            route = self._learn(head.decode())
        except UnicodeDecodeError:
            route = None
        self[head] = route
        return route


class Ordered:
    """No ids at all: what comes in order is applied (TCP keeps it); what is lost in between shows in a checksum or not at all."""

    checked_levels = 0

    def join(self, image_id: int, diff: BookDiff) -> Verdict:  # noqa: ARG002  the signature is the interface's
        """Whatever follows an image on its connection."""
        return Verdict.APPLY

    def follow(self, last_id: int, diff: BookDiff) -> Verdict:  # noqa: ARG002  same
        """Same."""
        return Verdict.APPLY

    def agrees(self, bids: Levels, asks: Levels, checksum: Checksum) -> bool:  # noqa: ARG002  same
        """There is no checksum."""
        return True


class Following(Ordered):
    """Each diff names the id it follows on (``previous_id``); images come in the stream."""

    def join(self, image_id: int, diff: BookDiff) -> Verdict:
        """As :meth:`follow`."""
        return self.follow(image_id, diff)

    def follow(self, last_id: int, diff: BookDiff) -> Verdict:
        """``previous_id`` is the last id; a diff seen before is old."""
        if diff.previous_id == last_id:
            return Verdict.APPLY
        return Verdict.OLD if diff.last_id <= last_id else Verdict.GAP


def chunks(items: Sequence[_T], size: int) -> list[Sequence[_T]]:
    """``items`` in pieces of at most ``size``."""
    return [items[start : start + size] for start in range(0, len(items), size)]


def dated(base: str, quote: str, *more: str) -> str:
    """``BASE-QUOTE``, what tells a dated contract or an option from others behind it: ``BTC-USD-261225``."""
    return "-".join(filter(None, (base, quote, *more)))
