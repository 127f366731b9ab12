"""Frames are what any websocket implementation reads, with compression and without."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame as Theirs
from websockets.frames import Opcode
from websockets.streams import StreamReader

from gateway.sockets.frames import WINDOW_BITS, Frame, message


def parsed(data: bytes, *, compressed: bool) -> Theirs:
    """As the client's side of the ``websockets`` library reads it."""
    reader = StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    extension = PerMessageDeflate(True, True, WINDOW_BITS, WINDOW_BITS)
    parsing = Theirs.parse(
        reader.read_exact, mask=False, max_size=None, extensions=[extension] if compressed else []
    )
    with pytest.raises(StopIteration) as caught:
        next(parsing)
    found: Theirs = caught.value.value
    return found


@given(
    st.binary(max_size=300) | st.integers(0, 70_000).map(lambda size: b"0123456789" * (size // 10)),
    st.booleans(),
)
def test_what_is_sent_is_what_is_read(text: bytes, compressed: bool) -> None:
    data = Frame(text).wire(compressed=compressed)
    found = parsed(data, compressed=compressed)
    assert (found.opcode, bytes(found.data), found.fin) == (Opcode.TEXT, text, True)


def test_what_is_long_is_shorter_compressed_and_made_once() -> None:
    frame = Frame(b'["64250.1","0.5"],' * 100)
    data = frame.wire(compressed=True)
    assert len(data) < len(frame) // 4
    assert frame.wire(compressed=True) is data
    short = Frame(b"{}")
    assert short.wire(compressed=True) is short.wire(compressed=False)


def test_a_message_has_its_type_first() -> None:
    assert message("pong", id=None, time_us=5).text == b'{"type":"pong","id":null,"time_us":5}'
