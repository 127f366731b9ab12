"""From ccxt's structures to the values of polled records (:mod:`venues.polled`). Numbers stay the texts they were.

ccxt's structures were made with ``number = str``. A number that is no text has been a float on its way: it is refused, not
rounded. Pure; raises :class:`FrameError`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bookmill.errors import FrameError
from venues.polled import Bar, Bars, Book, PolledTicker, PolledTrade

__all__ = ["bars", "book", "ticker", "trades"]

CcxtStructure = Mapping[str, Any]


def book(told: CcxtStructure) -> Book:
    """``nonce`` is the exchange's number of the book's state, where it has one."""
    return Book(
        [(_text(level[0]), _text(level[1])) for level in told["bids"]],
        [(_text(level[0]), _text(level[1])) for level in told["asks"]],
        _integer(told.get("timestamp")),
        _integer(told.get("nonce")),
    )


def trades(told: Sequence[CcxtStructure], *, aggregated: bool = False) -> list[PolledTrade]:
    """Oldest first. Trades whose taker's side the exchange does not tell are left out: nobody could say what they are.

    Where an exchange does not number its trades the id is made of what the trade is, and of how many just like it stood before.
    """
    made: list[PolledTrade] = []
    alike: dict[str, int] = {}
    for one in told:
        price, quantity, side = _text(one["price"]), _text(one["amount"]), one.get("side")
        if side not in {"buy", "sell"}:
            continue
        time_ms = _integer(one.get("timestamp"))
        name = str(one.get("id") or "")
        if not name:
            content = f"{time_ms}/{price}/{quantity}/{side}"
            alike[content] = alike.get(content, 0) + 1
            name = f"{content}/{alike[content]}"
        made.append(PolledTrade(name, price, quantity, side, time_ms, aggregated))
    if all(one.id.isdecimal() for one in made):
        made.sort(key=lambda one: int(one.id))  # as numbers: ccxt has sorted them as texts
    return made


def ticker(told: CcxtStructure) -> PolledTicker | None:
    """None before the first trade. ccxt computes what an exchange does not tell, with rounded quotients: such figures are left out."""
    if told.get("last") is None:
        return None
    given = set(_leaves(told.get("info")))

    def exact(name: str) -> str | None:
        text = _optional(told.get(name))
        return text if text in given else None

    return PolledTicker(
        _text(told["last"]),
        exact("open"),
        exact("high"),
        exact("low"),
        exact("baseVolume"),
        exact("quoteVolume"),
        _integer(told.get("timestamp")),
    )


def bars(told: Sequence[Sequence[Any]], interval: str, *, length_ms: int, now_ms: int) -> Bars:
    """A bar is over when another has begun; the last one is not before its time, and after that nobody has said it yet."""
    made = [
        Bar(
            int(row[0]),
            _text(row[1]),
            _text(row[2]),
            _text(row[3]),
            _text(row[4]),
            _optional(row[5] if len(row) > 5 else None),
            True,
        )
        for row in told
    ]
    if made:
        made[-1].closed = False if now_ms < made[-1].open_ms + length_ms else None
    return Bars(interval, made)


def _text(number: Any) -> str:
    if not isinstance(number, str):
        raise FrameError(f"ccxt gives {number!r} where the exchange's own text is needed.")
    return number


def _optional(number: Any) -> str | None:
    return None if number is None else _text(number)


def _integer(number: Any) -> int | None:
    return None if number is None else int(number)


def _leaves(info: Any) -> Iterator[str]:
    """All texts in an exchange's own answer."""
    if isinstance(info, str):
        yield info
    elif isinstance(info, Mapping):
        for value in info.values():
            yield from _leaves(value)
    elif isinstance(info, list):
        for value in info:
            yield from _leaves(value)
