"""A client that takes the snapshot and applies what follows has the gateway's own book at every ``seq``.

Whatever depth and rate it asked for, however often its connection stops taking anything, whenever it comes, whatever becomes of
the book meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import event, given
from hypothesis import strategies as st

from bookmill.decimals import plain_text
from gateway.book_replica import BookReplica
from gateway.sockets.protocol import Subscribe
from tests.unit.gateway.clients import Client, Events, Sides, Stage

Levels = Mapping[int, int]

BIDS = st.lists(st.tuples(st.integers(1, 10), st.integers(0, 3)), max_size=4)
ASKS = st.lists(st.tuples(st.integers(9, 20), st.integers(0, 3)), max_size=4)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("delta"), BIDS, ASKS, st.none() | st.integers(1, 4)),
        st.tuples(st.just("delta"), BIDS, ASKS, st.none()),
        st.tuples(st.just("deltas"), BIDS, ASKS, st.integers(2, 9)),
        st.tuples(st.just("image"), BIDS, ASKS),
        st.tuples(st.just("poll"), BIDS, ASKS),
        st.tuples(st.just("lost")),
        st.tuples(st.just("flush")),
        st.tuples(st.just("wait"), st.sampled_from([0.05, 0.3, 2.0])),
        st.tuples(st.just("come"), st.none() | st.integers(1, 5), st.sampled_from([None, 5, 20])),
        st.tuples(st.just("block"), st.integers(0, 8), st.integers(0, 3)),
        st.tuples(st.just("unblock"), st.integers(0, 8)),
        st.tuples(st.just("go"), st.integers(0, 8)),
    ),
    max_size=60,
)


class World:
    """A gateway, its clients, and the book as it was at every ``seq``."""

    def __init__(self) -> None:
        self.stage = Stage()
        self.events = Events()
        self.clients: list[tuple[Client, int | None]] = []
        self.history: dict[int, tuple[Levels, Levels]] = {}
        self.states: dict[int, str] = {}
        self.stage.books.observers.insert(0, self._note)
        self.take("image", [(9, 1)], [(11, 1)])

    def _note(self, replica: BookReplica, _: Any) -> None:
        book = replica.book
        sides = (dict(zip(*side.levels(), strict=True)) for side in (book.bids, book.asks))
        self.history[replica.seq] = tuple(sides)  # type: ignore[assignment]
        self.states[replica.seq] = replica.state

    def take(self, kind: str, bids: Any = (), asks: Any = (), **more: Any) -> None:
        self.stage.live.take("book_updates", self.events.update(kind, bids, asks, **more))

    def come(self, depth: int | None, rate: float | None) -> None:
        client = self.stage.client(limit=5)
        client.subscribe(Subscribe("book", self.events.key, depth, rate))
        self.clients.append((client, depth))

    def flush(self) -> None:
        self.stage.flush()
        for client, depth in self.clients:
            self.check(client, depth)

    def check(self, client: Client, depth: int | None) -> None:
        """After each message in turn."""
        frames, client.socket.frames = client.socket.frames, []
        for frame in frames:
            client.socket.frames = [frame]
            for message in client.read():
                [book] = client.books.values()
                expected = best(self.history[message["seq"]], depth)
                assert book == expected
                data = message["data"]
                assert data["state"] == self.states[message["seq"]]
                if message["type"] == "snapshot":  # best first
                    shown = ([tuple(level) for level in data[side]] for side in ("bids", "asks"))
                    assert tuple(shown) == tuple(list(side.items()) for side in expected)
                event(f"{message['type']} depth={depth is not None}")
        for heard in client.heard:
            event(heard["type"])


def best(book: tuple[Levels, Levels], depth: int | None) -> Sides:
    def side(levels: Levels) -> dict[str, str]:
        return {plain_text(price): plain_text(levels[price]) for price in list(levels)[:depth]}

    return side(book[0]), side(book[1])


def step(world: World, kind: str, what: list[Any]) -> None:  # noqa: C901  one case for each kind
    """One thing that happens."""
    clients = [client for client, _ in world.clients]
    match kind:
        case "delta":
            bids, asks, depth = what
            world.take("delta", bids, asks, depth=depth)
        case "deltas":
            bids, asks, times = what
            for _ in range(times):
                world.take("delta", bids, asks)
                bids, asks = [(p, 3 - q) for p, q in bids], [(p, 3 - q) for p, q in asks]
        case "image":
            world.take("image", *what)
        case "poll":
            world.take("image", *what, source="poll", state="degraded")
        case "lost":
            world.take("delta", state="resyncing")
        case "flush":
            world.flush()
        case "wait":
            world.stage.clock.pass_by(what[0])
        case "come":
            world.come(*what)
        case "block":
            clients[what[0] % len(clients)].socket.block(what[1])
        case "unblock":
            clients[what[0] % len(clients)].socket.unblock()
        case "go" if len(clients) > 1:
            gone = clients[what[0] % len(clients)]
            world.stage.board.leave(gone.session)
            world.clients = [each for each in world.clients if each[0] is not gone]


@given(STEPS)
def test_a_clients_book_is_the_gateways_at_every_seq(steps: list[tuple[Any, ...]]) -> None:
    world = World()
    world.come(None, None)
    for kind, *what in steps:
        step(world, kind, what)
    for client, _ in world.clients:
        client.socket.unblock()
    world.flush()
    world.stage.clock.pass_by(10)
    world.flush()
    now = world.stage.books.get(world.events.key)
    assert now is not None
    for client, depth in world.clients:
        [book] = client.books.values()
        assert book == best(world.history[now.seq], depth)
        assert client.session.slow_since_s is None
