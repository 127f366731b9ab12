"""The ledger: each loss opens a gap that says what was expected and seen, and what heals it closes it, once each."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bookmill.settings import WorkerSettings
from schemas.catalogue import GAPS, TRADES
from streams.gaps import Gaps, cause_of
from streams.partition import RawPartition, Work
from tests.unit.streams.raw import SCHEMA_IDS, TOPIC, Record, depth, read, record, snapshot, trade
from venues.binance import BinanceSpot
from venues.interface import Venue
from venues.messages import Trade
from venues.okx import OkxSpot
from venues.registry import venue

NOW_MS = 1_700_000_000_000
MICROS = NOW_MS * 1000


class WithHistory(BinanceSpot):
    """Its past trades are trades as the socket brings them, in a list."""

    def decode_backfill(self, body: bytes) -> list[Trade]:
        return [
            Trade(str(number), 10**19, 10**18, "BUY", MICROS, sequence=number) for number in json.loads(body)
        ]


def partition(of: Venue | None = None, **settings: Any) -> RawPartition:
    return RawPartition(of or WithHistory(), TOPIC, 3, 0, SCHEMA_IDS, WorkerSettings(**settings))


def sold(offset: int, number: int, *, time_ms: int | None = None, name: str = "trade") -> Record:
    """A trade at the moment it is received."""
    data = {"e": name, "p": "10", "q": "1", "T": NOW_MS + offset if time_ms is None else time_ms, "m": False}
    return record(offset, name, {**data, "t": number, "a": number})


def lost(offset: int, channel: str, reason: str = "disconnect") -> Record:
    return record(offset, channel, reason.encode(), kind="lost")


def pages(offset: int, *numbers: int) -> Record:
    return record(offset, "backfill", json.dumps(numbers).encode(), kind="backfill")


def end(offset: int, **said: Any) -> Record:
    return record(offset, "backfill.end", json.dumps(said).encode(), kind="backfill")


def told(work: Work) -> list[dict[str, Any]]:
    return [read(GAPS, value) for _, value, _ in work.events.gaps]


def short(work: Work) -> list[tuple[str, str, str, str]]:
    return [(one["stream"], one["phase"], one["cause"], one["healed"]) for one in told(work)]


def numbers(work: Work) -> list[int]:
    return [int(read(TRADES, value)["trade_id"]) for _, value, _ in work.events.trades]


JOIN = [
    depth(0, 95, 99, [["9", "1"]], time_ms=NOW_MS),
    depth(1, 100, 105, [["9.5", "2"]], time_ms=NOW_MS),
    snapshot(2, 102, [["9", "1"]], [["11", "1"]]),
]


def book() -> RawPartition:
    raw = partition()
    assert told(raw.process(JOIN)) == []  # the first join heals nothing
    return raw


def test_a_hole_in_a_book_opens_a_gap_and_the_snapshot_closes_it() -> None:
    raw = book()
    [opened] = told(raw.process([depth(3, 110, 112, time_ms=NOW_MS)]))
    assert (opened["stream"], opened["phase"], opened["cause"]) == ("book", "opened", "sequence")
    assert (opened["expected"], opened["seen"], opened["complete"]) == ("106", "110", False)
    assert opened["gap"] == f"{TOPIC}/3/{3:020d}/000000"
    assert opened["closed_time"] is None
    work = raw.process([snapshot(4, 111, [["9", "1"]], [["11", "1"]])])
    [closed] = told(work)
    assert (closed["gap"], closed["phase"], closed["healed"]) == (opened["gap"], "closed", "snapshot")
    assert (closed["expected"], closed["attempts"], closed["complete"]) == ("106", 1, True)
    assert closed["closed_time"] > closed["opened_time"] == opened["opened_time"]
    others = len(work.events.spreads) + len(work.events.book_snapshots)
    assert closed["source_index"] == others  # the ledger comes after what the record gave


def test_a_second_loss_while_a_book_waits_is_the_same_gap() -> None:
    raw = book()
    work = raw.process(
        [
            depth(3, 110, 112, time_ms=NOW_MS),
            depth(4, 120, 122, time_ms=NOW_MS),
            snapshot(5, 111, [["9", "1"]], [["11", "1"]]),
            snapshot(6, 121, [["9", "1"]], [["11", "1"]]),
        ]
    )
    assert short(work) == [("book", "opened", "sequence", "none"), ("book", "closed", "sequence", "snapshot")]
    assert told(work)[1]["attempts"] == 2


def test_what_the_producer_said_is_the_cause_of_the_hole_that_follows() -> None:
    raw = book()
    assert told(raw.process([lost(3, "depth")])) == []  # the numbers will show whether anything is missing
    assert short(raw.process([depth(4, 110, 112, time_ms=NOW_MS)])) == [
        ("book", "opened", "disconnect", "none")
    ]
    raw = book()
    raw.process([lost(3, "depth"), depth(4, 106, 106, time_ms=NOW_MS)])  # nothing was
    assert told(raw.process([depth(5, 110, 112, time_ms=NOW_MS)]))[0]["cause"] == "sequence"


def test_a_crossed_book_says_at_which_prices() -> None:
    raw = book()
    records = [
        depth(3 + n, 106 + n, 106 + n, [["11.5", str(1 + n)]], time_ms=NOW_MS + 3000 * n) for n in range(3)
    ]
    [opened] = told(raw.process(records))
    assert (opened["cause"], opened["seen"]) == ("crossed", "bid 11.5, ask 11")


def test_a_book_that_starts_anew_is_a_restart() -> None:
    raw = book()
    assert short(raw.process([depth(3, 1, 2, time_ms=NOW_MS + 9)])) == [("book", "opened", "restart", "none")]


def okx(offset: int, action: str, before: int, now: int) -> Record:
    frame = (
        f'{{"arg":{{"channel":"books","instId":"BTC-USDT"}},"action":"{action}","data":[{{"asks":[["10","1","0","1"]],'
        f'"bids":[["9","1","0","1"]],"ts":"{NOW_MS}","checksum":0,"prevSeqId":{before},"seqId":{now}}}]}}'
    )
    return record(offset, "books", frame.encode())


@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        ("disconnect", "disconnect"),
        ("successor lost", "disconnect"),
        ("silent", "silent"),
        ("start", "producer"),
        ("undelivered", "producer"),
    ],
)
def test_a_book_without_a_snapshot_of_its_own_is_lost_by_the_producers_word(reason: str, cause: str) -> None:
    raw = partition(OkxSpot())
    assert told(raw.process([lost(0, "books", "start")])) == []
    raw.process([okx(1, "snapshot", -1, 1)])
    work = raw.process([lost(2, "books", reason), lost(3, "books", reason), okx(4, "snapshot", -1, 9)])
    assert short(work) == [("book", "opened", cause, "none"), ("book", "closed", cause, "image")]


def test_a_change_that_cannot_be_read_is_a_gap_of_the_book() -> None:
    raw = partition(OkxSpot())
    raw.process([okx(0, "snapshot", -1, 1)])
    work = raw.process([record(1, "books", b"{}"), okx(2, "snapshot", -1, 9)])
    assert [one[2] for one in short(work)] == ["unreadable", "unreadable"]
    assert len(work.dead_letters) == 1


def test_a_wrong_checksum_says_what_was_expected() -> None:
    kraken = venue("kraken", "spot")
    raw = partition(kraken)

    def frame(offset: int, kind: str, checksum: int) -> Record:
        data = (
            f'{{"channel":"book","type":"{kind}","data":[{{"symbol":"BTC/USD","bids":[{{"price":1.0,"qty":1.0}}],'
            f'"asks":[{{"price":2.0,"qty":1.0}}],"checksum":{checksum},"timestamp":"2023-11-14T22:13:20.000000Z"}}]}}'
        )
        return record(offset, "book.1000", data.encode())

    image = frame(0, "snapshot", 0)
    raw.process([image])
    [instrument] = raw.instruments.values()
    assert instrument.gaps.book is None  # it was never live: nothing is lost
    good = next(
        number for number in [_checksum(raw)] if not raw.process([frame(1, "snapshot", number)]).dead_letters
    )
    assert instrument.state == "live"
    [opened] = told(raw.process([frame(2, "update", good ^ 1)]))
    assert (opened["cause"], opened["expected"]) == ("checksum", str(good ^ 1))


def _checksum(raw: RawPartition) -> int:
    """Of the book as it stands, with one decimal each (protocol page, section 12): price and quantity without point and zeros."""
    import zlib

    assert raw.instruments
    return zlib.crc32(b"20101010")


# Trades.


def test_missing_numbers_open_a_gap_and_a_backfill_closes_it() -> None:
    raw = partition()
    work = raw.process([sold(0, 5), sold(1, 9)])
    assert numbers(work) == [5, 9]
    [opened] = told(work)
    assert (opened["cause"], opened["expected"], opened["seen"]) == ("sequence", "6", "9")
    assert (opened["first_trade_id"], opened["last_trade_id"], opened["missed"]) == (6, 8, 3)
    assert (opened["since_time"], opened["until_time"]) != (None, None)
    work = raw.process(
        [pages(2, 5, 6, 7), pages(3, 7, 8, 9, 10), end(4, first_trade_id="6", last_trade_id="8")]
    )
    assert numbers(work) == [6, 7, 8]  # and nothing that was here, or comes by itself
    assert {read(TRADES, value)["source"] for _, value, _ in work.events.trades} == {"backfill"}
    [closed] = told(work)
    assert (closed["healed"], closed["missed"], closed["complete"]) == ("backfill", 0, True)
    assert closed["gap"] == opened["gap"]
    assert numbers(raw.process([sold(5, 10), pages(6, 6, 10)])) == [10]


def test_what_the_exchange_does_not_tell_stays_missing() -> None:
    raw = partition()
    raw.process([sold(0, 5), sold(1, 9), pages(2, 7)])
    assert told(raw.process([end(3, first_trade_id="6", last_trade_id="7")])) == []  # not all was asked for
    [closed] = told(raw.process([end(4, first_trade_id="6", last_trade_id="8", complete=True)]))
    assert (closed["phase"], closed["missed"], closed["complete"]) == ("closed", 2, False)
    assert numbers(raw.process([pages(5, 6, 8)])) == []


def test_late_trades_fill_a_gap_too_and_repeated_ones_are_passed_over() -> None:
    raw = partition()
    work = raw.process([sold(0, 5), sold(1, 7), sold(2, 6, time_ms=NOW_MS), sold(3, 7, time_ms=NOW_MS + 1)])
    assert numbers(work) == [5, 7, 6]
    assert short(work)[1] == ("trades", "closed", "sequence", "late")
    [instrument] = raw.instruments.values()
    assert instrument.trades.repeated == 1


def test_a_disconnect_is_the_cause_of_the_hole_it_leaves_and_of_no_other() -> None:
    raw = partition()
    work = raw.process([lost(0, "trade", "start"), sold(1, 5), lost(2, "trade"), sold(3, 7), sold(4, 9)])
    assert [one["cause"] for one in told(work)] == ["disconnect", "sequence"]
    work = raw.process([lost(5, "trade"), sold(6, 10), sold(7, 12)])
    assert [one["cause"] for one in told(work)] == ["sequence"]


def test_counting_from_the_start_again_is_no_hole() -> None:
    raw = partition()
    work = raw.process([sold(0, 500), sold(1, 502), sold(2, 1), sold(3, 2)])
    assert numbers(work) == [500, 502, 1, 2]
    assert short(work) == [
        ("trades", "opened", "sequence", "none"),
        ("trades", "closed", "sequence", "none"),  # nobody can tell any more
    ]


def test_the_other_form_of_trades_counts_for_itself() -> None:
    raw = partition()
    work = raw.process(
        [sold(0, 5, name="aggTrade"), sold(1, 9000), sold(2, 9001), sold(3, 6, name="aggTrade")]
    )
    assert (numbers(work), told(work)) == ([5, 9000, 9001, 6], [])


def test_past_trades_at_the_begin_of_a_connection_are_history() -> None:
    raw = partition(venue("kraken", "spot"), clock_tolerance_s=30 * 86_400)

    def frame(offset: int, *trades: tuple[int, int]) -> Record:
        data = ",".join(
            f'{{"symbol":"BTC/USD","side":"buy","price":1.0,"qty":1.0,"trade_id":{number},'
            f'"timestamp":"2023-11-{day:02d}T22:13:20.000000Z"}}'
            for number, day in trades
        )
        text = f'{{"channel":"trade","type":"update","data":[{data}]}}'
        return record(offset, "trade", text.encode())

    work = raw.process([frame(0, (8, 10)), frame(1, (5, 1), (6, 2), (8, 10), (9, 10)), frame(2, (10, 11))])
    assert (numbers(work), told(work)) == ([8, 5, 6, 9, 10], [])


def folded(offset: int, number: int, count: int) -> Record:
    frame = (
        f'{{"arg":{{"channel":"trades","instId":"BTC-USDT"}},"data":[{{"instId":"BTC-USDT","tradeId":"{number}","px":"1",'
        f'"sz":"1","side":"buy","ts":"{NOW_MS + offset}","count":"{count}"}}]}}'
    )
    return record(offset, "trades", frame.encode())


def test_a_trade_of_several_matches_stands_for_several_numbers() -> None:
    work = partition(OkxSpot()).process([folded(0, 10, 1), folded(1, 13, 3), folded(2, 16, 2)])
    [opened] = told(work)
    assert (opened["first_trade_id"], opened["last_trade_id"]) == (14, 14)


def bybit(offset: int, name: str) -> Record:
    frame = (
        f'{{"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":{NOW_MS + offset},"data":[{{"T":{NOW_MS + offset},'
        f'"s":"BTCUSDT","S":"Buy","v":"1","p":"10","i":"{name}"}}]}}'
    )
    return record(offset, "publicTrade", frame.encode())


class BybitWithHistory(type(venue("bybit", "spot"))):  # type: ignore[misc]
    def decode_backfill(self, body: bytes) -> list[Trade]:
        return [Trade(name, 10**19, 10**18, "BUY", MICROS + ms * 1000) for name, ms in json.loads(body)]


def past(offset: int, *trades: tuple[str, int]) -> Record:
    return record(offset, "backfill", json.dumps(trades).encode(), kind="backfill")


def test_trades_that_nothing_counts_have_a_gap_of_times() -> None:
    raw = partition(BybitWithHistory())
    assert told(raw.process([lost(0, "publicTrade", "start"), bybit(1, "a")])) == []
    [opened] = told(raw.process([lost(5, "publicTrade")]))
    assert (opened["cause"], opened["missed"], opened["until_time"]) == ("disconnect", None, None)
    work = raw.process(
        [
            bybit(9, "d"),
            past(10, ("z", 0), ("a", 1), ("b", 4), ("c", 8), ("d", 9), ("e", 11)),
            past(11, ("b", 4)),
        ]
    )
    assert [read(TRADES, value)["trade_id"] for _, value, _ in work.events.trades] == ["d", "b", "c"]
    [closed] = told(raw.process([end(12, since_time=MICROS + 1000, until_time=MICROS + 9000, complete=True)]))
    assert (closed["gap"], closed["healed"], closed["complete"]) == (opened["gap"], "backfill", True)
    assert (closed["since_time"], closed["until_time"]) != (None, None)


def test_streams_beside_book_and_trades_have_gaps_until_they_go_on() -> None:
    raw = partition()
    ticker = {"u": 1, "b": "9", "B": "1", "a": "11", "A": "2"}
    work = raw.process([lost(0, "bookTicker"), record(1, "bookTicker", ticker), lost(2, "bookTicker")])
    assert short(work) == [("bookTicker", "opened", "disconnect", "none")]
    work = raw.process([sold(3, 1), record(4, "bookTicker", ticker), record(5, "bookTicker", ticker)])
    assert short(work) == [("bookTicker", "closed", "disconnect", "resumed")]
    assert told(work)[0]["complete"] is False


def test_times_out_of_range_are_written_and_said_once() -> None:
    raw = partition(clock_tolerance_s=60)
    wrong = [sold(1, 2, time_ms=1), sold(2, 3, time_ms=2), sold(3, 4, time_ms=NOW_MS + 61_000)]
    work = raw.process([sold(0, 1), *wrong])
    assert numbers(work) == [1, 2, 3, 4]
    [opened] = told(work)
    assert (opened["stream"], opened["cause"], opened["seen"]) == ("trades", "time", "1000")
    [closed] = told(raw.process([sold(4, 5)]))
    assert (closed["cause"], closed["attempts"], closed["complete"]) == ("time", 2, True)
    raw = book()
    work = raw.process([depth(3, 106, 106, time_ms=1), depth(4, 107, 107, time_ms=NOW_MS)])
    assert short(work) == [("book", "opened", "time", "none"), ("book", "closed", "time", "resumed")]


def test_the_ledger_is_bounded_and_gives_up_the_oldest() -> None:
    raw = partition()
    work = raw.process([sold(offset, 2 * offset) for offset in range(103)])
    [instrument] = raw.instruments.values()
    assert len(instrument.gaps.trades) == 100
    closed = [one for one in told(work) if one["phase"] == "closed"]
    assert [(one["first_trade_id"], one["complete"]) for one in closed] == [(1, False), (3, False)]
    assert instrument.gaps.opened["sequence"] == 102


def test_a_gap_in_too_many_pieces_is_given_up() -> None:
    raw = partition()
    raw.process([sold(0, 1), sold(1, 5000)])
    work = raw.process([pages(2, *range(3, 4999, 2))])
    assert [(one["phase"], one["complete"]) for one in told(work)] == [("closed", False)]
    assert not Gaps().open


def test_a_reason_nobody_has_heard_of_is_the_producers() -> None:
    assert cause_of("\x00") == "producer"


@pytest.mark.parametrize("value", [b"", b"[]", b'{"since_time":-1}', b'{"first_trade_id":1}', b"\xff"])
def test_an_end_that_cannot_be_read_is_a_dead_letter(value: bytes) -> None:
    work = partition().process([sold(0, 1), record(1, "backfill.end", value, kind="backfill")])
    assert len(work.dead_letters) == 1


def test_what_is_no_page_of_past_trades_is_a_dead_letter() -> None:
    work = partition(BinanceSpot()).process([trade(0, 1), pages(1, 2)])
    assert "Not an answer of binance with past trades" in work.dead_letters[0].reason
