"""Two connections bring one instrument: books, trades and best prices come out as if there were one."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from bookmill.settings import WorkerSettings
from schemas.catalogue import BOOK_SNAPSHOTS, GAPS, LIQUIDATIONS, SPREADS, TRADES
from streams.checkpoints import pack, read_one, restore
from streams.instrument import Instrument
from streams.overlap import Overlap, line_of
from streams.owned import OwnedPartition
from streams.partition import RawPartition, Work
from streams.synchronizer import Phase
from tests.unit.streams.raw import SCHEMA_IDS, Record, depth, logs, read, record, snapshot, ticker, trade
from venues.interface import Venue
from venues.messages import BestBidAsk
from venues.registry import venue

START_NS = 1_700_000_000_000_000_000
A, B = "first-binance.spot-0.0", "second-binance.spot-0.0"


def by(connection: str, one: Record, *, at_ms: int) -> Record:
    """The same record, brought by another connection at another time (ms since the start)."""
    headers = dict(one.headers)
    headers["connection"] = connection.encode()
    headers["receive_time_ns"] = b"%d" % (START_NS + at_ms * 1_000_000)
    return replace(one, headers=tuple(headers.items()))


def numbered(records: Sequence[Record]) -> list[Record]:
    return [replace(one, offset=offset) for offset, one in enumerate(records)]


def partition(one: Venue | None = None) -> RawPartition:
    return RawPartition(
        one or venue("binance", "spot"), "raw.binance.spot", 0, 0, SCHEMA_IDS, WorkerSettings()
    )


def only(raw: RawPartition) -> Instrument:
    [instrument] = raw.instruments.values()
    return instrument


def change(number: int, at_ms: int, connection: str) -> Record:
    one = depth(0, number, number, [["99", str(1 + number % 7)]], time_ms=1_700_000_000_000 + number)
    return by(connection, one, at_ms=at_ms)


IMAGE = by("rest", snapshot(0, 0, [["99", "1"]], [["101", "1"]]), at_ms=0)


def tops(raw: RawPartition, records: Sequence[Record]) -> list[tuple[Any, ...]]:
    work = raw.process(numbered(records))
    assert work.dead_letters == []
    return [
        (one["update_id"], one["bid_price"], one["bid_quantity"])
        for one in (read(SPREADS, value) for _, value, _ in work.events.spreads)
        if one["origin"] == "book"
    ]


@pytest.mark.parametrize("seed", range(40))
def test_a_take_over_with_any_lag_gives_the_book_of_one_connection(seed: int) -> None:
    """The second joins somewhere, the first ends somewhere behind that; each lags and hurries as it likes."""
    chance = random.Random(seed)
    joins, ends = sorted(chance.sample(range(5, 60), 2))
    first = [(number * 100 + chance.randint(0, 900), number, A) for number in range(1, ends + 1)]
    second = [(number * 100 + chance.randint(0, 900), number, B) for number in range(joins, 80)]
    records = [IMAGE, change(1, 0, A)]
    for frames in (first, second):  # a connection keeps its order
        late_ms = 0
        for position, (at_ms, number, connection) in enumerate(frames):
            late_ms = max(late_ms, at_ms)
            frames[position] = (late_ms, number, connection)
    records += [change(number, at_ms, by_whom) for at_ms, number, by_whom in sorted(first + second)]
    raw = partition()
    found = tops(raw, records)
    alone = partition()
    assert found == tops(alone, [IMAGE, *(change(number, number * 100, A) for number in range(1, 80))])
    assert only(raw).book.synchronizer.counters.gaps == 0
    assert not only(raw).overlap.ahead


def test_a_hole_between_two_producers_is_a_gap_at_once() -> None:
    raw = partition()
    raw.process(numbered([IMAGE, *(change(n, n * 100, A) for n in range(1, 6)), change(60, 8000, B)]))
    synchronizer = only(raw).book.synchronizer
    assert (synchronizer.phase, synchronizer.reason, synchronizer.pending) == (Phase.BUFFERING, "gap", 1)


def test_a_hole_between_two_connections_of_a_line_is_a_gap_at_once() -> None:
    raw = partition()
    after = "first-binance.spot-0.1"
    raw.process(numbered([IMAGE, *(change(n, n * 100, A) for n in range(1, 6)), change(9, 600, after)]))
    assert only(raw).book.synchronizer.phase is Phase.BUFFERING
    assert line_of(A.encode()) == line_of(after.encode()) != line_of(B.encode())


def test_what_was_ahead_when_the_first_ended_too_early_is_kept_for_the_image() -> None:
    raw = partition()
    records = [IMAGE, *(change(n, n * 100, A) for n in range(1, 6))]
    records += [change(n, n * 100, B) for n in range(9, 30)]
    raw.process(numbered(records))
    instrument = only(raw)
    assert instrument.book.synchronizer.phase is Phase.BUFFERING
    work = raw.process(
        [replace(by("rest", snapshot(0, 12, [["99", "1"]], [["101", "1"]]), at_ms=9000), offset=99)]
    )
    assert instrument.book.synchronizer.last_id == 29
    assert len(work.events.spreads) == 17


def test_a_change_ahead_of_a_book_waits_for_those_between() -> None:
    raw = partition()
    raw.process(numbered([IMAGE, *(change(n, n * 100, A) for n in range(1, 6)), change(8, 510, B)]))
    assert only(raw).book.synchronizer.phase is Phase.LIVE
    assert only(raw).overlap.ahead


def test_no_checkpoint_is_taken_while_changes_wait() -> None:
    raw = partition()
    owned = OwnedPartition(raw)
    ahead = [IMAGE, *(change(n, n * 100, A) for n in range(1, 6)), change(8, 510, B)]
    raw.process(numbered(ahead))
    owned.take_checkpoints(0.0, most=10)
    assert raw.covering == {}
    raw.process(numbered([*ahead, *(change(n, n * 100, A) for n in range(6, 9))]))
    owned.take_checkpoints(0.0, most=10)
    assert list(raw.covering) == [b"BTCUSDT"]


def test_a_checkpoint_in_an_overlap_goes_on_with_the_same_events() -> None:
    chance = random.Random(3)
    records, at_ms = [IMAGE, change(1, 0, A), change(2, 1, A)], 0
    position = {A: 2, B: 20}
    for _ in range(400):
        at_ms += chance.randint(1, 50)
        who = chance.choice((A, B))
        if position[who] > max(position.values()) - 3 or who != max(
            position, key=lambda each: position[each]
        ):
            position[who] += 1
            number = position[who]
            records.append(change(number, at_ms, who))
            records.append(by(who, trade(0, number), at_ms=at_ms))
            records.append(by(who, ticker(0, number, "99", "101"), at_ms=at_ms))
    records = numbered(records)
    cuts = 0
    for cut in range(20, len(records), 101):
        straight = partition()
        straight.process(records[:cut])
        if only(straight).overlap.ahead:
            continue
        checkpoint = read_one(pack(straight, only(straight)), logs(straight, straight.position))
        assert checkpoint is not None
        expected = straight.process(records[cut:]).events
        taken_over = partition()
        taken_over.position = cut - 10
        restore(taken_over, [checkpoint])
        stored = taken_over.process(records[cut - 10 : cut]).events
        assert stored.spreads == []
        assert taken_over.process(records[cut:]).events == expected
        cuts += 1
    assert cuts > 3


def test_trades_of_two_connections_are_told_once() -> None:
    first = [by(A, trade(0, n), at_ms=n) for n in range(1, 11)]
    second = [by(B, trade(0, n), at_ms=n + 3) for n in range(6, 16)]
    both = sorted(first + second, key=lambda one: int(dict(one.headers)["receive_time_ns"]))
    raw = partition()
    work = raw.process(numbered(both))
    numbers = [int(read(TRADES, value)["trade_id"]) for _, value, _ in work.events.trades]
    assert sorted(numbers) == list(range(1, 16))
    assert only(raw).trades.repeated == 5


def test_best_prices_of_two_connections_are_told_once_and_none_is_lost() -> None:
    first = [by(A, ticker(0, 10 * n, "99", "101"), at_ms=20 * n + 15) for n in range(1, 11)]
    second = [by(B, ticker(0, 10 * n, "99", "101"), at_ms=20 * n - 30) for n in range(6, 16)]
    both = sorted(first + second, key=lambda one: int(dict(one.headers)["receive_time_ns"]))
    raw = partition()
    work = raw.process(numbered(both))
    numbers = [read(SPREADS, value)["update_id"] for _, value, _ in work.events.spreads]
    assert sorted(numbers) == [10 * n for n in range(1, 16)]
    assert only(raw).overlap.repeated == 5


def test_update_ids_that_begin_anew_on_a_new_connection_are_no_repetitions_for_long() -> None:
    one = Overlap()
    best = [BestBidAsk(number, 1, 1, 2, 1, None) for number in (1000, 1, 2)]
    assert not one.repeats_best(best[0], b"a.0", 0)
    assert one.repeats_best(best[1], b"a.1", 9_000_000)
    assert not one.repeats_best(best[2], b"a.1", 11_000_000)


def coinbase(kind: str, body: str, connection: str, at_ms: int) -> Record:
    text = f'{{"type":"{kind}","product_id":"BTC-USD",{body}}}'
    return by(connection, record(0, "level2_batch", text.encode(), symbol="BTC-USD"), at_ms=at_ms)


def whole(quantity: int, connection: str, at_ms: int) -> Record:
    return coinbase("snapshot", f'"bids":[["99","{quantity}"]],"asks":[["101","1"]]', connection, at_ms)


def changed(quantity: int, connection: str, at_ms: int) -> Record:
    time = f"2026-08-25T03:35:{at_ms // 1000:02d}.{at_ms % 1000:03d}000Z"
    return coinbase("l2update", f'"changes":[["buy","99","{quantity}"]],"time":"{time}"', connection, at_ms)


def quantities(raw: RawPartition, records: Sequence[Record]) -> list[float]:
    work = raw.process(numbered(records))
    assert work.dead_letters == []
    return [float(read(SPREADS, value)["bid_quantity"]) for _, value, _ in work.events.spreads]


def test_a_book_without_numbers_follows_the_connection_of_its_last_image_alone() -> None:
    raw = partition(venue("coinbase", "spot"))
    found = quantities(
        raw,
        [
            whole(1, A, 0),
            changed(2, A, 10),
            changed(9, B, 11),  # before its image: of nobody's book
            whole(2, B, 20),
            changed(3, B, 30),
            changed(8, A, 31),
            changed(4, B, 40),
            changed(3, A, 41),  # late: it would set the book back
        ],
    )
    assert found == [1, 2, 3, 4]
    assert only(raw).overlap.passed == 3


def test_a_followed_connection_that_ends_while_another_goes_on_costs_the_book_and_not_its_truth() -> None:
    raw = partition(venue("coinbase", "spot"))
    records = [whole(1, A, 0), whole(1, B, 10), changed(2, B, 20)]
    records += [changed(3, A, 1000 + 500 * n) for n in range(14)]
    quantities(raw, records)
    assert only(raw).book.synchronizer.phase is Phase.BUFFERING
    assert only(raw).book.synchronizer.reason == "connection"
    gap = only(raw).gaps.book
    assert gap is not None
    assert gap.opened_micros == START_NS // 1000 + 20_000, "since the last change that counted"
    again = partition(venue("coinbase", "spot"))
    assert quantities(again, [*records, whole(5, A, 9000), changed(6, A, 9100)])[-2:] == [5, 6]


def test_a_quiet_book_is_not_lost_because_the_slower_connection_speaks_first() -> None:
    raw = partition(venue("coinbase", "spot"))
    records = [whole(1, A, 0), whole(1, B, 10)]
    for n in range(1, 8):
        records += [changed(n, A, 7000 * n), changed(n, B, 7000 * n + 20)]
    quantities(raw, records)
    assert only(raw).book.synchronizer.phase is Phase.LIVE
    assert only(raw).book.synchronizer.book.top()[1] == 7 * 10**18


def test_frames_are_missing_says_the_producer_whoever_is_followed() -> None:
    raw = partition(venue("coinbase", "spot"))
    lost = by(A, record(0, "level2_batch", b"successor lost", kind="lost", symbol="BTC-USD"), at_ms=30)
    quantities(raw, [whole(1, A, 0), whole(1, B, 10), lost, changed(4, A, 40)])
    assert only(raw).book.synchronizer.phase is Phase.BUFFERING
    assert only(raw).book.synchronizer.pending == 1


def test_a_gap_is_as_long_as_the_book_stood_whoever_else_was_heard_meanwhile() -> None:
    raw = partition(venue("coinbase", "spot"))
    lost = by(A, record(0, "level2_batch", b"disconnect", kind="lost", symbol="BTC-USD"), at_ms=3000)
    quantities(raw, [whole(1, A, 0), changed(2, A, 100), changed(3, B, 110), changed(4, B, 2900), lost])
    gap = only(raw).gaps.book
    assert gap is not None
    assert gap.opened_micros == START_NS // 1000 + 100_000


def test_liquidations_of_two_connections_are_told_once_and_equal_ones_of_one_twice() -> None:
    raw = partition(venue("binance", "usdm"))

    def forced(connection: str, quantity: int, at_ms: int) -> Record:
        order = {
            "s": "BTCUSDT",
            "S": "SELL",
            "p": "9",
            "ap": "9",
            "q": str(quantity),
            "z": str(quantity),
            "X": "FILLED",
            "T": 5,
        }
        order |= {"o": "LIMIT", "f": "IOC", "l": str(quantity)}
        return by(connection, record(0, "forceOrder", {"e": "forceOrder", "E": 5, "o": order}), at_ms=at_ms)

    work = raw.process(
        numbered([forced(A, 1, 1), forced(A, 1, 2), forced(B, 1, 3), forced(B, 1, 4), forced(B, 2, 5)])
    )
    assert work.dead_letters == []
    assert [float(read(LIQUIDATIONS, value)["quantity"]) for _, value, _ in work.events.liquidations] == [
        1,
        1,
        2,
    ]


def okx(number: int, connection: str, at_ms: int, *, image: bool = False, ahead_ms: int = 0) -> Record:
    """The book's bid is of quantity ``number`` from the change of that number on. ``ahead_ms``: of the exchange's clock."""
    asks = '["101","1","0","1"]' if image else ""
    action, previous = ("snapshot", -1) if image else ("update", number - 1)
    text = (
        f'{{"arg":{{"channel":"books","instId":"BTC-USDT"}},"action":"{action}","data":[{{'
        f'"bids":[["99","{number}","0","1"]],"asks":[{asks}],"ts":"{1_700_000_000_000 + number * 100 + ahead_ms}",'
        f'"checksum":0,"prevSeqId":{previous},"seqId":{number}}}]}}'
    )
    return by(connection, record(0, "books", text.encode(), symbol="BTC-USDT"), at_ms=at_ms)


def lost(connection: str, at_ms: int) -> Record:
    return by(connection, record(0, "books", b"disconnect", kind="lost", symbol="BTC-USDT"), at_ms=at_ms)


def ledger(work: Work) -> list[tuple[str, str]]:
    found = [read(GAPS, value) for _, value, _ in work.events.gaps]
    return [(one["phase"], one["cause"]) for one in found if one["stream"] == "book"]


def test_an_image_that_is_behind_the_book_is_told_of_once_it_has_caught_up() -> None:
    raw = partition(venue("okx", "spot"))
    records = [okx(1, A, 0, image=True), *(okx(n, A, n * 100) for n in range(2, 6))]
    records += [okx(3, B, 510, image=True), *(okx(n, B, 510 + n) for n in range(4, 9)), okx(6, A, 600)]
    work = raw.process(numbered(records))
    told = [int(read(SPREADS, value)["bid_quantity"]) for _, value, _ in work.events.spreads]
    assert told == [1, 2, 3, 4, 5, 6, 7, 8]
    assert ledger(work) == []


def test_a_book_that_does_not_catch_up_is_told_of_all_the_same() -> None:
    raw = partition(venue("okx", "spot"))
    records = [okx(1, A, 0, image=True), okx(900, A, 10, image=True), okx(880, B, 20, image=True)]
    records += [okx(881, B, 30), okx(882, B, 6000)]
    work = raw.process(numbered(records))
    told = [int(read(SPREADS, value)["bid_quantity"]) for _, value, _ in work.events.spreads]
    assert told == [1, 900, 882]
    assert spans(work) == [("restart", 10, 6000)]


def spans(work: Work) -> list[tuple[str, int, int]]:
    """Closed gaps of the book: cause, and both ends in ms since the start."""

    def since_start(moment: datetime) -> int:
        return round(moment.timestamp() * 1000) - START_NS // 10**6

    found = [read(GAPS, value) for _, value, _ in work.events.gaps]
    return [
        (one["cause"], since_start(one["opened_time"]), since_start(one["closed_time"]))
        for one in found
        if one["stream"] == "book" and one["phase"] == "closed"
    ]


def live(work: Work) -> list[int]:
    """What the book is told as, by spreads and snapshots alike."""
    tops = [read(SPREADS, value) for _, value, _ in work.events.spreads]
    books = [read(BOOK_SNAPSHOTS, value) for _, value, _ in work.events.book_snapshots]
    found = [(one["source_offset"], int(one["bid_quantity"])) for one in tops if one["state"] == "live"]
    found += [
        (one["source_offset"], int(one["bid_quantities"][0])) for one in books if one["state"] == "live"
    ]
    return [quantity for _, quantity in sorted(found)]


UP_TO_SIX = [okx(1, A, 0, image=True), *(okx(n, A, n * 100) for n in range(2, 7))]


@pytest.mark.parametrize(
    ("then", "gaps"),
    [
        ([lost(A, 650)], 1),
        ([lost(A, 650), okx(2, B, 690, image=True), lost(B, 700)], 1),
        ([okx(2, B, 690, image=True), lost(B, 700)], 1),
        ([okx(3, "third-okx.spot-0.0", 680, image=True)], 0),
        ([], 0),
    ],
)
@pytest.mark.parametrize("late_ms", [100, 3000])
def test_a_book_never_goes_back_to_an_image_that_is_late(then: list[Record], gaps: int, late_ms: int) -> None:
    """An image, and what follows on it, are received late: when the book has been told as later, or has been lost where it was later."""
    raw = partition(venue("okx", "spot"))
    behind = [okx(3, B, 600 + late_ms, image=True), *(okx(n, B, 600 + late_ms + n) for n in range(4, 9))]
    work = raw.process(numbered([*UP_TO_SIX, *then, *behind]))
    told = live(work)
    assert told == sorted(told)
    assert set(told) == set(range(1, 9))
    assert ledger(work) == [("opened", "disconnect"), ("closed", "disconnect")] * gaps


def test_a_book_that_is_live_again_behind_where_it_was_lost_says_so_when_it_has_caught_up() -> None:
    raw = partition(venue("okx", "spot"))
    records = [
        *UP_TO_SIX,
        lost(A, 650),
        okx(3, B, 700, image=True),
        *(okx(n, B, 700 + n) for n in range(4, 8)),
    ]
    work = raw.process(numbered(records))
    reasons = [read(BOOK_SNAPSHOTS, value)["reason"] for _, value, _ in work.events.book_snapshots]
    assert reasons == ["resync", "resync"]


@pytest.mark.parametrize("again", [[], [lost(B, 800), okx(4, B, 900, image=True)]])
def test_a_gap_ends_where_the_book_is_told_again(again: list[Record]) -> None:
    """An image behind where the book was lost closes nothing; the change that has caught up does, or that which shows that none will."""
    back = [*UP_TO_SIX, lost(A, 650), okx(3, B, 700, image=True), *again]
    following = 5 if again else 4
    caught_up = [okx(n, B, 1000 + n) for n in range(following, 8)]
    never = [okx(following, B, 6000)]
    for behind, until in ((caught_up[:-2], None), (caught_up, 1006), (never, 6000)):
        raw = partition(venue("okx", "spot"))
        work = raw.process(numbered([*back, *behind]))
        assert spans(work) == ([("disconnect", 600, until)] if until else [])
        assert only(raw).state == ("live" if until else "resyncing")
        found = [read(GAPS, value) for _, value, _ in work.events.gaps]
        assert [one["attempts"] for one in found] == ([0, 2 if again else 1] if until else [0])


def test_an_image_of_the_line_the_book_was_told_of_ends_the_waiting_and_what_was_not_told_is_missing() -> (
    None
):
    """The book went back to a late image, live; before it has caught up, the first line's own image tells that the exchange counts anew."""
    work = partition(venue("okx", "spot")).process(
        numbered([*UP_TO_SIX, okx(3, B, 700, image=True), okx(4, B, 750), okx(2, A, 800, image=True)])
    )
    assert live(work)[-1] == 2
    assert spans(work) == [("restart", 600, 800)]


