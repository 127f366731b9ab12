"""What adapters have in common."""

from __future__ import annotations

from venues.adapter import Routes
from venues.interface import Route


def test_a_route_is_worked_out_once() -> None:
    asked: list[str] = []

    def learn(head: str) -> Route | None:
        asked.append(head)
        return Route("book", head) if head != "hello" else None

    routes = Routes(learn)
    assert [routes[b"a"], routes[b"a"], routes[b"hello"], routes[b"hello"]] == [
        *[Route("book", "a")] * 2,
        *[None] * 2,
    ]
    assert asked == ["a", "hello"]


def test_bytes_that_are_no_text_are_no_route() -> None:
    assert Routes(lambda head: Route("book", head))[b"\xff"] is None


def test_what_strangers_send_does_not_fill_the_memory() -> None:
    routes = Routes(lambda _: None)
    for number in range(Routes._MOST + 5):
        assert routes[b"%d" % number] is None
    assert len(routes) == 5
