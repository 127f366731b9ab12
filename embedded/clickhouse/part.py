"""ClickHouse as a part of the platform: a process of its own that owns the data folder."""

from __future__ import annotations

import os
import sys

from embedded.part import Part, Place, answers
from embedded.progress import Progress

__all__ = ["ClickHouse"]


class ClickHouse(Part):
    """The server of ``embedded.clickhouse``. ``place.data`` is the engine's data folder."""

    key = "clickhouse"
    name = "ClickHouse"
    grace_s = 20.0

    def __init__(self, place: Place, *, port: int) -> None:
        super().__init__(place)
        self._port = port

    @property
    def address(self) -> str:
        """URL of the HTTP interface."""
        return f"http://127.0.0.1:{self._port}"

    def prepare(self, progress: Progress) -> None:  # noqa: ARG002  there is nothing long to do
        """Make the data folder."""
        self.place.data.mkdir(parents=True, exist_ok=True)

    def command(self) -> list[str]:
        """A new interpreter: the engine must never be in a forked process."""
        return [sys.executable, "-m", "embedded.clickhouse", str(self.place.data), str(self._port)]

    def environment(self) -> dict[str, str]:
        """Ours; log lines come out at once."""
        return {**os.environ, "PYTHONUNBUFFERED": "1"}

    def answers(self) -> bool:
        """Whether it answers a ping."""
        return answers(f"{self.address}/ping")
