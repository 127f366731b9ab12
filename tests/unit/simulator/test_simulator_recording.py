"""Reading recordings: bytes untouched, times in ns, and one sentence with file and line when they are broken."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from bookmill.errors import ConfigurationError, RecordingError
from simulator.recording import Recording, read_recording

DEPTH = b'{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","U":95, "u":99,"b":[],"a":[]}}'
TRADE = b'{"stream":"btcusdt@trade","data":{"e":"trade","t":1}}'
BOOK = b'{"lastUpdateId":102,"bids":[["61837.60000000","3.78826000"]],"asks":[["61838.00000000","1.5"]]}'
GOOD = b"1723161253937085768 %b\n1723161253937085769 %b\n1723161253937085770 %b\n" % (DEPTH, BOOK, TRADE)


def read(path: Path, content: bytes, symbol: str = "BTC-USDT") -> Recording:
    path.write_bytes(content)
    return read_recording(symbol, [path])


def test_frames_are_kept_byte_for_byte(tmp_path: Path) -> None:
    recording = read(tmp_path / "plain", GOOD)
    assert recording.frames == [DEPTH, TRADE]
    assert recording.snapshot(5000, 0) == BOOK
    assert [recording.streams[number] for number in recording.stream_of] == [
        "btcusdt@depth@100ms",
        "btcusdt@trade",
    ]
    assert recording.times_ns.tolist() == [1723161253937085768, 1723161253937085770]
    assert (recording.instrument.price_decimals, recording.instrument.quantity_decimals) == (1, 5)
    assert recording.opening_id < 95


def test_packed_files_in_order_are_one_recording_and_micros_become_nanos(tmp_path: Path) -> None:
    first, second = tmp_path / "first.gz", tmp_path / "second.dat"
    first.write_bytes(gzip.compress(GOOD, mtime=0))
    second.write_bytes(b"1680652700423575 " + TRADE + b"\n")
    recording = read_recording("BTC-USDT", [first, second])
    assert recording.frames == [DEPTH, TRADE, TRADE]
    assert recording.times_ns[2] == 1680652700423575000


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (GOOD + b"yesterday " + TRADE + b"\n", "line 4: not '<time"),
        (GOOD + b"1723161253937085771\n", "line 4: not '<time"),
        (GOOD + b"1723161253937085771 " + TRADE[:-9] + b"\n", "line 4: not a frame"),
        (GOOD.replace(b"btcusdt@trade", b"ethusdt@trade"), "line 3: the stream 'ethusdt@trade' is not one"),
        (b"1723161253937085771 {}\n", "line 1: neither a frame nor"),
        (b"", "no frame in the recording"),
        (b"1723161253937085768 " + TRADE + b"\n", "no REST snapshot"),
        (gzip.compress(GOOD, mtime=0)[:-20], "is damaged after line"),
    ],
)
def test_a_broken_recording_is_named_with_its_line(tmp_path: Path, content: bytes, complaint: str) -> None:
    with pytest.raises(RecordingError, match=complaint) as raised:
        read(tmp_path / "broken", content)
    assert "broken" in str(raised.value)


def test_a_missing_recording_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"nowhere\.gz does not exist"):
        read_recording("BTC-USDT", [tmp_path / "nowhere.gz"])


def test_a_symbol_without_quote_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="BTCUSDT"):
        read(tmp_path / "good", GOOD, symbol="BTCUSDT")
