"""The settings in effect, for anybody to read: no secret is among them, wherever it may stand."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import Any

from bookmill.addresses import Addresses
from bookmill.settings import Settings

__all__ = ["MASK", "effective"]

MASK = "**********"
_PASSWORD = re.compile(r"(://)[^/?#@\s]*@")


def effective(settings: Settings, addresses: Addresses) -> dict[str, Any]:
    """All of them by section, and under ``addresses`` where the other sides were found."""
    masked: dict[str, Any] = _masked({**settings.model_dump(mode="json"), "addresses": asdict(addresses)})
    return masked


def _masked(value: Any) -> Any:
    """Secrets are masked by their type already; a password may stand in an address too."""
    if isinstance(value, dict):
        return {name: _masked(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_masked(each) for each in value]
    return _PASSWORD.sub(rf"\1{MASK}@", value) if isinstance(value, str) else value
