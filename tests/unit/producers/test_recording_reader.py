"""Recordings as ``replay`` reads them: what is broken is named with file and line before anything is written."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path

import pytest

from bookmill.errors import RecordingError
from producers.recording import Line, Summary, check, read
from tests.unit.producers.fakes import envelope
from venues.binance import BinanceSpot

NANOS, MICROS = b"1723161255030314667", b"1680652700423575"
SNAPSHOT = b'{"lastUpdateId":7,"bids":[["1.0","2"]],"asks":[["1.1","3"]]}'


def checked(*paths: Path) -> Summary:
    return check(paths, BinanceSpot(), "BTC-USDT", None, lambda _: None)


def lines(*paths: Path) -> Sequence[Line]:
    return list(read(paths, BinanceSpot(), "BTCUSDT", lambda _: None))


def test_several_files_packed_or_plain_are_one_recording_in_order(tmp_path: Path) -> None:
    first, second = tmp_path / "a.gz", tmp_path / "b"
    first.write_bytes(gzip.compress(NANOS + b" " + envelope(0) + b"\n" + NANOS + b" " + SNAPSHOT + b"\n"))
    second.write_bytes(MICROS + b" " + envelope(1))
    assert checked(first, second) == Summary("BTCUSDT", "", 2, 1)
    assert lines(first, second) == [
        Line(int(NANOS), "trade", envelope(0)),
        Line(int(NANOS), None, SNAPSHOT),
        Line(int(MICROS) * 1000, "trade", envelope(1)),
    ]


def test_all_bytes_of_the_files_are_told_as_progress(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(
        gzip.compress(b"".join(NANOS + b" " + envelope(number) + b"\n" for number in range(5000)))
    )
    told: list[int] = []
    check([path], BinanceSpot(), "BTC-USDT", None, told.append)
    assert sum(told) == path.stat().st_size


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "no frame of a stream"),
        (NANOS + b" " + SNAPSHOT, "no frame of a stream"),
        (b"123 " + envelope(0), "line 1: there is no receive time"),
        (NANOS + b" " + envelope(0) + b"\n" + envelope(1), "line 2: there is no receive time"),
        (NANOS + b" \xff\xfe", "line 1: the frame is not JSON in UTF-8"),
        (NANOS + b" " + envelope(0) + b"\n" + NANOS + b' {"stream":', "line 2: the frame is not JSON"),
        (NANOS + b" [1,2]", "line 1: neither a frame of a stream nor a snapshot"),
        (
            NANOS + b" " + envelope(0) + b"\n" + NANOS + b" " + envelope(0, "ethusdt@trade"),
            "several instruments: BTCUSDT, and ETHUSDT at",
        ),
        (gzip.compress(NANOS + b" " + envelope(0), mtime=0)[:-9], "is damaged after line"),
        (b"\x1f\x8bnot gzip at all", "is damaged after line 0"),
    ],
)
def test_a_broken_recording_is_refused_in_one_sentence(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "broken"
    path.write_bytes(content)
    with pytest.raises(RecordingError, match=sentence) as raised:
        checked(path)
    assert str(path) in str(raised.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="absent does not exist"):
        checked(tmp_path / "absent")
