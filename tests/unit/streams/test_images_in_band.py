"""Books whose images come in their stream: images always win; windows are cut; checksums and the producer's word are believed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bookmill.settings import WorkerSettings
from schemas.catalogue import BOOK_SNAPSHOTS, SPREADS, TRADES
from streams.checkpoints import pack, read_one, restore
from streams.partition import RawPartition
from streams.synchronizer import Phase, Synchronizer
from tests.unit.streams.raw import SCHEMA_IDS, Record, logs, read
from venues.adapter import Following, Ordered
from venues.interface import Levels
from venues.messages import BookDiff, BookImage, Checksum
from venues.registry import venue

UNIT = 10**18


def image(last: int, *bids: tuple[int, int], **more: Any) -> BookImage:
    return BookImage(last, list(bids), [(20, 1)], 0, in_band=True, **more)


def diff(previous: int, last: int, *bids: tuple[int, int], **more: Any) -> BookDiff:
    return BookDiff(last, last, previous, list(bids), [], 0, **more)


class Summed(Ordered):
    """Its checksum is the sum of the best three bid quantities."""

    checked_levels = 3

    def agrees(self, bids: Levels, asks: Levels, checksum: Checksum) -> bool:  # noqa: ARG002  the signature is the interface's
        assert len(bids[0]) <= 3
        return sum(bids[1]) == checksum.value


def test_an_image_replaces_whatever_was_known() -> None:
    one = Synchronizer(Following(), 10)
    assert not one.offer(diff(1, 2, (5, 5)))  # before any image: it waits, and comes to nothing
    assert one.replace(image(10, (9, 1)))
    assert (one.phase, one.pending, one.counters.joins) == (Phase.LIVE, 0, 1)
    assert one.offer(diff(10, 12, (9, 2)))
    assert one.replace(image(3, (8, 1)))  # a restarted sequence: smaller ids
    assert (one.last_id, one.counters.replacements, one.book.top()) == (3, 1, (8, 1, 20, 1))
    assert one.offer(diff(3, 4, (8, 0), (7, 1)))
    assert one.book.top() == (7, 1, 20, 1)


def test_a_gap_waits_for_the_next_image() -> None:
    one = Synchronizer(Following(), 10)
    one.replace(image(10, (9, 1)))
    assert not one.offer(diff(12, 13, (9, 2)))
    assert (one.phase, one.reason, one.needs_image) == (Phase.BUFFERING, "gap", True)
    assert not one.offer(diff(13, 14, (9, 3)))
    assert one.replace(image(20, (9, 7)))
    assert (one.phase, one.pending, one.book.top()[1]) == (Phase.LIVE, 0, 7)


def test_what_falls_out_of_a_window_is_forgotten() -> None:
    one = Synchronizer(Ordered(), 10)
    one.replace(image(1, (9, 1), (8, 1), (7, 1), depth=2))
    assert one.book.bids.levels() == ([9, 8], [1, 1])
    one.offer(diff(1, 2, (10, 1), depth=2))
    assert one.book.bids.levels() == ([10, 9], [1, 1])
    one.offer(diff(2, 3, (10, 0), (8, 4), depth=2))  # the venue says again what comes back into it
    assert one.book.bids.levels() == ([9, 8], [1, 4])


def test_another_checksum_is_a_lost_book() -> None:
    one = Synchronizer(Summed(), 10)
    assert one.replace(image(1, (9, 1), (8, 2), (7, 3), (6, 100), checksum=Checksum(6)))
    assert one.offer(diff(1, 2, (9, 2), checksum=Checksum(7)))
    assert not one.offer(diff(2, 3, (9, 3), checksum=Checksum(7)))
    assert (one.phase, one.reason, one.counters.checksum_failures) == (Phase.BUFFERING, "checksum", 1)
    assert not one.replace(
        image(4, (9, 1), checksum=Checksum(2))
    )  # an image that is not what it says is none
    assert one.phase is Phase.BUFFERING
    assert one.replace(image(5, (9, 1), checksum=Checksum(1)))
    assert one.phase is Phase.LIVE


def test_the_producer_knows_of_lost_frames() -> None:
    one = Synchronizer(Ordered(), 10)
    one.tell_lost("sequence")  # there is no book yet to lose
    assert (one.phase, one.counters.losses) == (Phase.EMPTY, 0)
    one.replace(image(1, (9, 1)))
    one.tell_lost("sequence")
    assert (one.phase, one.reason, one.counters.losses) == (Phase.BUFFERING, "sequence", 1)


# Through a raw partition, on the frames of an exchange that is like that and trades contracts.

SWAP = "BTC-USD-SWAP"


def okx(
    offset: int, channel: str, data: str, *, action: str = "", kind: str = "ws", unit: str = "/100"
) -> Record:
    frame = f'{{"arg":{{"channel":"{channel}","instId":"{SWAP}"}},{action}"data":[{data}]}}'
    headers = (
        ("receive_time_ns", b"%d" % (1_700_000_000_000_000_000 + offset * 10**9)),
        ("kind", kind.encode()),
        ("channel", channel.encode()),
        ("connection", b"c"),
        ("frame", b"0"),
        ("symbol", b"BTC-USD"),
        ("unit", unit.encode()),
    )
    return Record(offset, SWAP.encode(), frame.encode() if kind == "ws" else data.encode(), headers)


def book(offset: int, previous: int, last: int, bid: str, quantity: str) -> Record:
    action = "snapshot" if previous < 0 else "update"
    asks = '[["50000","1","0","1"]]' if previous < 0 else "[]"
    return okx(
        offset,
        "books",
        f'{{"bids":[["{bid}","{quantity}","0","1"]],"asks":{asks},"ts":"{1_700_000_000_000 + offset * 1000}",'
        f'"checksum":0,"prevSeqId":{previous},"seqId":{last}}}',
        action=f'"action":"{action}",',
    )


def partition() -> RawPartition:
    return RawPartition(venue("okx", "swap"), "raw.okx.swap", 0, 0, SCHEMA_IDS, WorkerSettings())


DAY = [
    book(0, -1, 10, "40000", "4"),
    book(1, 10, 11, "40000", "8"),
    okx(
        2,
        "trades",
        f'{{"instId":"{SWAP}","tradeId":"7","px":"50000","sz":"3","side":"buy","ts":"1700000002000","count":"1"}}',
    ),
    book(3, 12, 13, "40000", "1"),
    book(4, -1, 20, "40001", "2"),
]


def test_events_are_in_base_units_and_the_book_in_contracts() -> None:
    raw = partition()
    work = raw.process(DAY)
    assert work.dead_letters == []
    tops = [read(SPREADS, value) for _, value, _ in work.events.spreads]
    # 4 contracts of 100 USD at 40000 are 0.01 BTC
    assert [float(one["bid_quantity"]) for one in tops[:2]] == [0.01, 0.02]
    [trade] = [read(TRADES, value) for _, value, _ in work.events.trades]
    assert (float(trade["quantity"]), trade["contracts"]) == (0.006, 3)
    [instrument] = raw.instruments.values()
    assert instrument.book.synchronizer.book.top() == (40001 * UNIT, 2 * UNIT, 50000 * UNIT, UNIT)
    assert instrument.book.synchronizer.counters.gaps == 1
    snapshots = [read(BOOK_SNAPSHOTS, value) for _, value, _ in work.events.book_snapshots]
    assert [one["reason"] for one in snapshots] == ["resync", "interval", "resync"]


def test_a_record_of_loss_makes_the_book_wait() -> None:
    raw = partition()
    work = raw.process([*DAY[:2], okx(2, "books", "sequence", kind="lost"), book(3, 11, 12, "40000", "9")])
    [instrument] = raw.instruments.values()
    assert (work.dead_letters, instrument.book.synchronizer.phase) == ([], Phase.BUFFERING)
    assert len(work.events.spreads) == 2


def events(raw: RawPartition, records: Sequence[Record]) -> list[Any]:
    work = raw.process(records)
    return [*work.events.spreads, *work.events.book_snapshots, *work.events.trades]


def test_a_restored_book_goes_on_with_the_same_events_in_the_same_units() -> None:
    for cut in (1, 2, 5):
        whole, first = partition(), partition()
        expected = events(whole, DAY[:cut]) and events(whole, [*DAY[cut:], book(9, 20, 21, "40001", "2")])
        events(first, DAY[:cut])
        [instrument] = first.instruments.values()
        if instrument.book.synchronizer.phase is not Phase.LIVE:
            continue
        checkpoint = read_one(pack(first, instrument), logs(first, first.position))
        assert checkpoint is not None
        second = partition()
        restore(second, [checkpoint])
        assert events(second, [*DAY[cut:], book(9, 20, 21, "40001", "2")]) == expected


def match(offset: int, number: int, *, kind: str = "match", second: int = 0) -> Record:
    data = (
        f'{{"type":"{kind}","trade_id":{number},"side":"sell","size":"1","price":"5","product_id":"BTC-USD",'
        f'"sequence":{number},"time":"2026-08-25T03:35:{second:02d}.000000Z"}}'
    )
    names = (("receive_time_ns", b"1"), ("kind", b"ws"), ("channel", b"matches"), ("connection", b"c"))
    return Record(offset, b"BTC-USD", data.encode(), (*names, ("frame", b"0"), ("symbol", b"BTC-USD")))


def test_a_trade_that_a_new_connection_brings_again_is_told_once() -> None:
    raw = RawPartition(venue("coinbase", "spot"), "raw.coinbase.spot", 0, 0, SCHEMA_IDS, WorkerSettings())
    again = [
        match(0, 1, second=1),
        match(1, 2, second=2),
        match(2, 2, kind="last_match", second=2),
        match(3, 3, second=3),
    ]
    anew = [match(4, 1, second=40), match(5, 2, second=41)]  # the same numbers at other times: other trades
    work = raw.process([*again, *anew])
    assert [read(TRADES, value)["trade_id"] for _, value, _ in work.events.trades] == [
        "1",
        "2",
        "3",
        "1",
        "2",
    ]
    [instrument] = raw.instruments.values()
    assert instrument.trades.repeated == 1
