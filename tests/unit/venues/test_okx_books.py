"""OKX's books: the known-answer cases of section 2.4, the checksum vectors of section 12, and every recorded frame of 2022."""

from __future__ import annotations

import gzip
import zlib
from collections import Counter
from collections.abc import Iterator

import pytest

from bookmill.book import Book
from streams.synchronizer import Phase, Synchronizer
from tests.recordings import FOLDER
from venues.interface import Verdict
from venues.messages import BookDiff, BookImage, Checksum, Level, Ticker, Trade
from venues.numbers import ScaledNumbers
from venues.okx import OkxFutures, OkxSpot, OkxSwap
from venues.okx.continuity import OkxContinuity
from venues.units import Unit

OLD, APPLY, GAP = Verdict.OLD, Verdict.APPLY, Verdict.GAP
_scaled = ScaledNumbers()


def diff(previous: int | None, last: int, time: int = 0) -> BookDiff:
    return BookDiff(last, last, previous, [], [], time)


@pytest.mark.parametrize(
    ("last_id", "diffs", "verdicts"),
    [
        pytest.param(10, [(10, 15)], [APPLY], id="start"),
        pytest.param(15, [(15, 15)], [APPLY], id="heartbeat"),
        pytest.param(15, [(15, 15), (15, 20)], [APPLY, APPLY], id="heartbeat and on"),
        pytest.param(15, [(15, 3), (3, 5)], [APPLY, APPLY], id="reset"),
        pytest.param(10, [(10, 15), (15, 15), (15, 3), (3, 5)], [APPLY] * 4, id="the documents' chain"),
        pytest.param(15, [(15, 0), (0, 7)], [APPLY, APPLY], id="reset to nought"),
        pytest.param(15, [(17, 20)], [GAP], id="gap"),
        pytest.param(15, [(20, 20)], [GAP], id="a heartbeat behind a gap"),
        pytest.param(15, [(10, 15)], [OLD], id="the last one again"),
        pytest.param(15, [(5, 10)], [OLD], id="replay"),
        pytest.param(20, [(None, 21), (None, 21), (None, 20)], [APPLY, APPLY, OLD], id="without ids"),
    ],
)
def test_updates_follow_each_other(
    last_id: int, diffs: list[tuple[int | None, int]], verdicts: list[Verdict]
) -> None:
    for rule in (OkxContinuity().join, OkxContinuity().follow):
        current, found = last_id, []
        for one in diffs:
            verdict = rule(current, diff(*one))
            found.append(verdict)
            if verdict is APPLY:
                current = one[1]
        assert found == verdicts


def test_an_update_before_the_snapshot_waits_and_is_old_then() -> None:
    book = Synchronizer(OkxContinuity(), 10)
    assert not book.offer(diff(10, 15))
    assert list(book.install(BookImage(15, [], [], 1, in_band=True))) == []
    assert book.phase is Phase.LIVE
    assert book.offer(diff(15, 18))


def test_a_reset_whose_frame_was_lost_is_no_repetition() -> None:
    """Ids that are small again, at a later time: without the reset's own frame the book is not to be trusted."""
    book = Synchronizer(OkxContinuity(), 10)
    list(book.install(BookImage(15, [], [], 1_000, in_band=True)))
    assert book.offer(diff(15, 15, time=2_000))
    assert not book.offer(diff(3, 5, time=3_000))
    assert book.needs_image


def levels(text: str) -> tuple[list[int], list[int]]:
    pairs = [one.split("/") for one in text.split()]
    return [_scaled[price] for price, _ in pairs], [_scaled[size] for _, size in pairs]


@pytest.mark.parametrize(
    ("bids", "asks", "value"),
    [
        pytest.param("3366.1/7 3366/6", "3366.8/9 3368/8", -1881014294, id="O1"),
        pytest.param("3366.1/7", "3366.8/9 3368/8 3372/8", 831078360, id="O2, bids shorter"),
        pytest.param("", "", 0, id="nothing"),
    ],
)
def test_the_documents_checksums(bids: str, asks: str, value: int) -> None:
    rule = OkxContinuity()
    assert rule.agrees(levels(bids), levels(asks), Checksum(value))
    assert not rule.agrees(levels(bids), levels(asks), Checksum(value ^ 1))


def test_asks_may_be_the_shorter_side() -> None:
    value = zlib.crc32(b"1:2:3.5:4:0.9:1:0.8:5")
    assert OkxContinuity().agrees(levels("1/2 0.9/1 0.8/5"), levels("3.5/4"), Checksum(value))


def test_only_the_25_best_levels_count() -> None:
    rule = OkxContinuity()
    prices, sizes = [n * 10**18 for n in range(100, 60, -1)], [10**18] * 40
    rest = [n * 10**18 for n in range(101, 141)], [10**18] * 40
    assert rule.checked_levels == 25
    text = ":".join(f"{100 - n}:1:{101 + n}:1" for n in range(25))
    assert rule.agrees((prices, sizes), rest, Checksum(zlib.crc32(text.encode())))


# The recording of 2022.

_MARKETS = {"BTC-USDT": OkxSpot(), "UNI-USD-SWAP": OkxSwap(), "BTC-USD-220527": OkxFutures()}


@pytest.fixture(scope="module")
def recorded() -> list[bytes]:
    path = FOLDER / "okx" / "OKX.ws.1.0.gz"
    if not path.is_file():
        pytest.skip(f"no recordings at {FOLDER}: set BOOKMILL_RECORDINGS to where they are")
    with gzip.open(path) as file:
        lines = [line.rstrip(b"\n").partition(b": ") for line in file]
    return [frame for head, _, frame in lines if b"<-" not in head and frame]


