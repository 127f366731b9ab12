"""A pipeline's passing of time: its parts looked after and asked how they are, its picture shown, signals noticed."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from bookmill.demo.exchange import SimulatedExchange
from bookmill.demo.interrupts import Interrupts
from bookmill.demo.picture import Picture, take
from bookmill.demo.pipeline import Pipeline
from bookmill.demo.statuses import Statuses
from bookmill.demo.supervisor import State

__all__ = ["TICK_S", "Display", "Watch"]

TICK_S = 0.1
_ASK_S = 1.0


class Display(AbstractContextManager["Display"], Protocol):
    """Where pictures are shown."""

    def show(self, picture: Picture) -> None:
        """Show one."""


class Watch:
    """``state`` is what is being done, in a word or two; ``display`` is None until pictures are to be shown, ``address`` the
    dashboard's where there is one.

    ``first_live_s``: seconds from the beginning to the first book that could be trusted.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        statuses: Statuses,
        interrupts: Interrupts,
        *,
        exchange: SimulatedExchange | None,
        title: str,
        data_dir: Path,
    ) -> None:
        self.state = "starting"
        self.address = ""
        self.display: Display | None = None
        self.first_live_s: float | None = None
        self._pipeline = pipeline
        self._statuses = statuses
        self._interrupts = interrupts
        self._exchange = exchange
        self._title = title
        self._data_dir = data_dir
        self._exchange_incarnation = 1
        self._asked_s = 0.0
        self._started_s = time.monotonic()

    @property
    def uptime_s(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self._started_s

    def tick(self) -> None:
        """A tenth of a second in the life of the pipeline."""
        self._pipeline.step()
        now_s = time.monotonic()
        if now_s - self._asked_s >= _ASK_S:
            self._asked_s = now_s
            self._pipeline.ask()
            self._ask_exchange()
            if self.first_live_s is None and self.books().get("live") and self._pipeline.tally.total("joins"):
                self.first_live_s = round(self.uptime_s, 1)
            self.show()
        time.sleep(TICK_S)
        self._interrupts.check()

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Let time pass until it holds."""
        while not condition():
            self.tick()

    def books(self) -> dict[str, int]:
        """How many there are, and how many of them can be trusted."""
        status = self._pipeline.statuses.get("worker")
        states = [each["state"] for each in status.statistics["instruments"].values()] if status else []
        return {"live": states.count("live"), "total": len(states)}

    def show(self) -> None:
        """Show the picture of this moment."""
        if self.display is None:
            return
        hint = (
            "Ctrl-C once more stops at once."
            if self._interrupts.count
            else "Ctrl-C stops in order, a second one at once."
        )
        self.display.show(
            take(
                self._pipeline,
                title=self._title,
                state=self.state,
                address=self.address,
                hint=hint,
                started_s=self._started_s,
                data_dir=self._data_dir,
            )
        )

    def _ask_exchange(self) -> None:
        if self._exchange is None:
            return
        part = self._pipeline.parts["exchange"]
        if part.incarnation != self._exchange_incarnation:
            self._exchange_incarnation = part.incarnation
            self._exchange.began_anew()
        if part.state is State.UP:
            self._exchange.ask(self._statuses.get)
