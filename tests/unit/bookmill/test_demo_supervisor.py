"""Parts are kept running: started again with growing pauses, given up only when they never worked, stopped for good."""

from __future__ import annotations

import pytest

from bookmill.demo.supervisor import State, Supervised, backoff_s
from bookmill.errors import BookmillError


class FakeProcess:
    """A process that ends when the test says so."""

    def __init__(self) -> None:
        self.pid: int | None = None
        self.status: int | None = None
        self.terminated = False

    def start(self) -> None:
        self.pid = 4711

    def poll(self) -> int | None:
        return self.status

    def terminate(self) -> None:
        self.terminated = True

    def kill(self) -> None:
        self.status = 137


class Bench:
    """A supervised part with its clock and the processes that were made for it."""

    def __init__(self, attempts: int = 3) -> None:
        self.now_s = 100.0
        self.processes: list[FakeProcess] = []
        self.part = Supervised(
            "worker", self._launch, said=lambda: "Last words.", attempts=attempts, clock=lambda: self.now_s
        )

    def _launch(self) -> FakeProcess:
        self.processes.append(FakeProcess())
        return self.processes[-1]

    def crash(self, status: int = 1) -> None:
        self.processes[-1].status = status
        self.part.step(answers=False)

    def after(self, seconds: float, *, answers: bool = False) -> State:
        self.now_s += seconds
        self.part.step(answers=answers)
        return self.part.state

    def up(self) -> None:
        self.part.start()
        assert self.after(1.0, answers=True) is State.UP


def test_a_part_is_up_when_it_answers() -> None:
    bench = Bench()
    assert bench.part.state is State.WAITING
    bench.part.start()
    assert bench.after(1.0) is State.STARTING
    assert bench.after(1.0, answers=True) is State.UP
    assert bench.part.pid == 4711


def test_a_part_that_dies_is_started_again_after_a_pause_and_counted() -> None:
    bench = Bench()
    bench.up()
    bench.crash(137)
    assert bench.part.state is State.RESTARTING
    assert bench.part.pid is None
    assert bench.after(0.4) is State.RESTARTING
    assert bench.after(0.2) is State.STARTING
    assert (bench.part.restarts, bench.part.incarnation) == (1, 2)


def test_a_part_that_ends_by_itself_without_an_error_is_started_again_too() -> None:
    bench = Bench()
    bench.up()
    bench.crash(0)
    assert bench.after(1.0) is State.STARTING


def test_pauses_grow_to_a_limit() -> None:
    assert [backoff_s(failures) for failures in (1, 2, 3, 4, 5, 6, 7, 100)] == [
        0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0, 15.0,
    ]  # fmt: skip


def test_pauses_are_short_again_only_after_the_part_has_proven_itself() -> None:
    bench = Bench()
    bench.up()
    for _ in range(3):
        bench.crash()
        bench.after(20.0)
        bench.after(1.0, answers=True)
    bench.crash()
    assert bench.after(3.9) is State.RESTARTING  # the fourth in a row
    bench.after(1.0)
    bench.after(1.0, answers=True)
    bench.after(31.0, answers=True)
    bench.crash()
    assert bench.after(0.6) is State.STARTING


def test_a_part_that_never_worked_is_given_up_with_its_own_words() -> None:
    bench = Bench()
    bench.part.start()
    bench.crash()
    bench.after(20.0)
    bench.crash()
    bench.after(20.0)
    with pytest.raises(BookmillError, match=r"The worker does not start: Last words\."):
        bench.crash()
    assert not bench.part.running


def test_one_attempt_is_enough_where_another_is_no_use() -> None:
    bench = Bench(attempts=1)
    bench.part.start()
    with pytest.raises(BookmillError):
        bench.crash()


def test_a_part_that_worked_once_is_never_given_up() -> None:
    bench = Bench()
    bench.up()
    for _ in range(10):
        bench.crash()
        bench.after(20.0)
    assert bench.part.state is State.STARTING


def test_a_part_that_is_stopped_is_not_started_again() -> None:
    bench = Bench()
    bench.up()
    bench.part.stop()
    assert bench.processes[-1].terminated
    assert bench.after(1.0) is State.STOPPING
    bench.crash(0)
    assert bench.after(100.0) is State.ENDED
    assert bench.part.ended_with == 0
    assert len(bench.processes) == 1


def test_a_part_stopped_while_it_waits_to_be_started_again_has_ended() -> None:
    bench = Bench()
    bench.up()
    bench.crash()
    bench.part.stop()
    assert bench.after(100.0) is State.ENDED
    assert len(bench.processes) == 1


def test_killing_ends_it_at_once() -> None:
    bench = Bench()
    bench.up()
    bench.part.kill()
    assert bench.part.state is State.ENDED
    assert bench.processes[-1].status == 137