def routed(frames: list[bytes], channel: str) -> Iterator[tuple[str, bytes]]:
    """Frames of a channel with their instrument, as the market they belong to routes them."""
    for frame in frames:
        route = _MARKETS["BTC-USDT"].route(frame)
        if route is not None and route.channel == channel:
            yield route.wire_symbol, frame


def test_every_recorded_checksum_agrees_with_the_book_built(recorded: list[bytes]) -> None:
    books = {wire_symbol: Book() for wire_symbol in _MARKETS}
    agreed: Counter[str] = Counter()
    for wire_symbol, frame in routed(recorded, "books"):
        venue, book = _MARKETS[wire_symbol], books[wire_symbol]
        [message] = venue.decode("books", frame)
        assert isinstance(message, BookDiff | BookImage)
        change = book.replace if isinstance(message, BookImage) else book.apply
        change(message.bids, message.asks)
        assert message.checksum is not None
        assert venue.continuity.agrees(book.bids.levels(25), book.asks.levels(25), message.checksum)
        agreed[wire_symbol] += 1
    assert agreed == {"BTC-USDT": 98, "UNI-USD-SWAP": 93, "BTC-USD-220527": 99}
    assert agreed.total() == 290


def test_a_lost_frame_shows_in_the_checksum(recorded: list[bytes]) -> None:
    """Frames of 2022 have no ids: nothing else would tell."""
    venue, book, wrong = _MARKETS["BTC-USDT"], Book(), 0
    for number, (wire_symbol, frame) in enumerate(routed(recorded, "books")):
        [message] = venue.decode("books", frame)
        assert isinstance(message, BookDiff | BookImage)
        if wire_symbol != "BTC-USDT" or 10 < number < 20:
            continue
        levels_: tuple[list[Level], list[Level]] = (message.bids, message.asks)
        (book.replace if isinstance(message, BookImage) else book.apply)(*levels_)
        assert message.checksum is not None
        wrong += not venue.continuity.agrees(book.bids.levels(25), book.asks.levels(25), message.checksum)
    assert wrong > 0


def test_every_recorded_update_follows_and_the_books_stay_live(recorded: list[bytes]) -> None:
    books = {name: Synchronizer(venue.continuity, 10) for name, venue in _MARKETS.items()}
    applied: Counter[str] = Counter()
    for wire_symbol, frame in routed(recorded, "books"):
        [message] = _MARKETS[wire_symbol].decode("books", frame)
        if isinstance(message, BookImage):
            assert list(books[wire_symbol].install(message)) == []
        elif isinstance(message, BookDiff):
            applied[wire_symbol] += books[wire_symbol].offer(message)
    assert applied == {"BTC-USDT": 97, "UNI-USD-SWAP": 92, "BTC-USD-220527": 98}
    assert not any(book.book.crossed() for book in books.values())


def test_recorded_trades_and_tickers_are_all_read(recorded: list[bytes]) -> None:
    trades, tickers = Counter[str](), Counter[str]()
    for wire_symbol, frame in routed(recorded, "trades"):
        [trade] = _MARKETS[wire_symbol].decode("trades", frame)
        assert isinstance(trade, Trade)
        assert not trade.aggregated
        trades[wire_symbol] += 1
    for wire_symbol, frame in routed(recorded, "tickers"):
        [ticker] = _MARKETS[wire_symbol].decode("tickers", frame)
        assert isinstance(ticker, Ticker)
        assert ticker.volume is not None
        # Contracts have no quote volume; spot's is about the price times the base volume.
        if ticker.quote_volume is not None:
            assert 25_000 < ticker.quote_volume / ticker.volume < 35_000
        tickers[wire_symbol] += 1
    assert trades == {"BTC-USDT": 69, "UNI-USD-SWAP": 1, "BTC-USD-220527": 4}
    assert tickers == {"BTC-USDT": 25, "UNI-USD-SWAP": 1, "BTC-USD-220527": 2}


def test_what_is_no_market_data_in_the_recording_is_an_acknowledgement(recorded: list[bytes]) -> None:
    venue = _MARKETS["BTC-USDT"]
    rest = [frame for frame in recorded if venue.route(frame) is None]
    assert len(rest) == 18
    assert {venue.control(frame).kind for frame in rest} == {"ack"}


@pytest.mark.parametrize(
    ("market", "count", "wire_symbol", "symbol", "unit"),
    [
        ("SPOT", 513, "BTC-USDT", "BTC-USDT", Unit()),
        ("SWAP", 166, "BTC-USD-SWAP", "BTC-USD", Unit(100 * 10**18, inverse=True)),
        ("SWAP", 166, "BTC-USDT-SWAP", "BTC-USDT", Unit(10**16)),
        ("FUTURES", 104, "BTC-USD-220527", "BTC-USD-220527", Unit(100 * 10**18, inverse=True)),
    ],
)
def test_the_instruments_of_2022_are_read(
    market: str, count: int, wire_symbol: str, symbol: str, unit: Unit
) -> None:
    path = FOLDER / "okx" / "OKX.0.gz"
    if not path.is_file():
        pytest.skip(f"no recordings at {FOLDER}: set BOOKMILL_RECORDINGS to where they are")
    venue = {"SPOT": OkxSpot(), "SWAP": OkxSwap(), "FUTURES": OkxFutures()}[market]
    request = venue.instruments_request()
    address = f"{request.path}?instType={market}".encode()
    with gzip.open(path) as file:
        body = next(line.split(b": ", 1)[1] for line in file if address in line.split(b": ", 1)[0])
    instruments = {one.wire_symbol: one for one in venue.parse_instruments(body)}
    assert len(instruments) == len({one.symbol for one in instruments.values()}) == count
    assert all(one.trading for one in instruments.values())
    assert (instruments[wire_symbol].symbol, instruments[wire_symbol].unit) == (symbol, unit)
