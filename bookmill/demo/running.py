"""One run of the whole pipeline: bring it up, let it work, drain it, stop it in order, count what came of it."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from typing import Any

from bookmill.addresses import Addresses, embedded_state, resolve
from bookmill.check import require_configured
from bookmill.demo.account import Account, Figures
from bookmill.demo.drain import Drain, Verdict
from bookmill.demo.exchange import SimulatedExchange
from bookmill.demo.interrupts import InterruptedRunError, Interrupts
from bookmill.demo.names import dashboard_address, environment, markets, needs_platform
from bookmill.demo.pipeline import PROGRAM, Pipeline, inherited
from bookmill.demo.ports import this_or_free_port
from bookmill.demo.statuses import Statuses
from bookmill.demo.summary import Summary
from bookmill.demo.supervisor import State
from bookmill.demo.watch import TICK_S, Display, Watch
from bookmill.errors import UnavailableError
from bookmill.processes import Child
from bookmill.settings import Settings

__all__ = ["Run"]

_LEADERS_S = 30.0
_TERMINATED = (
    128 + signal.SIGTERM
)  # it was asked to stop before it could do so in order: nothing was begun yet
_MILL = {"producer": ["produce"], "worker": ["worker"], "sink": ["sink"]}
_SERVING = {"watcher": ["watcher"], "gateway": ["gateway"]}
_GRACE_S = {
    "exchange": 10.0,
    "platform": 90.0,
    "producer": 30.0,
    "worker": 45.0,
    "sink": 60.0,
    "watcher": 30.0,
    "gateway": 15.0,
}
_PATIENCE_S = {"producer": 5.0, "worker": 60.0, "sink": 60.0}
"""How long a part may make no progress with its last records before they are left for the next start."""


class Run:
    """``exchange`` None: the real exchanges of the settings. ``duration_s`` counts from when all parts are up.

    ``serve``: with watcher and gateway; what is collected can be changed there, unless recordings are played.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        title: str,
        exchange: SimulatedExchange | None,
        duration_s: float | None,
        serve: bool,
        display: Display,
    ) -> None:
        self._settings = settings
        self._serve = serve
        self._title = title
        self._exchange = exchange
        self._duration_s = duration_s
        self._display = display
        self._interrupts = Interrupts()
        self._account: Account | None = None
        self._lag = {"worker": 0, "sink": 0}
        self._lost = 0
        self._problems: list[str] = []

    def execute(self) -> Summary:
        """Run until the duration is over, the recordings are played, or SIGINT or SIGTERM comes; then drain and stop.

        Raises :class:`BookmillError` when the pipeline cannot be brought up, :class:`InterruptedRunError` when a second
        signal came: it is down at once then. Nothing is left running in any case.
        """
        with ExitStack() as stack:
            statuses = stack.enter_context(Statuses())
            stack.enter_context(self._interrupts)
            data_dir = self._settings.data_dir.absolute()
            self._pipeline = Pipeline(data_dir / "log", statuses, self._settings.platform)
            stack.callback(self._pipeline.kill)
            self._watch = Watch(
                self._pipeline,
                statuses,
                self._interrupts,
                exchange=self._exchange,
                title=self._title,
                data_dir=data_dir,
            )
            try:
                self._bring_up(stack)
                self._work()
            except InterruptedRunError:
                pass
            except Exception:
                self._give_up()
                raise
            self._interrupts.tolerated = max(1, self._interrupts.count)
            return self._stop()

    def _bring_up(self, stack: ExitStack) -> None:
        require_configured(self._settings)
        if self._exchange:
            self._start("exchange", self._exchange.arguments(), {}, attempts=1)
        running = embedded_state(self._settings.data_dir.absolute()) is not None
        own_platform = needs_platform(self._settings) and not running
        if own_platform:
            self._fetch_platform()
        self._watch.display = stack.enter_context(self._display)
        if own_platform:
            self._start("platform", ["platform", "run"], {}, attempts=1, probe=self._platform_runs)
            self._watch.wait_until(lambda: self._pipeline.all_up(["platform"]))
        addresses = resolve(self._settings)
        raw = [f"raw.{exchange}.{market}" for exchange, market in markets(self._settings)]
        self._account = self._open_account(addresses, raw)
        stack.callback(self._account.close)
        gateway = self._settings.gateway
        port = this_or_free_port(gateway.host, gateway.port) if self._serve else None
        told = environment(self._settings, addresses, gateway_port=port)
        # Who serves begins when there is something to serve: the first book does not wait for it.
        for parts in (_MILL, _SERVING) if self._serve else (_MILL,):
            for name, arguments in parts.items():
                shared = (
                    name == "producer"
                    and self._serve
                    and not (self._exchange and self._exchange.plays_recordings)
                )
                address = dashboard_address(gateway, port).rstrip("/") if name == "gateway" and port else ""
                self._start(name, [*arguments, *(["--shared"] if shared else [])], told, address=address)
            self._watch.wait_until(partial(self._pipeline.all_up, [*parts]))
        if port is not None:
            self._watch.address = dashboard_address(gateway, port)

    def _fetch_platform(self) -> None:
        """In front of the user: the first time it is a download of minutes, with a bar of its own.

        It says itself what is wrong when it fails; nothing is left to add.
        """
        fetch = Child("download", [*PROGRAM, "platform", "fetch"], log_path=None, env=inherited())
        fetch.start()
        try:
            self._watch.wait_until(lambda: fetch.poll() is not None)
        finally:
            fetch.stop()
        if fetch.poll():
            raise SystemExit(1)

    def _open_account(self, addresses: Addresses, raw: list[str]) -> Account:
        """A broker that has just started answers before it leads all its partitions: that passes."""
        deadline_s = time.monotonic() + _LEADERS_S
        while True:
            try:
                return Account(self._settings, addresses, raw)
            except UnavailableError:
                if time.monotonic() > deadline_s:
                    raise
            self._watch.tick()

    def _work(self) -> None:
        self._watch.state = "running"
        up_s = time.monotonic()
        while self._duration_s is None or time.monotonic() - up_s < self._duration_s:
            self._watch.tick()
            if self._exchange and self._exchange.finished:
                return

    def _stop(self) -> Summary:
        if self._exchange:
            self._end("exchange")
            if self._account:  # else nothing was sent
                self._exchange.read_last_words(self._pipeline.log_path("exchange"))
                self._drain("producer", self._not_in_kafka)
        self._end("producer")
        if self._account:
            self._lost = self._not_in_kafka() if self._exchange else 0
            self._drain("worker", self._account.unprocessed)
        self._end("worker")
        self._end("watcher")
        if self._account:
            self._drain("sink", self._account.unstored)
        self._end("sink")
        self._end("gateway")
        self._watch.state = "counting"
        self._watch.show()
        figures = self._figures()
        self._end("platform")
        return Summary(
            title=self._title,
            began=self._account is not None,
            figures=figures,
            sent={m: self._exchange.sent(m) for m in self._exchange.markets} if self._exchange else None,
            handed_over=self._pipeline.tally.total("handed_over"),
            no_frames=self._pipeline.tally.total("no_frames"),
            lost=self._lost,
            gaps=self._pipeline.tally.total("gaps"),
            lag=self._lag,
            restarts=self._pipeline.restarts,
            books=self._watch.books(),
            wall_s=self._watch.uptime_s,
            first_live_book_s=self._watch.first_live_s,
            problems=self._problems,
        )

    def _figures(self) -> Figures:
        if self._account is None:
            return Figures()
        try:
            return self._account.figures(worker_restarted=self._pipeline.restarts.get("worker", 0) > 0)
        except UnavailableError as error:
            self._problems.append(f"The figures could not be counted: {error}")
            return Figures()

    def _not_in_kafka(self) -> int:
        """Frames the exchange has sent that are not in the raw topics yet; those that came twice at a hand-over never will."""
        assert self._exchange  # noqa: S101  only asked where it is simulated
        assert self._account  # noqa: S101
        sent = [self._exchange.sent(market) for market in self._exchange.markets]
        expected = sum(each.frames + each.snapshots for each in sent)
        expected -= self._pipeline.tally.total("handed_over") - self._pipeline.tally.total("no_frames")
        return max(0, expected - sum(self._account.records().values()))

    def _drain(self, name: str, left: Callable[[], int]) -> None:
        """Wait until a part has done what is left for it, as long as it gets on with it."""
        drain = Drain(_PATIENCE_S[name])
        while True:
            reason = ""
            try:
                verdict = drain.look(left())
            except UnavailableError as error:
                verdict, reason = drain.look(None), str(error)
            if name in self._lag:
                self._lag[name] = drain.left
            if verdict is Verdict.DONE or (verdict is Verdict.STUCK and name not in self._lag):
                return  # what a producer has not written by now it never will: it is counted as lost
            if verdict is Verdict.STUCK:
                self._problems.append(
                    f"The {name} was not waited for any longer: {drain.left:,} records were left. "
                    f"{reason or f'Its log is {self._pipeline.log_path(name)}.'}"
                )
                return
            self._watch.state = f"draining the {name}: {drain.left:,} records left"
            for _ in range(3):
                self._watch.tick()

    def _end(self, name: str) -> None:
        part = self._pipeline.parts.get(name)
        if part is None or not part.running:
            return
        self._watch.state = f"stopping the {name}"
        self._pipeline.ask()
        part.stop()
        self._watch.wait_until(lambda: part.state is State.ENDED)
        if part.ended_with not in {0, _TERMINATED}:
            self._problems.append(
                f"The {name} ended with exit status {part.ended_with}; its log is {self._pipeline.log_path(name)}."
            )

    def _give_up(self) -> None:
        """After an error: ask all to stop, wait for them; whoever does not is ended on the way out."""
        self._interrupts.tolerated = self._interrupts.count
        for part in reversed(self._pipeline.parts.values()):
            part.stop()
        deadline_s = time.monotonic() + 30.0
        while any(part.running for part in self._pipeline.parts.values()) and time.monotonic() < deadline_s:
            self._pipeline.step()
            time.sleep(TICK_S)

    def _start(
        self,
        name: str,
        arguments: list[str],
        told: Mapping[str, str],
        *,
        attempts: int = 3,
        address: str = "",
        probe: Callable[[int | None], bool] | None = None,
    ) -> None:
        """``attempts``: 1 for what depends on nothing here, so that trying again is no use."""
        self._pipeline.start(
            name,
            arguments,
            environment={**inherited(), **told},
            grace_s=_GRACE_S[name],
            attempts=attempts,
            address=address,
            probe=probe,
        )

    def _platform_runs(self, pid: int | None) -> bool:
        state: Mapping[str, Any] | None = embedded_state(self._settings.data_dir.absolute())
        return state is not None and state["pid"] == pid