def test_a_gap_begins_where_the_book_was_told_last_also_when_it_went_back_meanwhile() -> None:
    third = "third-okx.spot-0.0"
    raw = partition(venue("okx", "spot"))
    back = [okx(3, B, 700, image=True), okx(4, B, 750)]
    work = raw.process(numbered([*UP_TO_SIX, *back, okx(20, third, 800, image=True), okx(21, third, 6000)]))
    assert spans(work) == [("silent", 600, 800)]


@pytest.mark.parametrize("ahead_ms", [-90_000, 90_000])
def test_a_late_image_is_behind_whatever_became_of_the_clock(ahead_ms: int) -> None:
    raw = partition(venue("okx", "spot"))
    behind = [okx(n, B, 700 + n, image=n == 3, ahead_ms=ahead_ms) for n in range(3, 9)]
    told = live(raw.process(numbered([*UP_TO_SIX, *behind])))
    assert told == sorted(told)


def test_what_was_long_on_its_way_catches_up_however_long_that_takes_by_its_own_times() -> None:
    """A producer stood still, with a late image in hand: what follows on it was received over as long a time as it is late."""
    raw = partition(venue("okx", "spot"))
    told_as_later = [okx(1, A, 0, image=True), *(okx(n, A, n * 4000) for n in range(2, 7))]
    late = [okx(3, B, 12_100, image=True), *(okx(n, B, n * 4000 + 100) for n in range(4, 9))]
    work = raw.process(numbered([*told_as_later, *late]))
    assert live(work) == sorted(live(work))
    assert set(live(work)) == set(range(1, 9))
    assert ledger(work) == []


