"""Books that are subscribed anew: once in a while, less often while it does not help, and not for who has what it needs."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import cast

from producers.line import Line
from producers.resubscriptions import Resubscriptions
from venues.messages import Instrument
from venues.okx import OkxSpot

SYMBOLS = [f"C{number}-USDT" for number in range(200)]
INSTRUMENTS = {
    symbol: Instrument(symbol, symbol, symbol[:2], "USDT", tick=1, lot=1, trading=True) for symbol in SYMBOLS
}


class FakeLine:
    name = "line"

    def __init__(self, symbols: Sequence[str]) -> None:
        self.image_symbols = frozenset(symbols)
        self.beginning = False
        self.connected = True
        self.requests = 1
        self.sent: list[str] = []
        self.renewed = 0

    def resubscribe(self, wire_symbol: str, requests: Sequence[str]) -> bool:
        assert wire_symbol in self.image_symbols
        if self.connected:
            self.sent += requests
        return self.connected

    def renew(self) -> bool:
        self.renewed += 1
        return True


class Stage:
    def __init__(self, symbols: int = 8) -> None:
        self.now_s = 1_700_000_000.0
        self.line = FakeLine(SYMBOLS[:symbols])
        self.traded: dict[str, float] = {}
        self.served = Resubscriptions(
            OkxSpot(),
            [cast("Line", self.line)],
            INSTRUMENTS,
            again_s=10.0,
            traded=lambda symbol: self.traded.get(symbol, 0.0),
            clock=lambda: self.now_s,
        )

    def ask(self, *numbers: int) -> None:
        for number in numbers:
            self.served.request(SYMBOLS[number], self.now_s)

    def after(self, seconds: float) -> None:
        self.now_s += seconds
        self.served.serve()


def test_a_book_is_unsubscribed_and_subscribed() -> None:
    stage = Stage()
    stage.ask(0)
    stage.after(0.2)
    assert stage.line.sent == list(OkxSpot().resubscribe("C0-USDT"))
    assert stage.served.counts.served == 1
    assert not stage.served.waiting


def test_who_asks_all_the_time_is_served_less_and_less_often() -> None:
    stage = Stage()
    moments = []
    for second in range(400):
        stage.ask(0)
        before = stage.served.counts.served
        stage.after(1.0)
        if stage.served.counts.served > before:
            moments.append(second)
    gaps = [later - earlier for earlier, later in itertools.pairwise(moments)]
    assert gaps[:4] == [10, 20, 40, 80]
    assert set(gaps[4:]) == {80}


def test_after_a_quiet_while_it_is_served_at_once_again() -> None:
    stage = Stage()
    for _ in range(3):
        stage.ask(0)
        stage.after(0.2)
        stage.after(100.0)
    assert stage.served.counts.served == 3


def test_who_has_waited_and_does_not_ask_any_more_has_its_book() -> None:
    stage = Stage()
    stage.ask(0)
    stage.after(0.2)
    stage.after(0.5)
    stage.ask(0)  # a moment before the image came
    stage.after(10.0)
    assert (stage.served.counts.served, stage.served.counts.expired) == (1, 1)


def test_a_new_connection_brings_its_images_by_itself() -> None:
    stage = Stage()
    stage.line.beginning = True
    stage.ask(0)
    stage.after(0.2)
    assert stage.line.sent == []
    stage.line.beginning = False
    stage.ask(0)
    stage.after(0.2)
    assert stage.served.counts.served == 1


def test_many_books_of_a_connection_are_one_new_connection() -> None:
    stage = Stage()
    stage.ask(*range(5))
    stage.after(0.2)
    assert (stage.line.renewed, stage.line.sent) == (1, [])
    assert stage.served.counts.served == 5


def test_the_most_traded_book_is_subscribed_anew_first() -> None:
    stage = Stage()
    stage.traded = {SYMBOLS[2]: 5.0, SYMBOLS[1]: 9.0}
    stage.ask(0, 1, 2)
    stage.after(0.2)
    texts = [text for number in (1, 2, 0) for text in OkxSpot().resubscribe(SYMBOLS[number])]
    assert stage.line.sent == texts


def test_two_hundred_books_are_back_by_the_cheaper_way() -> None:
    """A third of them lost is 134 texts at 3 a second; a connection that asks with 12 is there in 5 seconds."""
    stage = Stage(200)
    stage.line.requests = 12
    stage.ask(*range(67))
    stage.after(0.2)
    assert (stage.line.renewed, stage.line.sent) == (1, [])


def test_where_a_new_connection_asks_more_the_books_are_subscribed_anew() -> None:
    stage = Stage(200)
    stage.line.requests = 40
    stage.ask(*range(10))
    stage.after(0.2)
    assert (stage.line.renewed, len(stage.line.sent)) == (0, 20)


def test_a_few_of_many_are_not() -> None:
    stage = Stage()
    stage.ask(*range(4))
    stage.after(0.2)
    assert (stage.line.renewed, len(stage.line.sent)) == (0, 8)


def test_a_line_without_a_connection_is_left_alone() -> None:
    stage = Stage()
    stage.line.connected = False
    stage.ask(0)
    stage.after(0.2)
    assert stage.served.counts.served == 0
