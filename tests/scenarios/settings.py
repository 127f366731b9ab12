"""How each market is run here: nothing but what its exchange makes necessary."""

from __future__ import annotations

from typing import Any

from tests.scenarios.room import Room

__all__ = ["room_of"]

_SETTINGS: dict[str, dict[str, Any]] = {
    # Five requests, the first of them for no stream.
    "coinbase-advanced": {"silent_after_s": 2.0},
    "okx": {"instruments_refresh_s": 1.0},
}


def room_of(name: str, **more: Any) -> Room:
    """The market of that name."""
    return Room(name, **{**_SETTINGS.get(name.partition(".")[0], {}), **more})
