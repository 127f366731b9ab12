"""The sink's batch as a table of states and events: every cell is tried, and docs/reliability.md shows this very table.

After each cell the next sink of the group finishes the work: every row is stored, once, whatever happened.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest
from confluent_kafka import KafkaError

from bookmill.errors import UnavailableError
from sinks.partition import Partition
from sinks.progress import Progress
from tests.tables import markdown, printed
from tests.unit.sinks.fakes import TOPIC, World

NAME = "batch: event"
STATES = ("COLLECTING", "REPEATING", "INTENT", "WRITING", "WAITING", "STORED")
ROWS = 4
"""A batch's; two more records are in hand behind it."""
DOWN = UnavailableError("down")


def partition_of(world: World) -> Partition | None:
    return next(iter(world.loader.partitions), None)


def state_of(world: World) -> str:
    one = partition_of(world)
    if one is None:
        return "GIVEN UP"
    if one.held is not None:
        return "WRITING" if one.in_flight else "INTENT" if not one.committed else "WAITING"
    if not one.committed:
        return "STORED"
    return "COLLECTING" if one.progress.last is None else "REPEATING"


def committed(world: World) -> str:
    """As it stands in Kafka: offset, and the last offset of an intent."""
    if (TOPIC, 0) not in world.broker.committed:
        return ""
    progress = Progress.read(*world.broker.committed[TOPIC, 0])
    return f"{progress.offset}" if progress.last is None else f"{progress.offset}, last={progress.last}"


def read_more(world: World, count: int) -> None:
    log, start = world.broker.logs[TOPIC, 0], world.consumer.position[TOPIC, 0]
    world.broker.append_trades(range(len(log), start + count))
    world.loader._sort_in(log[start : start + count])
    world.consumer.position[TOPIC, 0] = start + count


def run_inserts(world: World) -> None:
    for run in world.executor.held:
        run()
    world.executor.held.clear()
    world.loader._settle()


def world_in(state: str) -> World:
    world = World(batch_rows=ROWS)
    world.executor.hold = True
    if state == "REPEATING":
        world.broker.committed[TOPIC, 0] = (0, Progress(0, {}, last=ROWS - 1).metadata())
        world.consumer.most = 2
    world.broker.append_trades(range(2 if state == "COLLECTING" else ROWS + 2))
    world.start().turns(1)
    if state in {"WRITING", "WAITING", "STORED"}:
        world.turns(1)
        world.store.error = DOWN if state == "WAITING" else None
        if state != "WRITING":
            run_inserts(world)
        world.store.error = None
    assert state_of(world) == state
    return world


def begin(world: World) -> None:
    world.loader._begin()


def a_record(world: World) -> None:
    read_more(world, 1)
    begin(world)


def a_full_batch(world: World) -> None:
    read_more(world, ROWS)
    begin(world)


def time_passes(world: World) -> None:
    world.now_s += 60.0
    begin(world)


def kafka_takes(world: World) -> None:
    begin(world)
    world.consumer.consume(0)
    begin(world)


def kafka_does_not_take(world: World) -> None:
    error = KafkaError(KafkaError.REBALANCE_IN_PROGRESS)
    world.consumer.commit_error = KafkaError.REBALANCE_IN_PROGRESS
    begin(world)
    world.consumer.answers = [(error, offsets) for _, offsets in world.consumer.answers]
    world.consumer.consume(0)


def inserted(world: World) -> None:
    run_inserts(world)


def refused(world: World) -> None:
    world.store.bad = {"0-1"} if world.executor.held else set()  # nobody refuses what is stored
    run_inserts(world)


def fails(world: World) -> None:
    world.store.error = DOWN
    run_inserts(world)


def revoked(world: World) -> None:
    for run in world.executor.held:  # what is on its way comes to its end while the sink waits for it
        run()
    world.executor.held.clear()
    world.consumer.revoke([(TOPIC, 0)])


def lost(world: World) -> None:
    world.consumer.lose([(TOPIC, 0)])


EVENTS: dict[str, Callable[[World], None]] = {
    "a record": a_record,
    "a batch's rows": a_full_batch,
    "time passes": time_passes,
    "Kafka takes the commit": kafka_takes,
    "Kafka does not": kafka_does_not_take,
    "ClickHouse has it": inserted,
    "ClickHouse refuses a row": refused,
    "ClickHouse, registry or dead letters fail": fails,
    "the partition is revoked": revoked,
    "the partition is lost": lost,
    "the sink is killed": lambda _: None,
}


