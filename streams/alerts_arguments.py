"""What people write after ``bookmill alerts add``, read."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bookmill.errors import ConfigurationError

__all__ = ["made_up_id", "pairs", "pattern"]


def pattern(given: str) -> tuple[str, str, str]:
    """Exchange, market and symbol; what is left out is any."""
    exchange, market, symbol = (*given.strip().split(".", 2), "*", "*")[:3]
    return exchange.lower(), market.lower(), symbol.upper()


def pairs(parameters: Sequence[str]) -> dict[str, str]:
    """Names and values of ``name=value``; raises :class:`ConfigurationError` for what is none."""
    found: dict[str, str] = {}
    for each in parameters:
        name, equals, value = each.partition("=")
        if not equals:
            raise ConfigurationError(f"{each!r} is no parameter.", hint="Write name=value, like level=65000.")
        found[name.strip()] = value.strip()
    return found


def made_up_id(kind: str, exchange: str, market: str, symbol: str) -> str:
    """A rule's id where none is given: its kind and what it is about."""
    words = [kind, *(each for each in (exchange, market, symbol) if each != "*")]
    return re.sub(r"[^a-z0-9._-]+", "-", "-".join(words).lower())[:64].strip("-._") or "rule"
