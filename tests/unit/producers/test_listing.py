"""What an exchange lists: each instrument once, then what has changed, and what is gone."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any, cast

import fastavro
import msgspec

from producers.kafka_writer import KafkaWriter
from producers.listing import InstrumentLog, Listing
from schemas.catalogue import INSTRUMENTS
from tests.unit.producers.fakes import FakeWriter
from venues.messages import Instrument
from venues.registry import venue
from venues.units import Unit

ONE = 10**18
BTC = Instrument(
    "BTC-USD-SWAP",
    "BTC-USD",
    "BTC",
    "USD",
    ONE // 10,
    ONE,
    trading=True,
    unit=Unit(100 * ONE, inverse=True),
    settle="BTC",
)
ETH = msgspec.structs.replace(BTC, wire_symbol="ETH-USD-SWAP", symbol="ETH-USD", base="ETH")


@dataclass
class World:
    writer: FakeWriter
    listing: Listing
    told: list[tuple[str, str]]

    def records(self) -> list[dict[str, Any]]:
        """What was written, decoded by fastavro's own reader."""
        schema = fastavro.parse_schema(INSTRUMENTS.schema)
        return [
            cast("dict[str, Any]", fastavro.schemaless_reader(io.BytesIO((value or b"")[5:]), schema, None))
            for value in self.writer.values
        ]


def world() -> World:
    writer, told = FakeWriter(), list[tuple[str, str]]()
    log = InstrumentLog(cast("KafkaWriter", writer), "p.", 7)
    return World(
        writer,
        Listing(
            venue("okx", "swap"),
            log,
            lambda one, what: told.append((one.symbol, what)),
            clock_ns=lambda: 1_700_000_000_000_000_000,
        ),
        told,
    )


def test_a_first_listing_is_written_whole_and_the_same_again_not_at_all() -> None:
    one = world()
    one.listing.take([BTC, ETH])
    one.listing.take([ETH, BTC])
    assert [key for _, key, _, _ in one.writer.records] == [b"okx.swap.BTC-USD", b"okx.swap.ETH-USD"]
    assert {topic for topic, _, _, _ in one.writer.records} == {"p.instruments"}
    [btc, _] = one.records()
    assert (btc["contract_size"], btc["inverse"], btc["listed"], str(btc["tick"])) == (
        100,
        True,
        True,
        "0.100000000000000000",
    )
    assert (one.told, one.listing.changes) == ([], 0)


def test_what_changes_comes_or_goes_is_written_and_told() -> None:
    one = world()
    one.listing.take([BTC, ETH])
    halted = msgspec.structs.replace(BTC, trading=False, status="suspend")
    larger = msgspec.structs.replace(ETH, unit=Unit(10 * ONE, inverse=True))
    one.listing.take([halted, larger])
    one.listing.take([BTC])
    assert one.told == [
        ("BTC-USD", "is not trading any more (suspend)"),
        ("ETH-USD", "has another contract size: '/10' instead of '/100'"),
        ("BTC-USD", "is trading again"),
        ("ETH-USD", "is not listed any more"),
    ]
    assert [(each["symbol"], each["trading"], each["listed"]) for each in one.records()[2:]] == [
        ("BTC-USD", False, True),
        ("ETH-USD", True, True),
        ("BTC-USD", True, True),
        ("ETH-USD", True, False),
    ]
    assert one.listing.changes == 4