class Cell(NamedTuple):
    """What is done, where it leads, and what stands committed in Kafka then."""

    text: str
    state: str
    committed: str

    @property
    def printed(self) -> str:
        return f"{self.text} → `{self.state}`" if self.text else "·"


NOTHING = {
    "COLLECTING": "",
    "REPEATING": "0, last=3",
    "INTENT": "0, last=3",
    "WRITING": "0, last=3",
    "WAITING": "0, last=3",
    "STORED": "0, last=3",
}
"""What is committed in each state before the event."""


def cell(state: str, text: str, leads_to: str = "", stands: str | None = None) -> Cell:
    return Cell(text, leads_to or state, NOTHING[state] if stands is None else stands)


def row(**cells: tuple[str, ...] | str) -> tuple[Cell, ...]:
    """By state, lower case: text, state, committed; nothing happens where there is none."""
    found = []
    for state in STATES:
        said = cells.get(state.lower(), cells.get("all", ("",)))
        found.append(cell(state, *((said,) if isinstance(said, str) else said)))
    return tuple(found)


AGAIN = ("given up; the next repeats the range", "GIVEN UP")
TABLE: dict[str, tuple[Cell, ...]] = {
    "a record": row(all="kept", stored=("kept, commit sent", "STORED", "4")),
    "a batch's rows": row(
        collecting=("closed, intent sent", "INTENT", "0, last=3"),
        repeating=("the range of the intent, written", "WRITING"),
        intent="kept",
        writing="kept",
        waiting="kept",
        stored=("closed, one commit ends that and begins this", "INTENT", "4, last=7"),
    ),
    "time passes": row(
        collecting=("closed, intent sent", "INTENT", "0, last=1"),
        repeating="that range, no other",
        waiting=("the same again", "WRITING"),
        stored=("closed, one commit ends that and begins this", "INTENT", "4, last=5"),
    ),
    "Kafka takes the commit": row(intent=("written", "WRITING"), stored=("done", "COLLECTING", "4")),
    "Kafka does not": row(intent="sent again later", stored="sent again later"),
    "ClickHouse has it": row(writing=("marks go on", "STORED")),
    "ClickHouse refuses a row": row(writing=("halved; a row that stands alone is a dead letter", "INTENT")),
    "ClickHouse, registry or dead letters fail": row(writing=("paused, longer each time", "WAITING")),
    "the partition is revoked": row(
        collecting=("given up", "GIVEN UP"),
        repeating=AGAIN,
        intent=AGAIN,
        writing=("waited for, committed, given up", "GIVEN UP", "4"),
        waiting=AGAIN,
        stored=("committed, given up", "GIVEN UP", "4"),
    ),
    "the partition is lost": row(all=AGAIN, collecting=("given up", "GIVEN UP")),
    "the sink is killed": row(
        collecting=("read again", "COLLECTING"),
        repeating=("the next repeats the range", "REPEATING"),
        intent=("the next repeats the range", "REPEATING"),
        writing=("the next repeats the range; what is stored already is stored no second time", "REPEATING"),
        waiting=("the next repeats the range", "REPEATING"),
        stored=("the next repeats the range; nothing is stored by that", "REPEATING"),
    ),
}


@pytest.mark.parametrize(
    ("state", "event"), [(state, event) for event in EVENTS for state in STATES], ids=lambda text: text
)
def test_cell(state: str, event: str) -> None:
    expected = TABLE[event][STATES.index(state)]
    world = world_in(state)
    EVENTS[event](world)
    if event == "the sink is killed":
        if state == "WRITING":
            world.executor.held[0]()  # the server goes on with what it was sent
        world = world.restarted()
        world.executor.hold = True
        world.start().consumer.consume(0)
    assert (state_of(world), committed(world)) == (expected.state, expected.committed)
    world.store.error = None
    for run in world.executor.held:  # also what is on its way for a sink that has given the partition up
        run()
    following = world.restarted().start()
    following.settle(40)
    rows = [f"0-{number}" for number in range(len(world.broker.logs[TOPIC, 0]))]
    assert sorted(following.store.ids()) == [one for one in rows if one not in world.store.bad]
    assert set(following.dead_ids()) == ({1} if world.store.bad else set())


def test_the_document_shows_this_table() -> None:
    rows = {event: [each.printed for each in cells] for event, cells in TABLE.items()}
    assert printed(NAME) == markdown(NAME, [f"`{state}`" for state in STATES], rows)
