"""What the ledger says: what became of each gap, page by page too, and figures that are never rounded up."""

from __future__ import annotations

from typing import Any

from bookmill.completeness import Report, read_report
from bookmill.gap_ledger import Choice, Gap, Page, read_page
from bookmill.questions import Question, Rows, Selection, answered


def gap(
    stream: str, opened: int, closed: int | None, missed: int | None = None, **more: Any
) -> dict[str, Any]:
    return {
        "exchange": "binance",
        "market": "spot",
        "symbol": "BTC-USDT",
        "stream": stream,
        "cause": "sequence",
        "gap": f"{stream}{opened}",
        "expected": None,
        "seen": None,
        "opened_micros": str(opened),
        "closed_micros": closed,
        "missed": missed,
        "attempts": 1,
        "healed": "none" if closed is None else "snapshot",
        "complete": closed is not None,
        "told_micros": opened,
        "stored_micros": opened,
        "next_micros": None,
        "first_trade_id": missed,
        **more,
    }


class Stored:
    """What ClickHouse would answer. ``after``: by gap the first row behind it, when it was received and stored."""

    def __init__(
        self, gaps: list[dict[str, Any]], stored: int = 0, after: dict[str, tuple[int, int]] | None = None
    ) -> None:
        self.asked: list[Question] = []
        self._gaps = gaps
        self._stored = stored
        self._after = after or {}

    def __call__(self, question: Question) -> Rows:
        self.asked.append(question)
        name = {"exchange": "binance", "market": "spot", "symbol": "BTC-USDT"}
        text = question.text
        if " JOIN " in text:
            stream = "book" if "FROM book_snapshots" in text else "trades"
            return [
                {"gap": gap, "told_micros": str(told), "stored_micros": str(at)}
                for gap, (told, at) in self._after.items()
                if gap.startswith(stream)
            ]
        if "FROM gaps_now" in text:
            return self._of_ledger(question)
        if "FROM book_snapshots" in text:
            return [{**name, "first": 0, "last": 1_000_000_000}]
        return [{**name, "stored": self._stored}] if self._stored else []

    def _of_ledger(self, question: Question) -> Rows:
        rows = self._gaps
        if "closed_time IS NULL AND" in question.text or question.text.count("closed_time IS NULL") > 1:
            rows = [row for row in rows if row["closed_micros"] is None]
        if " DESC LIMIT " in question.text:
            place = question.parameters.get("before", 10**18), question.parameters.get("before_gap", "")
            rows = [row for row in rows if (int(row["opened_micros"]), row["gap"]) < place]
            rows = sorted(rows, key=lambda row: (int(row["opened_micros"]), row["gap"]), reverse=True)
            rows = rows[: int(question.text.rpartition(" ")[2])]
        return rows


def report(
    gaps: list[dict[str, Any]],
    stored: int,
    *,
    after: dict[str, tuple[int, int]] | None = None,
    since: int = 0,
    **choice: Any,
) -> Report:
    return answered(read_report(Choice(since, **choice)), Stored(gaps, stored, after))


def test_completeness_counts_lost_time_and_missing_trades_and_rounds_down() -> None:
    gaps = [gap("book", 100, 1100), gap("book", 5, 9, cause="time"), gap("trades", 200, None, 1)]
    [one] = report(gaps, 999_999_999).instruments
    assert (one.gaps, one.book_percent, one.trades_percent, one.missing) == (3, "99.9999", "99.9999", 1)
    [one] = report([], 5).instruments
    assert (one.book_percent, one.trades_percent) == ("100.0000", "100.0000")


def test_an_open_gap_of_a_book_lasts_until_the_end() -> None:
    [one] = report([gap("book", 250_000_000, None)], 0).instruments
    assert (one.book_percent, one.trades_percent) == ("25.0000", None)


