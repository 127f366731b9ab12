"""What a raw partition makes of its records: events with ids, dead letters, and how far it may be committed."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from bookmill.settings import WorkerSettings
from schemas.catalogue import BOOK_SNAPSHOTS, SPREADS, TRADES
from streams.partition import RawPartition, Work
from tests.unit.streams.raw import SCHEMA_IDS, TOPIC, Record, depth, read, record, snapshot, ticker, trade
from venues.binance import BinanceSpot
from venues.okx import OkxSpot


def partition(position: int = 0, **settings: Any) -> RawPartition:
    return RawPartition(BinanceSpot(), TOPIC, 3, position, SCHEMA_IDS, WorkerSettings(**settings))


def ids(events: Sequence[tuple[bytes, bytes, list[tuple[str, bytes]]]]) -> list[str]:
    return [dict(headers)["event_id"].decode().removeprefix(f"{TOPIC}/3/") for _, _, headers in events]


def spreads(work: Work) -> list[dict[str, Any]]:
    return [read(SPREADS, value) for _, value, _ in work.events.spreads]


JOIN = [
    depth(0, 95, 99, [["9", "1"]]),
    depth(1, 100, 105, [["9.5", "2"]], time_ms=100),
    snapshot(2, 102, [["9", "1"], ["8", "1"]], [["11", "1"]]),
]


def test_a_trade_becomes_one_event_with_the_id_of_its_record() -> None:
    work = partition().process([trade(7, 12345, price="0.001", quantity="100")])
    [(key, value, headers)] = work.events.trades
    assert key == b"binance.spot.BTC-USDT"
    assert headers == [("event_id", b"raw.binance.spot/3/00000000000000000007/000000")]
    event = read(TRADES, value)
    assert (event["trade_id"], event["price"], event["quantity"], event["side"]) == (
        "12345",
        Decimal("0.001"),
        100,
        "BUY",
    )
    assert (
        event["source_topic"],
        event["source_partition"],
        event["source_offset"],
        event["source_index"],
    ) == (TOPIC, 3, 7, 0)
    assert (event["source"], event["aggregated"], event["symbol"]) == ("ws", False, "BTC-USDT")


def test_each_best_bid_ask_frame_is_a_spread_of_origin_ticker() -> None:
    work = partition().process([ticker(0, 5, "10", "10.02"), ticker(1, 5, "10", "10.02")])
    assert [(one["origin"], one["spread"], one["mid"], one["exchange_time"]) for one in spreads(work)] == [
        ("ticker", Decimal("0.02"), Decimal("10.01"), None)
    ] * 2


def test_waiting_diffs_give_their_events_while_the_snapshot_is_processed() -> None:
    raw = partition()
    assert not raw.process(JOIN[:2]).events.spreads
    work = raw.process(JOIN[2:])
    [event] = spreads(work)
    assert (event["update_id"], event["bid_price"], event["state"], event["origin"]) == (
        105,
        Decimal("9.5"),
        "live",
        "book",
    )
    assert ids(work.events.spreads) == ["00000000000000000002/000000"]
    assert [read(BOOK_SNAPSHOTS, value)["reason"] for _, value, _ in work.events.book_snapshots] == [
        "interval",
        "resync",
    ]
    assert ids(work.events.book_snapshots) == ["00000000000000000002/000001", "00000000000000000002/000002"]


def test_a_spread_is_written_only_when_the_top_differs() -> None:
    raw = partition()
    raw.process(JOIN)
    work = raw.process(
        [
            depth(3, 106, 106, [["8", "5"]], time_ms=200),
            depth(4, 107, 107, [["9.5", "3"]], time_ms=300),
            depth(5, 108, 108, [["9.5", "3"]], time_ms=400),
            depth(6, 109, 109, [["9.5", "0"]], time_ms=500),
        ]
    )
    assert [(one["update_id"], one["bid_price"], one["bid_quantity"]) for one in spreads(work)] == [
        (107, Decimal("9.5"), 3),
        (109, 9, 1),
    ]


def test_one_snapshot_an_interval_of_event_time_best_levels_first() -> None:
    raw = partition(snapshot_levels=2)
    raw.process(JOIN)
    work = raw.process(
        [depth(3 + n, 106 + n, 106 + n, [[str(1 + n), "1"]], time_ms=500 * (n + 1)) for n in range(5)]
    )
    snapshots = [read(BOOK_SNAPSHOTS, value) for _, value, _ in work.events.book_snapshots]
    assert [one["update_id"] for one in snapshots] == [107, 109]
    assert snapshots[0]["bid_prices"] == [Decimal("9.5"), 9]
    assert snapshots[0]["bid_quantities"] == [2, 1]
    assert snapshots[0]["ask_prices"] == [11]


def test_an_exchange_whose_clock_is_set_back_gives_snapshots_all_the_same() -> None:
    raw = partition()
    raw.process(JOIN)
    times = (3_600_000, 3_601_000, 5_000, 5_900, 6_000, 5_999, 7_000)
    work = raw.process(
        [depth(3 + n, 106 + n, 106 + n, [["9", str(1 + n)]], time_ms=time) for n, time in enumerate(times)]
    )
    snapshots = [read(BOOK_SNAPSHOTS, value) for _, value, _ in work.events.book_snapshots]
    assert [one["update_id"] for one in snapshots] == [106, 107, 108, 110, 112]


def test_an_exchange_whose_clock_creeps_gives_snapshots_all_the_same() -> None:
    raw = partition()
    raw.process(JOIN)
    # Four seconds of receipt (a millisecond for each offset) are a millisecond of the exchange's.
    diffs = [
        depth(3 + 4000 * n, 106 + n, 106 + n, [["9", str(1 + n)]], time_ms=3_600_000 + n) for n in range(8)
    ]
    work = raw.process(diffs)
    snapshots = [read(BOOK_SNAPSHOTS, value) for _, value, _ in work.events.book_snapshots]
    assert [one["update_id"] for one in snapshots] == [106, 109, 112]


def test_a_gap_makes_the_book_resyncing_and_a_snapshot_makes_it_live() -> None:
    raw = partition()
    raw.process(JOIN)
    [instrument] = raw.instruments.values()
    work = raw.process([depth(3, 110, 112, [["9.9", "1"]]), trade(4, 1), ticker(5, 112, "9", "11")])
    assert instrument.state == "resyncing"
    assert [one.symbol for one in raw.wanting()] == ["BTC-USDT"]
    assert len(work.events.trades) == 1
    assert [one["origin"] for one in spreads(work)] == ["ticker"]
    work = raw.process([snapshot(6, 111, [["9", "1"]], [["11", "1"]])])
    assert instrument.state == "live"
    assert [one["bid_price"] for one in spreads(work)] == [Decimal("9.9")]
    assert read(BOOK_SNAPSHOTS, work.events.book_snapshots[-1][1])["reason"] == "resync"


def test_a_crossed_book_is_never_published_as_live_and_is_lost_when_it_stays() -> None:
    raw = partition()
    raw.process(JOIN)
    work = raw.process(
        [depth(3, 106, 106, [["11", "1"]], time_ms=1000), depth(4, 107, 107, [["11", "2"]], time_ms=5000)]
    )
    assert [one["state"] for one in spreads(work)] == ["degraded", "degraded"]
    raw.process([depth(5, 108, 108, [["11", "3"]], time_ms=7000)])
    [instrument] = raw.instruments.values()
    assert (instrument.state, instrument.book.synchronizer.reason) == ("resyncing", "crossed")


def test_a_crossed_book_is_lost_in_time_although_the_clock_is_set_back() -> None:
    raw = partition()
    raw.process(JOIN)
    times = (3_600_000, 1_000, 5_000, 7_000)
    raw.process(
        [depth(3 + n, 106 + n, 106 + n, [["11", str(1 + n)]], time_ms=time) for n, time in enumerate(times)]
    )
    [instrument] = raw.instruments.values()
    assert (instrument.state, instrument.book.synchronizer.reason) == ("resyncing", "crossed")


def okx(offset: int, action: str, before: int, now: int, bid: str, *, time_ms: int, cut: int = 0) -> Record:
    frame = (
        f'{{"arg":{{"channel":"books","instId":"BTC-USDT"}},"action":"{action}","data":[{{"asks":[["10","1","0","1"]],'
        f'"bids":[["{bid}","1","0","1"]],"ts":"{time_ms}","checksum":0,"prevSeqId":{before},"seqId":{now}}}]}}'
    ).encode()
    return record(offset, "books", frame[: len(frame) - cut])


def test_a_book_whose_image_is_crossed_stays_degraded_and_is_asked_for_once() -> None:
    raw = RawPartition(OkxSpot(), TOPIC, 3, 0, SCHEMA_IDS, WorkerSettings())
    raw.process([okx(0, "snapshot", -1, 1, "9", time_ms=0), okx(1, "update", 1, 2, "11", time_ms=1000)])
    [instrument] = raw.instruments.values()
    assert instrument.state == "degraded"
    raw.process([okx(2, "update", 2, 3, "12", time_ms=7000)])
    assert (instrument.state, instrument.book.synchronizer.reason) == ("resyncing", "crossed")
    raw.process([okx(3, "snapshot", -1, 4, "12", time_ms=8000)])
    raw.process(
        [
            okx(4 + number, "update", 4 + number, 5 + number, "12", time_ms=9000 + 9000 * number)
            for number in range(3)
        ]
    )
    assert instrument.state == "degraded"
    assert not list(raw.wanting())
    raw.process(
        [okx(7, "snapshot", -1, 20, "9", time_ms=40_000), okx(8, "update", 20, 21, "11", time_ms=41_000)]
    )
    raw.process([okx(9, "update", 21, 22, "11.5", time_ms=50_000)])
    assert instrument.book.synchronizer.reason == "crossed"  # this time by its changes again


def test_a_book_whose_change_cannot_be_read_waits_for_an_image() -> None:
    raw = RawPartition(OkxSpot(), TOPIC, 3, 0, SCHEMA_IDS, WorkerSettings())
    raw.process([okx(0, "snapshot", -1, 1, "9", time_ms=0)])
    work = raw.process([okx(1, "update", 1, 2, "9.5", time_ms=1, cut=9)])
    [instrument] = raw.instruments.values()
    assert len(work.dead_letters) == 1
    assert [one.book.synchronizer.reason for one in raw.wanting()] == ["unreadable"]
    raw.process([okx(2, "snapshot", -1, 2, "9.5", time_ms=2)])
    assert instrument.state == "live"


def test_a_frame_of_another_stream_that_cannot_be_read_is_nothing_to_the_book() -> None:
    raw = RawPartition(OkxSpot(), TOPIC, 3, 0, SCHEMA_IDS, WorkerSettings())
    raw.process([okx(0, "snapshot", -1, 1, "9", time_ms=0), record(1, "bbo-tbt", b"{}")])
    assert not list(raw.wanting())


def test_an_uncrossed_book_is_live_again() -> None:
    raw = partition()
    raw.process(JOIN)
    work = raw.process(
        [depth(3, 106, 106, [["11", "1"]], time_ms=1000), depth(4, 107, 107, [["11", "0"]], time_ms=2000)]
    )
    assert [one["state"] for one in spreads(work)] == ["degraded", "live"]


def test_an_empty_side_is_null_not_zero() -> None:
    raw = partition()
    raw.process(JOIN)
    [event] = spreads(raw.process([depth(3, 106, 106, [], [["11", "0"]], time_ms=200)]))
    assert (
        event["ask_price"],
        event["ask_quantity"],
        event["mid"],
        event["spread"],
        event["spread_bps"],
    ) == (None,) * 5
    assert event["bid_price"] == Decimal("9.5")


BAD = [
    pytest.param(record(1, "depth", b"not json"), "Not a binance depth frame", id="no JSON"),
    pytest.param(record(1, "trade", b"\xff\xfe\x00"), "Not a binance trade frame", id="arbitrary bytes"),
    pytest.param(trade(1, 1, price="1e"), "Not a number", id="no number"),
    pytest.param(snapshot(1, 5, [["a", "1"]], []), "Not a number", id="no snapshot"),
    pytest.param(Record(1, b"BTCUSDT", b"{}", ()), "headers", id="no headers"),
    pytest.param(
        Record(1, b"BTCUSDT", b"{}", tuple({**dict(trade(1, 1).headers), "kind": b"?"}.items())),
        "headers",
        id="unknown kind",
    ),
    pytest.param(Record(1, b"\xff", trade(1, 1).value, trade(1, 1).headers), "UTF-8", id="key of no text"),
    pytest.param(Record(1, b"BTCUSDT", None, trade(1, 1).headers), "Not a binance", id="no value"),
]


@pytest.mark.parametrize(("bad", "reason"), BAD)
def test_a_bad_record_costs_itself_only(bad: Record, reason: str) -> None:
    work = partition().process([trade(0, 1), bad, trade(2, 2)])
    assert [letter.record for letter in work.dead_letters] == [bad]
    assert reason in work.dead_letters[0].reason
    assert ids(work.events.trades) == ["00000000000000000000/000000", "00000000000000000002/000000"]
    assert work.position == 3


def _works() -> int:
    return sum(type(one) is Work for one in gc.get_objects())


@pytest.mark.parametrize(("bad", "reason"), BAD)
def test_a_bad_record_does_not_hold_the_events_of_its_batch(bad: Record, reason: str) -> None:
    raw = partition()
    gc.collect()
    gc.disable()
    try:
        before = _works()
        assert reason in raw.process([trade(0, 1), bad, trade(2, 2)]).dead_letters[0].reason
        assert _works() <= before, "it is in a circle"
    finally:
        gc.enable()


def test_frames_of_other_channels_are_counted_not_lost() -> None:
    work = partition().process([record(0, "markPrice", {"p": "1"})])
    assert (work.silent, work.dead_letters) == (1, [])


def test_records_processed_before_are_passed_over() -> None:
    raw = partition()
    raw.process([trade(0, 1), trade(1, 2)])
    work = raw.process([trade(0, 1), trade(1, 2), trade(2, 3)])
    assert (work.repeated, ids(work.events.trades)) == (2, ["00000000000000000002/000000"])


def test_instruments_of_one_partition_do_not_touch_each_other() -> None:
    raw = partition()
    raw.process(
        [
            *JOIN,
            depth(3, 1, 2, symbol="ETH-USDT"),
            snapshot(4, 1, [["5", "1"]], [["6", "1"]], symbol="ETH-USDT"),
        ]
    )
    raw.process([depth(5, 50, 60, symbol="ETH-USDT")])
    assert {one.symbol: one.state for one in raw.instruments.values()} == {
        "BTC-USDT": "live",
        "ETH-USDT": "resyncing",
    }


def test_a_partition_may_be_committed_up_to_what_no_checkpoint_says() -> None:
    raw = partition(5)
    assert raw.safe_position == 5
    raw.process([trade(7, 1), trade(8, 2)])
    assert (raw.safe_position, raw.position) == (7, 9)


def test_diffs_that_wait_are_needed_beside_a_checkpoint() -> None:
    raw = partition()
    raw.process([*JOIN, depth(3, 110, 112), trade(4, 1)])
    raw.covering[b"BTCUSDT"] = (raw.position, raw.first_needed(raw.instruments[b"BTCUSDT"]))
    raw.covers(b"BTCUSDT")
    assert raw.safe_position == 3
    raw.process([snapshot(5, 111, [["9", "1"]], [["11", "1"]])])
    raw.covering[b"BTCUSDT"] = (raw.position, raw.first_needed(raw.instruments[b"BTCUSDT"]))
    raw.covers(b"BTCUSDT")
    assert raw.safe_position == raw.position == 6