def test_late_changes_of_another_say_nothing_of_the_connection_that_is_followed() -> None:
    raw = partition(venue("okx", "spot"))
    followed = [okx(1, A, 0, image=True), *(okx(n, A, n * 4000) for n in range(2, 7))]
    late = [okx(3, B, 12_100), okx(4, B, 18_000), okx(6, B, 24_100), okx(7, B, 28_900)]
    *before, silent = numbered([*followed, *late, okx(8, B, 29_200)])
    assert ledger(raw.process(before)) == []
    assert ledger(raw.process([silent])) == [("opened", "silent")]


@pytest.mark.parametrize(("connection", "until"), [("first-binance.spot-0.1", 700), (B, 5800)])
def test_an_exchange_that_counts_anew_is_told_of_at_once_by_the_line_that_was_followed(
    connection: str, until: int
) -> None:
    """What another line brings may be late: that it is not shows once it does not catch up."""
    raw = partition(venue("okx", "spot"))
    anew = [okx(1, connection, 700, image=True), okx(2, connection, 5800)]
    work = raw.process(numbered([okx(900, A, 0, image=True), lost(A, 650), *anew]))
    assert live(work)[-1] == 2
    assert spans(work) == [("disconnect", 0, until)]


def test_an_image_after_a_silence_shows_a_loss_unless_the_book_is_the_same() -> None:
    before = [okx(1, A, 0, image=True), okx(2, A, 100)]
    for image, expected in ((2, []), (9, [("opened", "silent"), ("closed", "silent")])):
        raw = partition(venue("okx", "spot"))
        work = raw.process(numbered([*before, okx(image, B, 3000, image=True), okx(image + 1, B, 3100)]))
        assert ledger(work) == expected
        assert only(raw).book.synchronizer.phase is Phase.LIVE


