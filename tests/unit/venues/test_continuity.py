"""Binance's continuity rules: the known-answer cases of the protocol page, section 2.4."""

from __future__ import annotations

import pytest

from venues.binance.continuity import SpotContinuity, UsdmContinuity
from venues.interface import Continuity, Verdict
from venues.messages import BookDiff

OLD, APPLY, GAP = Verdict.OLD, Verdict.APPLY, Verdict.GAP


def diff(first: int, last: int, previous: int | None = None) -> BookDiff:
    return BookDiff(first, last, previous, [], [], 0)


def run(rule: Continuity, image_id: int | None, last_id: int | None, diffs: list[BookDiff]) -> list[Verdict]:
    """Judge diffs one after the other as a synchronizer does: by the join rule until one applies."""
    joined, current = last_id is not None, last_id if last_id is not None else image_id
    assert current is not None
    verdicts = []
    for one in diffs:
        verdict = rule.follow(current, one) if joined else rule.join(current, one)
        verdicts.append(verdict)
        if verdict is APPLY:
            joined, current = True, one.last_id
        if verdict is GAP:
            break
    return verdicts


@pytest.mark.parametrize(
    ("image_id", "last_id", "diffs", "verdicts"),
    [
        pytest.param(102, None, [(95, 99), (100, 105), (106, 108)], [OLD, APPLY, APPLY], id="straddle"),
        pytest.param(102, None, [(95, 102), (103, 104)], [OLD, APPLY], id="exact join"),
        pytest.param(90, None, [(95, 99)], [GAP], id="snapshot too old"),
        pytest.param(90, None, [(91, 99)], [APPLY], id="snapshot just not too old"),
        pytest.param(None, 108, [(110, 112)], [GAP], id="gap"),
        pytest.param(None, 108, [(100, 105), (109, 109)], [OLD, APPLY], id="replay"),
        pytest.param(None, 108, [(107, 110)], [APPLY], id="overlap"),
        pytest.param(None, 108, [(106, 108)], [OLD], id="the last one again"),
        pytest.param(-1, None, [(5, 6)], [GAP], id="new listing"),
    ],
)
def test_spot(
    image_id: int | None, last_id: int | None, diffs: list[tuple[int, int]], verdicts: list[Verdict]
) -> None:
    assert run(SpotContinuity(), image_id, last_id, [diff(*one) for one in diffs]) == verdicts


@pytest.mark.parametrize(
    ("image_id", "last_id", "diffs", "verdicts"),
    [
        pytest.param(
            160, None, [(150, 159, 149), (157, 165, 149), (170, 175, 165)], [OLD, APPLY, APPLY], id="straddle"
        ),
        pytest.param(160, None, [(163, 170, 160)], [APPLY], id="no overlap"),
        pytest.param(160, None, [(163, 170, 161)], [GAP], id="snapshot too old"),
        pytest.param(None, 175, [(180, 185, 178)], [GAP], id="gap"),
        pytest.param(None, 175, [(170, 175, 165)], [OLD], id="the last one again"),
        pytest.param(None, 175, [(900, 950, 175)], [APPLY], id="U says nothing"),
        pytest.param(-1, None, [(5, 6, 4)], [GAP], id="new listing"),
    ],
)
def test_usdm(
    image_id: int | None, last_id: int | None, diffs: list[tuple[int, int, int]], verdicts: list[Verdict]
) -> None:
    assert run(UsdmContinuity(), image_id, last_id, [diff(*one) for one in diffs]) == verdicts
