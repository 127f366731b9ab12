"""What can be made to go wrong with one instrument of the simulated OKX (protocol page, sections 5.3 and 14.1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal, get_args

from bookmill.errors import ConfigurationError
from simulator.okx_book import BookWindow, checksum

if TYPE_CHECKING:
    from simulator.okx_feed import OkxFeed

__all__ = ["Scenarios"]

_Mode = Literal["zero", "absent", "valid", "wrong"]
_AUCTION_TICKS = 5


class Scenarios:
    """The scenarios of a feed, and what they have left for its next frames. By default the checksum is the constant 0."""

    def __init__(self, feed: OkxFeed) -> None:
        self._feed = feed
        self._reset_to: int | None = None
        self._mode: _Mode = "zero"
        self._ids = True
        self._auction: tuple[int, float] | None = None
        self.state = "live"

    def known(self) -> Mapping[str, Callable[..., None]]:
        """By name."""
        return {
            "heartbeat": self.heartbeat,
            "maintenance": self.maintenance,
            "checksum": self.checksum,
            "auction": self.auction,
            "liquidation": self.liquidation,
            "instrument_state": self.instrument_state,
        }

    def heartbeat(self) -> None:
        """Send a frame without a change now: seqId and prevSeqId are the last seqId."""
        self._feed.heartbeat()

    def maintenance(self, to: int = 3) -> None:
        """A frame without a change now; the next change counts from ``to`` on (documents: 10, 15, 15, 3, 5)."""
        self.heartbeat()
        self._reset_to = to

    def checksum(self, mode: str = "valid", ids: bool = True) -> None:  # noqa: FBT001, FBT002  arguments come by name
        """``zero`` as since 2026-06-23; ``absent``; ``valid`` as before; ``wrong``. ``ids`` False: no seqId, as in 2022."""
        if mode not in get_args(_Mode):
            raise ConfigurationError(
                f"There is no checksum mode '{mode}'.", hint=f"Known: {', '.join(get_args(_Mode))}."
            )
        self._mode = mode  # type: ignore[assignment]  # just looked at
        self._ids = ids

    def auction(self, seconds: float = 5.0, ticks: int = _AUCTION_TICKS) -> None:
        """A bid so many ticks above the best ask, for so long: legal in a call auction."""
        self._end_auction()
        asks = self._feed.truth().asks
        price = asks[0][0] + ticks
        self._auction = (price, self._feed.time_ms + seconds * 1000)
        self._feed.overlay({price: 1})

    def liquidation(self, side: str = "sell", lots: int = 0) -> None:
        """A liquidation order now; ``sell`` closes a long position."""
        if self._feed.contract.kind == "SPOT" or side not in ("buy", "sell"):
            raise ConfigurationError(
                f"There is no liquidation '{side}' on okx {self._feed.contract.kind.lower()}.",
                hint="sell or buy, of swaps and futures.",
            )
        self._feed.liquidate(side, lots)

    def instrument_state(self, state: str = "suspend") -> None:
        """What the metadata says from now on: live, suspend, preopen, test, rebase, post_only, settling."""
        self.state = state

    # What the feed asks.

    def take_reset(self) -> int | None:
        """The id the change at hand takes, where a maintenance has just been."""
        reset_to, self._reset_to = self._reset_to, None
        return reset_to

    def second(self, time_ms: int) -> None:
        """End what is over."""
        if self._auction is not None and time_ms >= self._auction[1]:
            self._end_auction()

    def _end_auction(self) -> None:
        if self._auction is not None:
            price, self._auction = self._auction[0], None
            self._feed.overlay({price: dict(self._feed.truth().bids).get(price, 0)})

    def integrity(self, previous: int, seq: int, book: BookWindow) -> str:
        """Checksum and ids as they stand in a frame after which the book is this."""
        text = ""
        if self._mode == "zero":
            text = ',"checksum":0'
        elif self._mode != "absent":
            value = checksum(*book.levels(), self._feed.price, self._feed.quantity)
            text = f',"checksum":{value if self._mode == "valid" else value ^ 1}'
        return f'{text},"prevSeqId":{previous},"seqId":{seq}' if self._ids else text
