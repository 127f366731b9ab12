"""What a stream of messages tells: each kind stands at what its clients have, and knows what has come since.

Clients that join while something waits to be told get what the others have, and then the same update as they.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol, TypeAlias

from gateway.views import age
from schemas.fields import Event

__all__ = ["NEWEST", "Content", "Item", "Keyed", "Latest", "Listed"]

Item: TypeAlias = dict[str, Any]
"""Something in its JSON form."""

NEWEST = 50
"""Of lists, how many a snapshot has."""
_MOST_WAITING = 1000


class Content(Protocol):
    """``lasting``: a snapshot says the same until the next update."""

    lasting: bool

    @property
    def seq(self) -> int | None:
        """Where it stands, of what counts itself."""

    @property
    def overflows(self) -> bool:
        """More has come than one update can hold."""

    def settle(self) -> bool:
        """Stand at what is true now; False: there is nothing to say yet."""

    def take(self, news: Any) -> bool:
        """Something has happened: whether clients are to be told."""

    def update(self) -> Any:
        """What has come since the message before, which clients have from now on; None: nothing."""

    def snapshot(self) -> Any:
        """What clients have."""


class _Uncounted:
    lasting = True
    seq: int | None = None
    overflows = False


class Latest(_Uncounted):
    """One thing as it is now. ``view`` gives it with ``age_ms`` and ``stale`` where it has a time, None while there is none."""

    lasting = False

    def __init__(
        self, view: Callable[[], Item | None], clock: Callable[[], int], stale_after_us: int
    ) -> None:
        self._view = view
        self._clock = clock
        self._stale_after_us = stale_after_us
        self._sent: Item | None = None
        self._said: Item = {}

    def settle(self) -> bool:
        self._sent = self._view()
        if self._sent is not None:
            self._said = _ageless(self._sent)
        return self._sent is not None

    def take(self, news: Any) -> bool:  # noqa: ARG002  the newest is asked for when it is sent
        return True

    def update(self) -> Item | None:
        """Nothing where only its age is another."""
        now = self._view()
        if now is None or (said := _ageless(now)) == self._said:
            return None
        self._sent, self._said = now, said
        return now

    def snapshot(self) -> Item:
        """With the age that it has now."""
        sent = self._sent or {}
        received_us = sent.get("receive_time_us")
        if received_us is None:
            return sent
        live = sent.get("state", "live") == "live"
        return {**sent, **age(received_us, self._clock(), self._stale_after_us, live=live)}


class Listed(_Uncounted):
    """Things that happen, oldest first. ``newest`` gives those that are known, ``present`` the form of one."""

    def __init__(self, newest: Callable[[], Iterable[Event]], present: Callable[[Event], Item]) -> None:
        self._newest = newest
        self._present = present
        self._had: deque[Item] = deque(maxlen=NEWEST)
        self._waiting: list[Item] = []

    @property
    def overflows(self) -> bool:  # type: ignore[override]
        return len(self._waiting) > _MOST_WAITING

    def settle(self) -> bool:
        self._waiting = []
        self._had.clear()
        self._had.extend(map(self._present, self._newest()))
        return True

    def take(self, news: Event) -> bool:
        if not self.overflows:
            self._waiting.append(self._present(news))
        return True

    def update(self) -> list[Item] | None:
        waiting, self._waiting = self._waiting, []
        self._had.extend(waiting)
        return waiting or None

    def snapshot(self) -> list[Item]:
        return list(self._had)


class Keyed(_Uncounted):
    """Several things, each with a name, as they are now. ``ended`` says of an event that it is the last one of its name."""

    def __init__(
        self,
        known: Callable[[], Mapping[str, Event]],
        name: Callable[[Event], str],
        present: Callable[[Event], Item],
        ended: Callable[[Event], bool] = lambda _: False,
        *,
        empty: bool = False,
    ) -> None:
        self._known = known
        self._name = name
        self._present = present
        self._ended = ended
        self._empty = empty
        """Whether that there are none is something to say."""
        self._had: dict[str, Item] = {}
        self._waiting: dict[str, Event] = {}

    def settle(self) -> bool:
        self._waiting = {}
        self._had = {name: self._present(event) for name, event in self._known().items()}
        return bool(self._had) or self._empty

    def take(self, news: Event) -> bool:
        self._waiting[self._name(news)] = news
        return True

    def update(self) -> list[Item] | None:
        waiting, self._waiting = self._waiting, {}
        told = []
        for name, event in waiting.items():
            item = self._present(event)
            told.append(item)
            if self._ended(event):
                self._had.pop(name, None)
            else:
                self._had[name] = item
        return told or None

    def snapshot(self) -> list[Item]:
        return list(self._had.values())


def _ageless(item: Item) -> Item:
    return {name: value for name, value in item.items() if name not in ("age_ms", "stale")}
