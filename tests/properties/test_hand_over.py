"""Handing a stream over: however the frames of both connections interleave, each is written once and in order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from producers.hand_over import HandOver

_OPENING = b"the state as it is"


@given(
    st.integers(1, 40),
    st.integers(0, 39),
    st.lists(st.booleans(), max_size=80),
    st.integers(0, 80),
    st.booleans(),
)
def test_each_frame_is_written_once_and_in_order(
    count: int, joined: int, interleaving: list[bool], finished_at: int, opening: bool
) -> None:
    """``joined``: the first frame the successor gets, behind one of its own where there is an ``opening``. The old connection is given
    up any time after it had that one's forerunners."""
    joined = min(joined, count - 1)
    frames = [b"%d" % number for number in range(count)]
    hand_over = _begun(opening=opening)
    written: list[bytes] = []
    old, new = 0, joined
    finished = False

    def finish() -> None:
        nonlocal finished
        finished = True
        written.extend(frame for frame, _ in hand_over.finish())

    for step, old_turn in enumerate([*interleaving, *[True, False] * count]):
        if old_turn and old < count:
            if not hand_over.over or not finished:
                written += [frames[old]] if hand_over.old(frames[old]) else []
            old += 1
        elif not old_turn and new < min(count, max(old, joined) + 10):
            if hand_over.over:
                written.append(frames[new])
            else:
                written += [frame for frame, _ in hand_over.new(frames[new], 0)]
            new += 1
        if not finished and step >= finished_at and old >= joined:
            finish()
    while new < count:
        written += [frames[new]] if hand_over.over else [frame for frame, _ in hand_over.new(frames[new], 0)]
        new += 1
    if not finished:
        finish()
    assert _without_opening(written, most=opening) == frames


def _begun(*, opening: bool) -> HandOver:
    """A hand-over to a successor that has brought the state as it is, or nothing yet."""
    hand_over = HandOver()
    if opening:
        assert not hand_over.new(_OPENING, 0)
    return hand_over


def _without_opening(written: list[bytes], *, most: int) -> list[bytes]:
    assert written.count(_OPENING) <= most
    return [frame for frame in written if frame != _OPENING]
