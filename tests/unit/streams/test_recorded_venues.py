"""Recorded frames of other exchanges through adapter, book and events, against counts of slow code that shares nothing with us."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from bookmill.settings import MarketSettings, WorkerSettings
from producers import recording
from schemas.catalogue import EVENT_TOPICS, TRADES
from schemas.raw_record import RawHeaders
from streams.partition import RawPartition, Work
from streams.synchronizer import Phase
from tests.session_logs import deribit_files, kraken, kraken_file, okx, okx_files
from tests.unit.streams.raw import Record, read
from venues.interface import Venue
from venues.registry import venue

IDS = {topic: number for number, topic in enumerate(EVENT_TOPICS, 1)}


def processed(one: Venue, paths: Sequence[Path], symbol: str) -> tuple[RawPartition, Work]:
    """As ``bookmill replay`` and a worker would."""
    summary = recording.check(paths, one, symbol, None, lambda _: None)
    records = [
        Record(
            number,
            summary.wire_symbol.encode(),
            line.frame,
            tuple(
                RawHeaders(
                    line.time_ns, "ws", line.channel or "", "replay", number, symbol, summary.unit
                ).encode()
            ),
        )
        for number, line in enumerate(recording.read(paths, one, summary.wire_symbol, lambda _: None))
    ]
    raw = RawPartition(one, f"raw.{one.exchange}.{one.market}", 0, 0, IDS, WorkerSettings())
    return raw, raw.process(records)


@pytest.mark.parametrize(
    ("market", "symbol", "wire_symbol"),
    [
        ("spot", "BTC-USDT", "BTC-USDT"),
        ("swap", "UNI-USD", "UNI-USD-SWAP"),
        ("futures", "BTC-USD-220527", "BTC-USD-220527"),
    ],
)
def test_okx_each_checksum_agrees_and_each_change_of_the_top_is_told(
    market: str, symbol: str, wire_symbol: str
) -> None:
    expected = okx(wire_symbol)
    raw, work = processed(venue("okx", market), okx_files(), symbol)
    [instrument] = raw.instruments.values()
    counters, book = instrument.book.synchronizer.counters, instrument.book.synchronizer.book
    assert work.dead_letters == []
    assert instrument.book.synchronizer.phase is Phase.LIVE
    assert (counters.checksum_failures, counters.gaps, counters.joins) == (0, 0, 1)
    assert counters.applied + counters.joins == expected.checksums
    assert len(work.events.spreads) == expected.top_changes
    assert len(work.events.trades) == expected.trades
    assert len(work.events.tickers) == expected.tickers
    assert book.top() == tuple(int(number * 10**18) for number in expected.top)


def test_okx_contracts_are_kept_and_told_in_base_units() -> None:
    _, work = processed(venue("okx", "futures"), okx_files(), "BTC-USD-220527")
    trades = [read(TRADES, value) for _, value, _ in work.events.trades]
    assert sum(one["contracts"] for one in trades) == okx("BTC-USD-220527").quantity
    for one in trades:  # a contract is 100 USD
        assert abs(one["quantity"] * one["price"] - one["contracts"] * 100) < Decimal("1e-12")


def test_kraken_each_checksum_agrees_in_a_book_cut_to_its_depth(tmp_path: Path) -> None:
    expected = kraken()
    assert expected.checksums == 510
    raw, work = processed(
        venue("kraken", "spot", chosen=MarketSettings(depth=10)), [kraken_file(tmp_path)], "BTC-USD"
    )
    [instrument] = raw.instruments.values()
    counters = instrument.book.synchronizer.counters
    assert work.dead_letters == []
    assert (counters.checksum_failures, counters.applied, counters.joins) == (0, 509, 1)
    assert len(work.events.spreads) == expected.top_changes
    assert len(instrument.book.synchronizer.book.bids) == 10


def test_deribit_the_chain_of_changes_is_unbroken() -> None:
    files = deribit_files()
    seen = 0
    for symbol in ("BTC-USD-210924-8000-P", "ETH-USD-210730-2800-C", "BTC-USD-210730-24000-P"):
        raw, work = processed(venue("deribit", "option"), files, symbol)
        [instrument] = raw.instruments.values()
        counters = instrument.book.synchronizer.counters
        assert work.dead_letters == []
        assert (counters.gaps, counters.joins) == (0, 1)
        assert instrument.book.synchronizer.phase is Phase.LIVE
        seen += counters.applied
    assert seen > 0