def test_only_open_gaps_are_shown_where_that_is_asked_and_all_are_counted() -> None:
    found = report([gap("book", 100, 1100), gap("trades", 200, None, 1)], 9, only_open=True)
    assert [one.stream for one in found.gaps] == ["trades"]
    assert found.instruments[0].gaps == 2


def test_names_are_bound_and_no_part_of_the_query() -> None:
    stored = Stored([])
    evil = "a'b\\"
    answered(read_report(Choice(0, Selection((evil,), symbols=(evil, "B")), (evil,))), stored)
    assert all(evil not in question.text for question in stored.asked)
    assert stored.asked[0].parameters == {
        "exchanges": (evil,),
        "symbols": (evil, "B"),
        "streams": (evil,),
        "since": 0,
    }
    assert Selection().condition() == "1"
    assert "market " not in Selection((evil,)).condition()


def states(found: Report) -> dict[str, tuple[str, int | None]]:
    return {one.gap: (one.state, one.over_micros) for one in found.gaps}


def test_a_gap_that_the_next_one_of_its_stream_shows_to_be_over_is_superseded() -> None:
    gaps = [
        gap("book", 100, None, next_micros="900"),
        gap("ticker", 100, None, next_micros="300", cause="disconnect"),
        gap("ticker", 300, None, cause="disconnect"),
        gap("book", 400, None, cause="time"),
    ]
    assert states(report(gaps, 0)) == {
        "book100": ("superseded", 900),
        "ticker100": ("superseded", 300),
        "ticker300": ("open", None),
        "book400": ("open", None),
    }


def test_a_gap_of_a_book_that_was_live_again_is_superseded() -> None:
    gaps = [gap("book", 100, None, next_micros="900"), gap("book", 900, None)]
    found = report(gaps, 0, after={"book100": (250, 251), "book900": (1000, 1001)})
    assert states(found) == {"book100": ("superseded", 250), "book900": ("superseded", 1000)}
    assert found.instruments[0].book_percent == "99.9999", "only until then it was lost"
    assert list(states(report(gaps, 0, after={"book100": (250, 251)}, since=300))) == ["book900"]


def test_trades_that_were_asked_for_in_vain_are_given_up() -> None:
    gaps = [
        gap("trades", 100, None, 7),
        gap("trades", 600, None, 7, next_micros="650"),
        gap("trades", 110, None),
        gap("trades", 120, None),
        gap("trades", 130, None),
    ]
    found = report(gaps, 9, after={"trades110": (200, 201), "trades120": (200, 600)}, given_up_micros=500)
    assert states(found) == {
        "trades100": ("given up", None),
        "trades600": ("open", None),
        "trades110": ("given up", None),
        "trades120": ("open", None),  # they are asked for as soon as the stream goes on
        "trades130": ("open", None),
    }
    assert len(report(gaps, 9, given_up_micros=500, only_open=True).gaps) == 5


def test_pages_have_every_gap_once_newest_first_and_only_the_open_ones_where_that_is_asked() -> None:
    gaps = [
        *(gap("trades", number, None, 7) for number in range(100, 110)),
        *(gap("book", number, number + 1) for number in range(105, 135)),
        *(gap("book", number, None, next_micros=str(number + 1)) for number in range(140, 150)),
    ]
    whole = read_all(gaps, Choice(0), 7)
    assert [one.opened_micros for one in whole] == sorted(
        (int(g["opened_micros"]) for g in gaps), reverse=True
    )
    assert len({one.gap for one in whole}) == len(gaps)
    assert [one.gap for one in read_all(gaps, Choice(0, only_open=True), 4)] == [
        f"trades{number}" for number in reversed(range(100, 110))
    ]


def read_all(gaps: list[dict[str, Any]], choice: Choice, limit: int) -> list[Gap]:
    stored = Stored(gaps)
    found: list[Gap] = []
    page = Page(limit)
    while True:
        new = answered(read_page(choice, page), stored)
        found += new
        if len(new) < limit:
            return found
        page = Page(limit, new[-1].opened_micros, new[-1].gap)
