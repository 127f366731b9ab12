"""What a client says: JSON with an ``op``, or the plain form. Whatever it is, it is understood or answered with the reason."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias, get_args

import msgspec

from gateway.errors import ApiError

__all__ = [
    "CHANNELS",
    "MOST_DEPTH",
    "OF_SYMBOL",
    "PLACELESS",
    "Channel",
    "Number",
    "OfSymbol",
    "Ping",
    "Request",
    "Subscribe",
    "Unsubscribe",
    "matches",
    "number_of",
    "read",
    "step_down",
]

Channel = Literal[
    "prices",
    "trades",
    "book",
    "tickers",
    "klines",
    "derivatives",
    "liquidations",
    "gaps",
    "consolidated",
    "alerts",
    "status",
]
CHANNELS: tuple[Channel, ...] = get_args(Channel)
PLACELESS: frozenset[Channel] = frozenset({"alerts", "status"})
"""Channels that are not of an instrument."""

OF_SYMBOL: tuple[Channel, ...] = ("prices", "trades")
"""What a symbol alone stands for."""

MOST_DEPTH = 5000
RATES = (100.0, 50.0, 20.0, 10.0, 5.0, 2.0, 1.0, 0.5, 0.2, 0.1)
"""Messages a second that can be had; the fewer there are, the more clients share one."""

_LONGEST = 200
_MOST_STARS = 8
_FORM = 'Send JSON with an "op", or plain text: subscribe:BTCUSDT, subscribe:trades:binance.spot.BTC-USDT, unsubscribe:…, ping.'

Number: TypeAlias = int | str | None
"""What a client numbers its messages with; the answer has it too."""

_Id = (
    Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)] | Annotated[str, msgspec.Meta(max_length=100)] | None
)
_Pattern = Annotated[str, msgspec.Meta(min_length=1, max_length=_LONGEST)]


class Subscribe(msgspec.Struct, tag_field="op", tag="subscribe", frozen=True):
    """``instrument`` may have stars; None for channels that are not of one."""

    channel: Channel
    instrument: _Pattern | None = None
    depth: Annotated[int, msgspec.Meta(ge=1, le=MOST_DEPTH)] | None = None
    rate: Annotated[float, msgspec.Meta(ge=0.1, le=1_000_000)] | None = None
    id: _Id = None


class Unsubscribe(msgspec.Struct, tag_field="op", tag="unsubscribe", frozen=True):
    """All of a channel and instrument, or the one with that ``sid``."""

    channel: Channel
    instrument: _Pattern | None = None
    sid: int | None = None
    id: _Id = None


class Ping(msgspec.Struct, tag_field="op", tag="ping", frozen=True):
    """Answered with ``pong``."""

    id: _Id = None


class OfSymbol(msgspec.Struct, frozen=True):
    """``subscribe`` to prices and trades of every instrument of a symbol, which may lack its dash, or the end of that."""

    symbol: str
    subscribe: bool
    id: None = None


Request: TypeAlias = Subscribe | Unsubscribe | Ping | OfSymbol


class _Numbered(msgspec.Struct):
    id: Any = None


_decode = msgspec.json.Decoder(Subscribe | Unsubscribe | Ping).decode
_decode_number = msgspec.json.Decoder(_Numbered).decode


def read(text: str) -> Request:
    """One message. Raises :class:`ApiError` with what is wrong with it."""
    if text.lstrip()[:1] != "{":
        return _plain(text.strip())
    try:
        request: Subscribe | Unsubscribe | Ping = _decode(text)
    except msgspec.ValidationError as error:
        said, _, where = str(error).partition(" - at `$")
        field = where.strip(".`") or None
        raise ApiError(
            400,
            "bad_request",
            f"{field or 'The message'}: {said[:1].lower()}{said[1:]}.",
            hint=_FORM,
            field=field,
        ) from None
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ApiError(400, "bad_request", f"The message is no JSON: {error}.", hint=_FORM) from None
    if isinstance(request, Subscribe) and request.depth is not None and request.channel != "book":
        raise ApiError(400, "bad_request", "depth is for the channel book alone.", field="depth")
    if not isinstance(request, Ping):
        _require_place(request)
    return request


def number_of(text: str) -> Number:
    """The number of a message that is not understood, where it has one."""
    try:
        found = _decode_number(text).id
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    return (
        found
        if isinstance(found, int | str) and not isinstance(found, bool) and len(str(found)) <= 100
        else None
    )


def step_down(rate: float | None) -> float | None:
    """The highest rate that can be had and is not above ``rate``."""
    return None if rate is None else next(each for each in RATES if each <= rate)


def matches(pattern: str, key: str) -> bool:
    """Whether a name is of a pattern; a star stands for any characters, also none."""
    first, *rest = pattern.split("*")
    if not rest:
        return first == key
    *middle, last = rest
    if not key.startswith(first) or len(key) < len(first) + len(last) or not key.endswith(last):
        return False
    at, end = len(first), len(key) - len(last)
    for part in middle:
        found = key.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


def _plain(text: str) -> Request:
    if text == "ping":
        return Ping()
    op, _, rest = text.partition(":")
    if op not in ("subscribe", "unsubscribe") or not rest or len(rest) > _LONGEST:
        raise ApiError(400, "bad_request", f"{text[:40]!r} is no message.", hint=_FORM)
    channel, _, instrument = rest.partition(":")
    if channel not in CHANNELS and not instrument:
        return OfSymbol(channel, subscribe=op == "subscribe")
    if channel not in CHANNELS:
        raise ApiError(
            400,
            "bad_request",
            f"There is no channel {channel[:40]!r}.",
            hint=f"There are {', '.join(CHANNELS)}.",
            field="channel",
        )
    request: Subscribe | Unsubscribe
    request = (Subscribe if op == "subscribe" else Unsubscribe)(channel, instrument or None)
    _require_place(request)
    return request


def _require_place(request: Subscribe | Unsubscribe) -> None:
    channel, instrument = request.channel, request.instrument
    if channel in PLACELESS:
        if instrument not in (None, "*"):
            raise ApiError(400, "bad_request", f"{channel} is not of an instrument.", field="instrument")
    elif instrument is None:
        raise ApiError(
            400,
            "bad_request",
            f"{channel} needs an instrument.",
            hint="Name one, binance.spot.BTC-USDT, or several with stars: binance.*.BTC-USDT, *.",
            field="instrument",
        )
    elif instrument.count("*") > _MOST_STARS:
        raise ApiError(400, "bad_request", "An instrument has eight stars at most.", field="instrument")
