"""Deribit as it was on 2021-07-22, instruments of 2022 among it: every recorded frame and listing is read, every book kept."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from datetime import UTC, datetime

import pytest

from bookmill.book import Book
from streams.synchronizer import Phase, Synchronizer
from tests.recordings import FOLDER
from venues.deribit import DeribitFutures, DeribitOption, DeribitSwap
from venues.deribit.instruments import inverse
from venues.interface import Verdict
from venues.messages import BookDiff, BookImage, Derivative, Instrument, Message, Ticker
from venues.numbers import ScaledNumbers
from venues.units import BASE


def _lines(name: str) -> list[str]:
    path = FOLDER / "deribit" / name
    if not path.is_file():
        pytest.skip(f"no recording {path}: set BOOKMILL_RECORDINGS to where the recordings are")
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return file.read().splitlines()


@pytest.fixture(scope="module")
def frames() -> list[bytes]:
    """What came in on the socket."""
    return [
        line.partition(": ")[2].encode()
        for line in _lines("DERIBIT.ws.1.0.gz")
        if re.match(r"[0-9.]+: ", line)
    ]


@pytest.fixture(scope="module")
def bodies() -> list[bytes]:
    """The answers to ``get_instruments``."""
    return [
        line.partition(" -> ")[2].partition(": ")[2].encode()
        for line in _lines("DERIBIT.0.gz")
        if line.startswith("https://")
    ]


@pytest.fixture(scope="module")
def messages(frames: list[bytes]) -> list[tuple[str, str, Message]]:
    """Channel, wire symbol and message, in order."""
    venue = DeribitOption()
    return [
        (route.channel, route.wire_symbol, message)
        for frame in frames
        if (route := venue.route(frame))
        for message in venue.decode(route.channel, frame)
    ]


def test_every_frame_is_data_or_the_answer_to_the_subscription(frames: list[bytes]) -> None:
    venue = DeribitOption()
    controls = [venue.control(frame) for frame in frames if venue.route(frame) is None]
    assert [control.kind for control in controls] == ["ack"]
    routes = Counter(route.channel for frame in frames if (route := venue.route(frame)))
    assert routes == {"book": 46, "ticker": 89}


def test_tickers_tell_both_the_day_and_the_derivative(messages: list[tuple[str, str, Message]]) -> None:
    kinds = Counter(type(message) for channel, _, message in messages if channel == "ticker")
    assert kinds == {Ticker: 89, Derivative: 89}
    quiet = [
        message
        for _, symbol, message in messages
        if symbol == "ETH-27AUG21-4000-P" and isinstance(message, Ticker)
    ]
    assert all((day.high_price, day.low_price, day.volume) == (None, None, None) for day in quiet)
    first = next(message for _, _, message in messages if isinstance(message, Derivative))
    assert first == Derivative(
        1626993723632000,
        mark_price=1_972_000_000_000_000,
        index_price=2_006_720_000_000_000_000_000,
        open_interest=12_685 * 10**18,
    )


def test_books_follow_without_a_hole_though_their_counter_is_shared(
    messages: list[tuple[str, str, Message]],
) -> None:
    keepers: dict[str, Synchronizer] = {}
    shadows: dict[str, tuple[Book, int]] = {}
    steps = []
    for channel, symbol, message in messages:
        if channel != "book":
            continue
        if isinstance(message, BookImage):
            assert message.in_band
            keeper = keepers[symbol] = Synchronizer(DeribitOption.continuity, 10)
            assert list(keeper.install(message)) == []
            book = Book()
            book.replace(message.bids, message.asks)
            shadows[symbol] = book, message.last_id
        elif isinstance(message, BookDiff):
            book, last_id = shadows[symbol]
            assert message.previous_id == last_id
            assert DeribitOption.continuity.follow(last_id, message) is Verdict.APPLY
            assert keepers[symbol].offer(message)
            book.apply(message.bids, message.asks)
            shadows[symbol] = book, message.last_id
            steps.append(message.last_id - last_id)
            assert not book.crossed()
    assert (len(keepers), len(steps)) == (10, 36)
    assert all(keeper.phase is Phase.LIVE and not keeper.counters.gaps for keeper in keepers.values())
    assert max(steps) > 1000, "a counter of its own would step by one"
    for symbol, (book, last_id) in shadows.items():
        assert (keepers[symbol].book.top(), keepers[symbol].last_id) == (book.top(), last_id)


def test_tops_of_the_books_are_those_of_the_tickers(frames: list[bytes]) -> None:
    """Both say the exchange's time: at a ticker's, the book's best levels are its own to the digit. Zeros: an empty side."""
    venue, numbers = DeribitOption(), ScaledNumbers()
    changes: dict[str, list[BookImage | BookDiff]] = {}
    tickers: list[tuple[str, int, list[int]]] = []
    for frame in frames:
        route = venue.route(frame)
        if route and route.channel == "book":
            [message] = venue.decode("book", frame)
            assert isinstance(message, BookImage | BookDiff)
            changes.setdefault(route.wire_symbol, []).append(message)
        elif route:
            data = json.loads(frame, parse_float=str)["params"]["data"]
            told = [data[f"best_{side}_{what}"] for side in ("bid", "ask") for what in ("price", "amount")]
            tickers.append((route.wire_symbol, data["timestamp"] * 1000, [numbers[text] for text in told]))
    agreed = Counter[bool]()
    for symbol, time_micros, top in tickers:
        book = Book()
        for message in changes[symbol]:
            if (message.exchange_time_micros or 0) <= time_micros:
                (book.replace if isinstance(message, BookImage) else book.apply)(message.bids, message.asks)
        agreed[[number or 0 for number in book.top()] == top] += 1
    assert agreed == {True: 89}


@pytest.fixture(scope="module")
def listed(bodies: list[bytes]) -> dict[str, list[Instrument]]:
    """All instruments by market."""
    return {
        venue.market: [one for body in bodies for one in venue.parse_instruments(body)]
        for venue in (DeribitSwap(), DeribitFutures(), DeribitOption())
    }


def test_every_listing_belongs_to_one_market(listed: dict[str, list[Instrument]]) -> None:
    assert {market: len(found) for market, found in listed.items()} == {
        "swap": 19,
        "futures": 18,
        "option": 980,
    }
    symbols = [one.symbol for found in listed.values() for one in found]
    assert len(set(symbols)) == len(symbols) == 1017


def test_names_come_from_the_metadata(listed: dict[str, list[Instrument]]) -> None:
    by_wire = {one.wire_symbol: one for found in listed.values() for one in found}
    assert by_wire["BTC-PERPETUAL"].symbol == "BTC-USD"
    assert by_wire["BTC_USDC-PERPETUAL"].symbol == "BTC-USDC"
    assert by_wire["BTC-25MAR22"].symbol == "BTC-USD-220325"
    assert by_wire["BTC-24SEP21-40000-P"].symbol == "BTC-USD-210924-40000-P"
    assert by_wire["DOGE_USDC-PERPETUAL"].tick == 10**13
    for one in [*listed["futures"], *listed["option"]]:
        _, date, *more = one.wire_symbol.split("-")
        expiry = datetime.strptime(date, "%d%b%y").replace(tzinfo=UTC)
        assert one.symbol == "-".join([one.base, one.quote, f"{expiry:%y%m%d}", *more])


def test_the_name_tells_the_unit_as_the_metadata_does(listed: dict[str, list[Instrument]]) -> None:
    for one in [*listed["swap"], *listed["futures"]]:
        assert inverse(one.wire_symbol) is one.unit.inverse is (one.quote == "USD")
    assert {one.unit for one in listed["option"]} == {BASE}
