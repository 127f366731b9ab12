"""Rules of which alerts are made: what may stand in one, checked in one place for the command line, REST and watchers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from functools import cached_property, lru_cache
from typing import Annotated, Any, Literal, Self, get_args
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    field_validator,
    model_validator,
)

from bookmill.decimals import plain_text, scaled
from bookmill.errors import ConfigurationError
from schemas.market_kinds import MarketKind

__all__ = [
    "KINDS",
    "AlertRule",
    "ChangePercent",
    "Condition",
    "CrossVenue",
    "FeedStale",
    "GapOpened",
    "PriceCrosses",
    "RuleId",
    "SpreadBpsOver",
    "VolumeSpike",
    "matcher",
    "rule_from",
]

_PATTERN = r"^[A-Za-z0-9*._-]{1,100}$"
_LONGEST_WINDOW_S = 86_400

_Exact = Annotated[
    Decimal,
    Field(max_digits=38, decimal_places=18),
    PlainSerializer(lambda number: plain_text(scaled(number)), return_type=str),
]
_Positive = Annotated[_Exact, Field(gt=0, lt=10**18)]
_NotNegative = Annotated[_Exact, Field(ge=0, lt=10**18)]
_Direction = Literal["up", "down", "both"]
_Price = Literal["trade", "mid"]
_Window = Annotated[int, Field(ge=1, le=_LONGEST_WINDOW_S)]


RuleId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
"""Small letters, digits, dot, dash and underscore."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class PriceCrosses(_Model):
    """A price passes a level, coming from its other side. What is there already has not passed it."""

    kind: Literal["price_crosses"]
    level: _Positive
    """The price that is passed."""
    direction: _Direction = "both"
    """Which way."""
    price: _Price = "trade"
    """Whose: of the last trade, or the middle between best bid and ask of the book."""


class ChangePercent(_Model):
    """A price is farther than so many percent from the lowest (up) or highest (down) of the time before."""

    kind: Literal["change_percent"]
    window_s: _Window
    """How far back is looked, in time of receipt; in steps of a sixtieth of it."""
    percent: _Positive
    """How far it has to go."""
    direction: _Direction = "both"
    """Which way."""
    price: _Price = "trade"
    """Whose: of the last trade, or the middle between best bid and ask of the book."""


class SpreadBpsOver(_Model):
    """The spread between best bid and ask is wider than so many basis points."""

    kind: Literal["spread_bps_over"]
    bps: _NotNegative
    """How wide is not too wide."""
    origin: Literal["book", "ticker"] = "book"
    """Whose: of the built book, or the exchange's own best bid and ask."""


class VolumeSpike(_Model):
    """More is traded in a window than so many times the mean of the windows before."""

    kind: Literal["volume_spike"]
    window_s: _Window
    """How long a window is; they follow one another without gaps, in time of receipt, from the full day on."""
    factor: _Positive
    """How many times the mean of the windows before is too much."""
    minimum: _NotNegative = Decimal(0)
    """Less than this, in base units, is never too much."""
    windows: Annotated[int, Field(ge=1, le=100)] = 10
    """So many windows before are averaged; nothing is said until there are so many."""


class GapOpened(_Model):
    """Something is missing of a stream: the ledger of gaps says so. It has ended when all of it is closed."""

    kind: Literal["gap_opened"]
    stream: str = Field("*", pattern=r"^[A-Za-z0-9*@._-]{1,100}$")
    """Which: book, trades, or the exchange's own name of another stream, with stars."""


class FeedStale(_Model):
    """Nothing has come of an instrument for so long, by the clock, after something had."""

    kind: Literal["feed_stale"]
    seconds: Annotated[_Exact, Field(ge=1, le=_LONGEST_WINDOW_S)]
    """How long."""
    feed: Literal["any", "trades", "prices"] = "any"
    """Nothing of what: its trades, its best bid and ask and its book, or neither."""


class CrossVenue(_Model):
    """The best bid of one exchange is so many basis points above the best ask of another."""

    kind: Literal["cross_venue"]
    bps: Annotated[_Exact, Field(gt=-(10**18), lt=10**18)]
    """How far above is not too far."""


Condition = Annotated[
    PriceCrosses | ChangePercent | SpreadBpsOver | VolumeSpike | GapOpened | FeedStale | CrossVenue,
    Field(discriminator="kind"),
]

