"""What is drawn of a pipeline, at the sizes terminals have, and what is said where there is none."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from bookmill.demo.lines import Lines, line
from bookmill.demo.picture import BookLine, PartLine, Picture, books
from bookmill.demo.supervisor import State
from bookmill.demo.view import draw

PICTURE = Picture(
    title="bookmill demo",
    state="running",
    uptime_s=3723.4,
    frames_s=402.4,
    events_s=1203.0,
    rows_s=1190.2,
    worker_lag=12,
    sink_lag=3456,
    restarts=1,
    gaps=2,
    dead_letters=0,
    parts=(
        PartLine("exchange", State.UP, 12.0, 0, 53),
        PartLine("platform", State.UP, 12.0, 0, 879),
        PartLine("producer", State.UP, 12.0, 0, 74, "binance.usdm cannot be reached"),
        PartLine("worker", State.RESTARTING, 0.3, 1, None),
        PartLine("sink", State.STARTING, 0.3, 0, 89),
    ),
    books=(
        BookLine("binance.spot.BTC-USDT", "live", "61800.1", "0.5", "61800.13", "1.25", "0.03", "0.0049", 0.1, 1234),
        BookLine("binance.usdm.BTC-USDT", "resyncing", age_s=12.3),
    ),
    hint="Ctrl-C stops in order.",
)  # fmt: skip


def drawn(picture: Picture, width: int, height: int) -> list[str]:
    console = Console(width=width, height=height, record=True, file=io.StringIO())
    console.print(draw(picture, width, height), no_wrap=True)
    return console.export_text().splitlines()


def test_everything_there_is_to_know_is_drawn() -> None:
    text = "\n".join(drawn(PICTURE, 80, 24))
    for part in (
        "bookmill demo  01:02:03  running  1/2 books live",
        "in 402 frames/s   out 1,203 events/s   stored 1,190 rows/s",
        "worker lag 12   sink lag 3,456   restarts 1   gaps 2   dead letters 0",
        "binance.usdm cannot be reached",
        "restarting",
        "Ctrl-C stops in order.",
    ):
        assert part in text


def test_numbers_of_a_book_stand_with_equal_decimals() -> None:
    row = next(each for each in drawn(PICTURE, 80, 24) if each.startswith("binance.spot"))
    assert row.split() == [
        "binance.spot.BTC-USDT", "live", "61800.10", "61800.13", "0.03", "0.0049", "0.1", "s", "1,234",
    ]  # fmt: skip


def test_a_book_that_is_not_live_shows_no_price() -> None:
    row = next(each for each in drawn(PICTURE, 80, 24) if each.startswith("binance.usdm.BTC"))
    assert row.split() == ["binance.usdm.BTC-USDT", "resyncing", "12", "s", "0"]


def test_a_wide_terminal_shows_sizes_too() -> None:
    assert "bid size" not in "\n".join(drawn(PICTURE, 80, 24))
    wide = "\n".join(drawn(PICTURE, 200, 50))
    assert "bid size" in wide
    assert "1.25" in wide


@pytest.mark.parametrize(("width", "height"), [(80, 24), (200, 50), (160, 30)])
def test_what_does_not_fit_is_cut_and_said_so(width: int, height: int) -> None:
    many = tuple(replace(PICTURE.books[0], instrument=f"binance.spot.S{n:03}-USDT") for n in range(100))
    lines = drawn(replace(PICTURE, books=many), width, height)
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    shown = sum(each.startswith("binance.spot.S") for each in lines)
    assert f"… and {100 - shown} more" in "\n".join(lines)
    assert lines[-1].startswith("Ctrl-C")


def test_books_are_read_from_the_workers_statistics() -> None:
    live = {
        "state": "live", "reason": "", "bid": "1.5", "bid_quantity": "2", "ask": "1.6", "ask_quantity": "3",
        "spread": "0.1", "spread_bps": "645.1613", "age_s": 0.2, "trades": 7,
    }  # fmt: skip
    lost = {**live, "state": "resyncing", "bid": None, "ask": None, "spread": None, "spread_bps": None}
    assert books({"b": lost, "a": live}) == (
        BookLine("a", "live", "1.5", "2", "1.6", "3", "0.1", "645.1613", 0.2, 7),
        BookLine("b", "resyncing", None, "2", None, "3", None, None, 0.2, 7),
    )


def test_without_a_terminal_a_line_says_the_same() -> None:
    assert line(replace(PICTURE, sink_lag=None)).endswith(
        "running: in 402 frames/s, out 1,203 events/s, stored 1,190 rows/s, lag 12, -, books 1/2 live, "
        "gaps 2, dead letters 0, restarts 1"
    )


def test_changes_are_told_at_once_and_the_rest_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines()
    lines.show(PICTURE)
    first = capsys.readouterr()
    assert first.out == ""
    assert "worker: restarting" in first.err
    lines.show(PICTURE)
    assert capsys.readouterr().err == ""
    lines.show(replace(PICTURE, state="draining the worker: 12 records left"))
    lines.show(replace(PICTURE, state="draining the worker: 11 records left"))
    assert capsys.readouterr().err.count("draining the worker") == 1
