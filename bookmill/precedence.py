"""Who gives way on a machine that has everything to do at once.

Whoever looks at a page or waits for an answer waits for the gateway. What is on its way there comes a moment later, what is stored a
moment later is stored as well, and a real exchange takes no processor of ours.
"""

from __future__ import annotations

from collections.abc import Mapping

from bookmill.settings import PlatformSettings

__all__ = ["gives_way"]

_ON_THE_WAY = 17
_BESIDE = 19
_GIVES_WAY: Mapping[str, int] = {
    "kafka": _ON_THE_WAY,
    "registry": _ON_THE_WAY,
    "producer": _ON_THE_WAY,
    "worker": _ON_THE_WAY,
    "exchange": _BESIDE,
    "sink": _BESIDE,
    "watcher": _BESIDE,
    "clickhouse": _BESIDE,
}


def gives_way(part: str, settings: PlatformSettings) -> int:
    """How far a part lets other programs go first, as ``nice`` has it: 0 is not at all."""
    return _GIVES_WAY.get(part, 0) if settings.gateway_first else 0
