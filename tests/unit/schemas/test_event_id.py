"""Event ids order as text as they do as numbers, and say whether an event was seen."""

from __future__ import annotations

from itertools import pairwise

from schemas.event_id import event_id, is_new, source_of, split


def test_ids_of_one_source_partition_order_as_text() -> None:
    ids = [
        event_id("raw.binance.spot", 3, offset, index)
        for offset in (0, 9, 10, 99, 10**12)
        for index in (0, 9, 10, 123_456)
    ]
    assert all(a < b for a, b in pairwise(ids))


def test_an_id_splits_into_its_parts() -> None:
    identity = event_id("a/b.raw.binance.spot", 3, 912, 7).encode()
    assert split(identity) == ("a/b.raw.binance.spot", 3, 912, 7)
    assert source_of(identity) == b"a/b.raw.binance.spot/3"


def test_what_is_not_above_the_mark_is_seen_already() -> None:
    marks: dict[bytes, bytes] = {}
    spot, usdm = (f"raw.binance.{market}" for market in ("spot", "usdm"))
    verdicts = [
        is_new(event_id(topic, 0, offset, index).encode(), marks)
        for topic, offset, index in [
            (spot, 5, 0),
            (spot, 5, 1),
            (spot, 5, 1),
            (spot, 4, 9),
            (usdm, 1, 0),
            (spot, 6, 0),
        ]
    ]
    assert verdicts == [True, True, False, False, True, True]
