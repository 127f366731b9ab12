"""Kraken's checksum: the vectors of its documents (protocol page, section 12), what must not agree, and a recorded book."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from bookmill.book import Book
from tests.recordings import FOLDER
from venues.adapter import Ordered
from venues.interface import Levels, Verdict
from venues.kraken import KrakenSpot
from venues.kraken.checksum import KrakenContinuity, decimals
from venues.messages import BookDiff, BookImage, Checksum
from venues.numbers import ScaledNumbers

RULE = KrakenContinuity()
TIME = "2023-10-06T17:35:55.440295Z"

K1_ASKS = (
    "0.5668/4410.79769741 0.5669/4655.40412487 0.567/49844.89424998 0.5671/24306.41678 0.5672/29783.25223475 "
    "0.5673/57234.71239278 0.5674/45065.04744 0.5675/5912.76380354 0.5676/42514.92434778 0.5677/36304.0847022"
)
K1_BIDS = (
    "0.5666/4831.75496356 0.5665/6658.22734739 0.5664/18724.91513344 0.5663/11563.92544914 0.5662/14006.65365711 "
    "0.5661/17454.85679807 0.566/18097.1547 0.5659/33644.89175666 0.5658/148.3464 0.5657/606.70854372"
)
K3_ASKS = (
    "45285.2/0.00100000 45286.4/1.54571953 45286.6/1.54571109 45289.6/1.54560911 45290.2/0.15890660 "
    "45291.8/1.54553491 45294.7/0.04454749 45296.1/0.35380000 45297.5/0.09945542 45299.5/0.18772827"
)
K3_BIDS = (
    "45283.5/0.10000000 45283.4/1.54582015 45282.1/0.10000000 45281.0/0.10000000 45280.3/1.54592586 "
    "45279.0/0.07990000 45277.6/0.03310103 45277.5/0.30000000 45277.3/1.54602737 45276.6/0.15445238"
)
K4_ASKS = " ".join(f"0.0{5005 + 5 * step}/0.00000500" for step in range(10))
K4_BIDS = (
    "0.05000/0.00000500 0.04995/0.00000500 0.04990/0.00000500 0.04980/0.00000500 0.04975/0.00000500 "
    "0.04970/0.00000500 0.04965/0.00000500 0.04960/0.00000500 0.04955/0.00000500 0.04950/0.00000500"
)


def levels(text: str) -> Levels:
    scaled = ScaledNumbers()
    pairs = [one.split("/") for one in text.split()]
    return [scaled[price] for price, _ in pairs], [scaled[quantity] for _, quantity in pairs]


def book_frame(
    kind: str, bids: str, asks: str, checksum: int, *, symbol: str = "MATIC/USD", time: str | None = TIME
) -> bytes:
    """A frame with the numbers exactly as written."""

    def side(text: str) -> str:
        pairs = [one.split("/") for one in text.split()]
        return ",".join(f'{{"price":{price},"qty":{quantity}}}' for price, quantity in pairs)

    end = f',"timestamp":"{time}"' if time else ""
    return (
        f'{{"channel":"book","type":"{kind}","data":[{{"symbol":"{symbol}","bids":[{side(bids)}],'
        f'"asks":[{side(asks)}],"checksum":{checksum}{end}}}]}}'
    ).encode()


class Keeper:
    """A book kept as the worker does: apply, cut to the depth, compare."""

    def __init__(self, depth: int = 10) -> None:
        self.venue = KrakenSpot()
        self.book = Book()
        self.channel = f"book.{depth}"

    def agrees(self, frame: bytes) -> bool:
        [message] = self.venue.decode(self.channel, frame)
        if isinstance(message, BookImage):
            self.book.replace(message.bids, message.asks)
        else:
            assert isinstance(message, BookDiff)
            self.book.apply(message.bids, message.asks)
        assert message.depth is not None
        self.book.truncate(message.depth)
        assert message.checksum is not None
        return self.check(message.checksum)

    def check(self, checksum: Checksum) -> bool:
        rule = self.venue.continuity
        most = rule.checked_levels
        return rule.agrees(self.book.bids.levels(most), self.book.asks.levels(most), checksum)


@pytest.mark.parametrize(
    ("asks", "bids", "checksum"),
    [
        pytest.param(K1_ASKS, K1_BIDS, Checksum(2439117997, 4, 8), id="K1"),
        pytest.param(
            K1_ASKS,
            K1_BIDS.replace("606.70854372", "1098.3947558"),
            Checksum(2114181697, 4, 8),
            id="K2",
        ),
        pytest.param(K3_ASKS, K3_BIDS, Checksum(3310070434, 1, 8), id="K3"),
        pytest.param(K4_ASKS, K4_BIDS, Checksum(974947235, 5, 8), id="K4, version 1 of the API"),
        pytest.param("", "", Checksum(0, 4, 8), id="an empty book"),
    ],
)
def test_vectors_of_the_documents(asks: str, bids: str, checksum: Checksum) -> None:
    assert RULE.agrees(levels(bids), levels(asks), checksum)
    assert not RULE.agrees(levels(bids), levels(asks), Checksum(checksum.value ^ 1, *_decimals(checksum)))


def _decimals(checksum: Checksum) -> tuple[int, int]:
    return checksum.price_decimals, checksum.quantity_decimals


@pytest.mark.parametrize(
    "checksum",
    [
        pytest.param(Checksum(2439117997, 5, 8), id="a decimal too many"),
        pytest.param(Checksum(2439117997, 3, 8), id="a decimal too few"),
        pytest.param(Checksum(2439117997, 4, 7), id="quantities cut"),
        pytest.param(Checksum(3830085102, 4, 8), id="K1', digits as printed"),
        pytest.param(Checksum(1472384375, 4, 8), id="K1'', of price precision 5"),
        pytest.param(Checksum(2114181697, 4, 8), id="K2 on the book of K1"),
        pytest.param(Checksum(0, 4, 8), id="zero"),
        pytest.param(Checksum(2439117997 - 2**32, 4, 8), id="signed"),
    ],
)
def test_what_does_not_agree_with_the_book_of_k1(checksum: Checksum) -> None:
    assert not RULE.agrees(levels(K1_BIDS), levels(K1_ASKS), checksum)


def test_the_wrong_precision_gives_the_wrong_checksum_that_is_known() -> None:
    assert RULE.agrees(levels(K1_BIDS), levels(K1_ASKS), Checksum(1472384375, 5, 8))


def test_sides_are_not_interchangeable() -> None:
    assert not RULE.agrees(levels(K1_ASKS), levels(K1_BIDS), Checksum(2439117997, 4, 8))


def test_levels_below_the_tenth_do_not_count() -> None:
    deeper = [*levels(K3_BIDS)[0], 1], [*levels(K3_BIDS)[1], 1]
    assert RULE.agrees(deeper, levels(K3_ASKS), Checksum(3310070434, 1, 8))


def test_frames_apply_in_order_and_nothing_but_the_checksum_tells_a_loss() -> None:
    assert isinstance(RULE, Ordered)
    assert RULE.follow(9, BookDiff(3, 3, None, [], [], 3)) is Verdict.APPLY
    assert RULE.join(9, BookDiff(3, 3, None, [], [], 3)) is Verdict.APPLY


def test_the_documents_snapshot_and_update_agree_though_they_lost_their_zeros() -> None:
    keeper = Keeper()
    assert keeper.agrees(book_frame("snapshot", K1_BIDS, K1_ASKS, 2439117997))
    assert keeper.agrees(book_frame("update", "0.5657/1098.3947558", "", 2114181697))


def test_frames_of_other_instruments_teach_nothing() -> None:
    keeper = Keeper()
    assert keeper.agrees(book_frame("snapshot", K1_BIDS, K1_ASKS, 2439117997))
    keeper.venue.decode("book.10", book_frame("snapshot", K3_BIDS, K3_ASKS, 3310070434, symbol="BTC/USD"))
    assert keeper.agrees(book_frame("update", "0.5657/1098.3947558", "", 2114181697))


def test_an_update_without_levels_is_checked_with_the_decimals_known() -> None:
    keeper = Keeper()
    assert keeper.agrees(book_frame("snapshot", K3_BIDS, K3_ASKS, 3310070434))
    assert keeper.agrees(book_frame("update", "", "", 3310070434))
    assert not keeper.agrees(book_frame("update", "", "", 3310070435))


def test_zeros_of_any_spelling_remove_and_teach_nothing() -> None:
    keeper = Keeper()
    assert keeper.agrees(book_frame("snapshot", K3_BIDS, K3_ASKS, 3310070434))
    for zero in ("0.00000000", "0.0", "0", "0.000", "0e-10", "0.0E+2"):
        assert keeper.agrees(book_frame("update", f"45270.0/{zero}", "", 3310070434)), zero


def test_what_is_not_known_is_not_checked() -> None:
    [diff] = KrakenSpot().decode("book.10", book_frame("update", "45270.0/0.0", "", 3310070434))
    assert isinstance(diff, BookDiff)
    assert diff.checksum is None
    [diff] = KrakenSpot().decode("book.10", book_frame("update", "45270.0/1.00000000", "", 5))
    assert isinstance(diff, BookDiff)
    assert diff.checksum == Checksum(5, 1, 8)


def test_more_decimals_count_from_the_update_on_that_has_them_and_a_snapshot_starts_anew() -> None:
    venue = KrakenSpot()

    def learned(frame: bytes) -> tuple[int, int]:
        [message] = venue.decode("book.10", frame)
        assert isinstance(message, BookDiff | BookImage)
        assert message.checksum is not None
        return _decimals(message.checksum)

    assert learned(book_frame("snapshot", "5.1/1.000", "", 1)) == (1, 3)
    assert learned(book_frame("update", "5.10/1.000", "", 1)) == (2, 3)
    assert learned(book_frame("update", "5.1/1.000", "", 1)) == (2, 3)
    assert learned(book_frame("snapshot", "5.1/1.00", "", 1)) == (1, 2)
    assert learned(book_frame("snapshot", "5/1", "", 1)) == (0, 0)


def test_a_thin_book_is_summed_as_it_is() -> None:
    keeper = Keeper()
    value = _sum_of(["0.10/2.00", "0.20/1.50"], ["0.09/7.25"], 2, 2)
    assert keeper.agrees(book_frame("snapshot", "0.09/7.25", "0.10/2.00 0.20/1.50", value))
    value = _sum_of(["0.20/1.50"], [], 2, 2)
    assert keeper.agrees(book_frame("update", "0.09/0.00", "0.10/0.00", value))
    assert keeper.agrees(book_frame("update", "", "0.20/0.00", 0))


def test_a_price_that_comes_twice_ends_as_the_last_says() -> None:
    keeper = Keeper()
    assert keeper.agrees(
        book_frame("snapshot", "0.09/7.25", "0.10/2.00", _sum_of(["0.10/2.00"], ["0.09/7.25"], 2, 2))
    )
    value = _sum_of(["0.10/3.00"], ["0.09/1.00"], 2, 2)
    assert keeper.agrees(book_frame("update", "0.09/0.00 0.09/1.00", "0.10/5.00 0.10/0.00 0.10/3.00", value))


def test_a_level_pushed_out_is_not_told_and_comes_back_when_a_better_one_goes() -> None:
    bids = [f"{price}.0/1.00" for price in range(100, 90, -1)]
    keeper = Keeper()
    assert keeper.agrees(
        book_frame("snapshot", " ".join(bids), "101.0/1.00", _sum_of(["101.0/1.00"], bids, 1, 2))
    )
    now = [bids[0], "99.5/2.00", *bids[1:9]]
    assert keeper.agrees(book_frame("update", "99.5/2.00", "", _sum_of(["101.0/1.00"], now, 1, 2)))
    assert len(keeper.book.bids) == 10
    now = [*bids[:9], "91.0/3.00"]
    assert keeper.agrees(book_frame("update", "99.5/0.00 91.0/3.00", "", _sum_of(["101.0/1.00"], now, 1, 2)))


def test_a_book_that_is_not_cut_fails_when_a_level_came_back_that_had_gone() -> None:
    """The trap: what was pushed out and removed meanwhile stands there for ever."""
    bids = [f"{price}.0/1.00" for price in range(100, 90, -1)]
    keeper = Keeper(depth=1000)
    assert keeper.agrees(book_frame("snapshot", " ".join(bids), "", _sum_of([], bids, 1, 2)))
    now = [bids[0], "99.5/2.00", *bids[1:9]]
    assert keeper.agrees(book_frame("update", "99.5/2.00", "", _sum_of([], now, 1, 2)))
    now = [*bids[:9], "90.0/1.00"]
    assert not keeper.agrees(book_frame("update", "99.5/0.00 90.0/1.00", "", _sum_of([], now, 1, 2)))


def _sum_of(asks: Sequence[str], bids: Sequence[str], price_decimals: int, quantity_decimals: int) -> int:
    """The documents' recipe, with texts instead of numbers."""

    def digits(text: str, places: int) -> str:
        return format(Decimal(text), f".{places}f").replace(".", "").lstrip("0")

    parts = [one.split("/") for side in (asks, bids) for one in side[:10]]
    text = "".join(digits(price, price_decimals) + digits(size, quantity_decimals) for price, size in parts)
    return zlib.crc32(text.encode())


