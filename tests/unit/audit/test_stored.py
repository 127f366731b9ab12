"""Up to which event id a table can be held against the raw log, by what the sink has committed."""

from __future__ import annotations

from audit.spans import Span
from audit.stored import Standing, limits
from sinks.progress import Progress

RAW = "raw.binance.spot"
SPAN = Span("binance", "spot", RAW, 3, 100, 900)


def standing(
    offset: int, *, mark: tuple[int, int] | None = None, end: int = 50
) -> dict[tuple[str, int], Standing]:
    marks = {}
    if mark:
        marks[f"{RAW}/3".encode()] = f"{RAW}/3/{mark[0]:020d}/{mark[1]:06d}".encode()
    return {("trades", 3): Standing(Progress(offset, marks), end)}


def test_a_sink_that_has_stored_the_whole_topic_has_all_events() -> None:
    ends = {("trades", 3): 50}
    assert limits("trades", [SPAN], ends, standing(50, mark=(700, 2))) == [(900, 0)]
    assert limits("trades", [SPAN], ends, standing(60, mark=(950, 0))) == [(900, 0)]


def test_a_sink_that_is_behind_has_them_up_to_its_mark() -> None:
    ends = {("trades", 3): 50}
    assert limits("trades", [SPAN], ends, standing(49, mark=(700, 2))) == [(700, 3)]
    assert limits("trades", [SPAN], ends, standing(49, mark=(950, 0))) == [(900, 0)]


def test_without_a_mark_nothing_is_known_to_be_stored() -> None:
    assert limits("trades", [SPAN], {("trades", 3): 50}, standing(10)) == [(100, 0)]


def test_marks_are_told_by_source() -> None:
    assert standing(1, mark=(700, 2))["trades", 3].marks == {(RAW, 3): (700, 3)}