KINDS: dict[str, type[_Model]] = {
    model.model_fields["kind"].annotation.__args__[0]: model  # type: ignore[union-attr]  # a Literal each
    for model in (
        PriceCrosses,
        ChangePercent,
        SpreadBpsOver,
        VolumeSpike,
        GapOpened,
        FeedStale,
        CrossVenue,
    )
}
"""What a rule can watch for, by name."""

_WITHOUT_WAY_BACK = frozenset({"gap_opened", "feed_stale"})


class AlertRule(_Model):
    """A rule: of which instruments, what is watched for, and who is told."""

    id: RuleId
    """Small letters, digits, dot, dash and underscore."""
    name: str = Field("", max_length=200)
    """What people call it; its id where nothing is said."""
    on: bool = True
    """Whether it is watched."""
    exchange: str = Field("*", pattern=_PATTERN)
    """Which exchanges, with stars; each instrument is watched for itself."""
    market: str = Field("*", pattern=_PATTERN)
    """Which markets, with stars; of `cross_venue`: spot, perpetual, future or option."""
    symbol: str = Field("*", pattern=_PATTERN)
    """Which symbols, with stars: BTC-USDT, *-USDT."""
    condition: Condition
    """What is watched for."""
    hysteresis: _NotNegative = Decimal(0)
    """How far what is measured has to go back behind the threshold before it counts as ended, in the threshold's unit."""
    cooldown_s: Annotated[_Exact, Field(ge=0, le=604_800)] = Decimal(0)
    """For so long after an alert of an instrument there is no other of it."""
    webhook: str | None = Field(None, max_length=2000)
    """Address that is told each alert by POST."""
    dashboard: bool = True
    """Whether the dashboard shall call attention to its alerts."""
    cleared: bool = True
    """Whether the webhook is told when it has ended too."""

    @field_validator("webhook")
    @classmethod
    def _an_address(cls, given: str | None) -> str | None:
        if given is None:
            return None
        try:
            parts = urlsplit(given)
            _ = parts.port
        except ValueError:
            raise ValueError("it is no URL") from None
        if parts.scheme not in ("http", "https") or not parts.hostname or not given.isprintable():
            raise ValueError("it is no URL of http or https")
        if parts.username is not None or parts.password is not None:
            raise ValueError("user and password are not sent: use a secret path, or the signature")
        return given

    @model_validator(mode="after")
    def _together(self) -> Self:
        kind = self.condition.kind
        if kind == "cross_venue" and self.exchange != "*":
            raise ValueError("cross_venue is about all exchanges: its exchange is *")
        if kind == "cross_venue" and not any(map(matcher(self.market).fullmatch, get_args(MarketKind))):
            raise ValueError("the market of cross_venue is spot, perpetual, future or option")
        if kind in _WITHOUT_WAY_BACK and self.hysteresis:
            raise ValueError(f"{kind} has no threshold that hysteresis could belong to")
        return self

    @property
    def title(self) -> str:
        """What it is called."""
        return self.name or self.id

    @property
    def parameters(self) -> dict[str, str]:
        """What belongs to its kind, as texts."""
        return {name: str(value) for name, value in self.condition.model_dump(exclude={"kind"}).items()}

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return matcher(f"{self.exchange}\n{self.market}\n{self.symbol}")

    def is_about(self, exchange: str, market: str, symbol: str) -> bool:
        """Whether it watches this instrument."""
        return self._pattern.fullmatch(f"{exchange}\n{market}\n{symbol}") is not None


@lru_cache(maxsize=4096)
def matcher(pattern: str) -> re.Pattern[str]:
    """Of a text with stars; a star is any number of characters of one line."""
    return re.compile(".*".join(map(re.escape, pattern.split("*"))))


def rule_from(given: Mapping[str, Any]) -> AlertRule:
    """A rule of what a person or a record says; raises :class:`ConfigurationError`, in one sentence, for what is none."""
    try:
        return AlertRule.model_validate(dict(given))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        if first["type"].startswith("union_tag"):
            named = first.get("ctx", {}).get("tag")
            said = f"there is no kind {named!r}" if named else "it names no kind"
            raise ConfigurationError(f"No alert rule: {said}.", hint=f"Kinds: {', '.join(KINDS)}.") from error
        steps = [str(step) for step in first["loc"] if step not in KINDS]
        where = f"{steps[-1]}: " if steps else ""
        said = str(first["msg"]).removeprefix("Value error, ").rstrip(".")
        raise ConfigurationError(f"No alert rule: {where}{said[:1].lower()}{said[1:]}.") from error