@pytest.mark.parametrize(
    ("text", "count"),
    [("83744.20", 2), ("5", 0), ("5.0", 1), ("1e-05", 5), ("1.5e-05", 6), ("1E+3", 0), ("0.00000001", 8)],
)
def test_decimals_of_a_text(text: str, count: int) -> None:
    assert decimals(text) == count


def recorded() -> list[bytes]:
    path = FOLDER / "kraken-v2" / "DERIVED_btcusd_d10_wireform.jsonl.gz"
    if not path.is_file():
        pytest.skip(f"no recordings at {FOLDER}: set BOOKMILL_RECORDINGS to where they are")
    with gzip.open(path) as file:
        return [line.rstrip(b"\n") for line in file]


def test_all_checksums_of_the_recording_agree() -> None:
    keeper, frames = Keeper(), recorded()
    assert len(frames) == 510
    assert all(keeper.agrees(frame) for frame in frames)
    assert (len(keeper.book.bids), len(keeper.book.asks)) == (10, 10)


def test_with_an_update_lost_the_checksum_agrees_exactly_while_the_book_is_right() -> None:
    frames = recorded()[:40]
    whole, right = Keeper(), list[tuple[Levels, Levels]]()
    for frame in frames:
        assert whole.agrees(frame)
        right.append((whole.book.bids.levels(), whole.book.asks.levels()))
    wrong = 0
    for missing in range(1, len(frames)):
        keeper = Keeper()
        for number, frame in enumerate(frames):
            if number == missing:
                continue
            agreed = keeper.agrees(frame)
            assert agreed == ((keeper.book.bids.levels(), keeper.book.asks.levels()) == right[number])
            wrong += not agreed
    assert wrong > 100


def test_a_recorded_book_that_is_not_cut_is_found_wrong() -> None:
    keeper = Keeper(depth=1000)
    assert not all(keeper.agrees(frame) for frame in recorded())


def test_numbers_of_the_recording_are_exact() -> None:
    venue, scaled = KrakenSpot(), ScaledNumbers()
    for frame in recorded():
        text: Any = json.loads(frame, parse_float=str)
        [message] = venue.decode("book.10", frame)
        assert isinstance(message, BookDiff | BookImage)
        for side, found in (("bids", message.bids), ("asks", message.asks)):
            told = text["data"][0][side]
            assert [(scaled[one["price"]], scaled[one["qty"]]) for one in told] == found
