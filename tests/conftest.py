"""What all tests share: the order of their files, and that none is judged by its time."""

from __future__ import annotations

import pytest
from hypothesis import settings

settings.register_profile("bookmill", deadline=None)  # a busy machine is no failure
settings.load_profile("bookmill")

_FIRST = (
    "chaos",
    "recordings",
    "sink",
    "dashboard",
    "gateway_history",
    "gateway",
    "watcher",
    "session_logs",
    "producers",
    "demo",
    "embedded_platform",
    "worker",
    "bench",
    "simulator",
)
"""Files that take longest begin first (the second and the third go to one process each): files are dealt out whole, and a long
one that begins last is waited for by all."""

_RANKS = {f"test_{name}.py": rank for rank, name in enumerate(_FIRST)}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Within a file the order stays."""
    items.sort(key=lambda item: _RANKS.get(item.path.name, len(_RANKS)))