HANDED_OVER = [okx(1, A, 0, image=True), okx(2, A, 100), okx(9, B, 700, image=True), okx(10, B, 900)]
"""The book of the second producer's image is ahead by seven changes; whether the first one brings them is not known yet."""


@pytest.mark.parametrize(
    ("then", "expected"),
    [
        ([okx(11, B, 5600), okx(12, B, 5800)], [("silent", 100, 700)]),
        ([okx(11, B, 5600), lost(A, 5650), okx(12, B, 5800)], [("disconnect", 100, 700)]),
        ([lost(A, 1500), okx(11, B, 5600), okx(12, B, 9000)], [("disconnect", 100, 700)]),
        ([okx(3, A, 950), lost(A, 1500), okx(11, B, 5600), okx(12, B, 9000)], [("disconnect", 100, 700)]),
        ([okx(8, A, 950), okx(11, B, 5600), okx(12, B, 9000)], [("silent", 100, 700)]),
        ([okx(8, A, 950), okx(9, A, 960), lost(A, 1500), okx(11, B, 5600), okx(12, B, 9000)], []),
        ([okx(11, B, 5600), okx(9, A, 5650), okx(12, B, 9000)], []),
        ([lost(B, 1000), okx(15, B, 2000, image=True)], [("disconnect", 100, 2000)]),
        ([okx(12, B, 1000), okx(15, B, 2000, image=True)], [("sequence", 100, 2000)]),
        ([okx(15, "third-okx.spot-0.0", 1000, image=True)], [("silent", 100, 1000)]),
        ([okx(13, A, 1000, image=True), okx(14, A, 1100), okx(11, B, 1200)], []),
    ],
)  # fmt: skip
def test_a_connection_that_brings_nothing_after_it_was_left_may_have_missed_something_before(
    then: list[Record], expected: list[tuple[str, int, int]]
) -> None:
    records = numbered([*HANDED_OVER, *then])
    raw = partition(venue("okx", "spot"))
    work = raw.process(records)
    assert spans(work) == expected
    assert only(raw).gaps.open == []
    for cut in range(1, len(records)):  # whoever goes on from a checkpoint says the same
        straight, taken_over = partition(venue("okx", "spot")), partition(venue("okx", "spot"))
        straight.process(records[:cut])
        checkpoint = read_one(pack(straight, only(straight)), logs(straight, straight.position))
        assert checkpoint is not None
        taken_over.position = cut
        restore(taken_over, [checkpoint])
        assert taken_over.process(records[cut:]).events == straight.process(records[cut:]).events
