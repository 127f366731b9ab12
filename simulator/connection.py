"""One websocket connection of a simulated exchange: websockets' own protocol core in an asyncio protocol of ours.

The library's asyncio connection sends one message per call, far too dear at hundreds of thousands of frames a second. So the
handshake and everything incoming, control frames included, go through its :class:`~websockets.server.ServerProtocol`,
and market frames, which need no state (server frames are unmasked and complete), are framed here and written in bulk.
"""

from __future__ import annotations

import asyncio
import time
from http import HTTPStatus
from typing import cast

from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import OPEN, Event
from websockets.server import ServerProtocol

from simulator.dialect import Dialect, HandshakeRefusedError, KeepAlive, MarketFrame, Session
from simulator.hub import Hub
from simulator.life import ConnectionCounts, Life
from simulator.limits import RollingWindow

__all__ = ["Connection", "text_header"]

_RESUME_BYTES = 256 << 10
_CLOSE_TIMEOUT_S = 2.0


def text_header(length: int) -> bytes:
    """Header of an unmasked, unfragmented text frame (RFC 6455 section 5.2)."""
    if length < 126:
        return bytes((0x81, length))
    if length < 65_536:
        return b"\x81\x7e" + length.to_bytes(2, "big")
    return b"\x81\x7f" + length.to_bytes(8, "big")


class Connection(asyncio.Protocol):
    """A client's connection, from the handshake on.

    ``buffer_bytes`` bounds what may wait for a client that reads too slowly; past it the client is dropped as the exchange does
    (``slow_reader``; Binance: without a close frame). A client whose socket takes nothing at all for ``stall_s`` while a source waits for it is dropped too. ``keep_alive`` is in real seconds; ``clock_scale`` is how much faster the exchange's clock runs.
    """

    def __init__(
        self,
        dialect: Dialect,
        hub: Hub,
        counts: ConnectionCounts,
        keep_alive: KeepAlive,
        *,
        buffer_bytes: int,
        stall_s: float,
        clock_scale: float = 1.0,
    ) -> None:
        self._dialect = dialect
        self._hub = hub
        self._counts = counts
        self._keep_alive = keep_alive
        self._buffer_bytes = buffer_bytes
        self._stall_s = stall_s
        self._clock_scale = clock_scale
        self._websocket = ServerProtocol()
        self._window = RollingWindow(keep_alive.messages, keep_alive.window_s)
        self._session: Session | None = None
        self._life: Life | None = None
        self._pending: list[bytes] = []
        self._message = bytearray()
        self._writable = asyncio.Event()
        self._writable.set()
        self._abort: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport
        self._loop = asyncio.get_running_loop()
        self.lost = self._loop.create_future()

    # What the hub asks of a subscriber.

    def queue(self, envelope: bytes, data_start: int) -> None:
        """Take a frame to be sent with the next flush."""
        session = self._session
        if session is not None:
            payload = session.frame(envelope, data_start)
            self._pending += (text_header(len(payload)), payload)

    def flush(self) -> None:
        """Write what is queued in one piece; drop the client when too much waits for it."""
        if not self._pending:
            return
        chunk = b"".join(self._pending)
        self._pending.clear()
        self._transport.write(chunk)
        if self._life is not None:
            self._life.said()
        if self._transport.get_write_buffer_size() > self._buffer_bytes:
            self._give_up()

    async def writable(self) -> None:
        """Wait until the client has read enough of what was written."""
        if self._writable.is_set():
            return
        try:
            await asyncio.wait_for(self._writable.wait(), self._stall_s)
        except TimeoutError:
            self._give_up()

    def _give_up(self) -> None:
        self._counts.slow_readers_dropped += 1
        slow = self._keep_alive.slow_reader
        if slow is None:
            self.drop()
        else:
            self.close(slow.code, slow.reason)

    # What faults do.

    def cut(self) -> None:
        """End without a close frame, counted as a fault."""
        self._counts.cut += 1
        self.drop()

    def freeze(self) -> None:
        """Half-open: the socket stays, nothing is sent, read or answered any more."""
        self._leave()
        self._transport.pause_reading()

    def close(self, code: int, reason: str) -> None:
        """Send what is queued and a close frame, then wait a little for the client's."""
        self.flush()
        if self._websocket.state is OPEN:
            self._websocket.send_close(code, reason)
            self._write_protocol_data()
        self._leave()
        self._abort = self._loop.call_later(_CLOSE_TIMEOUT_S, self._transport.abort)

    def announce_shutdown(self) -> None:
        """Send the exchange's shutdown notice, if it has one."""
        notice = self._session and self._session.shutdown_notice(time.time_ns() // 1_000_000)
        if notice:
            self.say(notice)

    def forget(self) -> None:
        """Deliver no market data any more; all else goes on."""
        self._hub.leave(self)
        self._hub.join(self)

    # What its life does, too.

    def ping(self, payload: bytes) -> None:
        """Send a websocket ping behind what is queued."""
        self.flush()
        self._websocket.send_ping(payload)
        self._write_protocol_data()

    def say(self, text: bytes) -> None:
        """Send a text behind what is queued."""
        self._pending += (text_header(len(text)), text)
        self.flush()

    def drop(self) -> None:
        """End without a close frame: the client sees 1006."""
        self._leave()
        self._transport.abort()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Both loops' TCP transports have that interface; uvloop's is no subclass of it.
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=_RESUME_BYTES)

    def data_received(self, data: bytes) -> None:
        self._websocket.receive_data(data)
        self._write_protocol_data()
        for event in self._websocket.events_received():
            self._receive(event)

    def eof_received(self) -> None:
        self._websocket.receive_eof()
        self._write_protocol_data()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  the signature is the library's
        self._leave()
        if self._abort is not None:
            self._abort.cancel()
        self._writable.set()
        if not self.lost.done():
            self.lost.set_result(None)

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    # Incoming.

    def _receive(self, event: Event) -> None:
        if isinstance(event, Request):
            self._shake_hands(event)
            return
        if isinstance(event, Frame) and event.opcode is not Opcode.CLOSE and self._session and self._life:
            self._receive_frame(event, self._session, self._life)

    def _receive_frame(self, frame: Frame, session: Session, life: Life) -> None:
        if frame.opcode is not Opcode.CONT and not self._admit():
            return
        if frame.opcode is Opcode.PONG:
            life.receive_pong(bytes(frame.data))
        elif frame.opcode in (Opcode.TEXT, Opcode.CONT, Opcode.BINARY):
            self._message += frame.data
            if frame.fin:
                message = bytes(self._message)
                self._message.clear()
                life.heard()
                for reply in session.receive(message):
                    self._hub.answered += isinstance(reply, MarketFrame)
                    self.say(reply)

    def _admit(self) -> bool:
        self._counts.messages_received += 1
        if self._window.admit(self._loop.time()):
            return True
        self._counts.too_many_messages += 1
        self.close(1008, "Too many requests")
        return False

    def _shake_hands(self, request: Request) -> None:
        response = self._websocket.accept(request)
        if response.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
            try:
                self._session = self._dialect.open(request.path, self, self._hub)
            except HandshakeRefusedError as refusal:
                response = self._websocket.reject(HTTPStatus(refusal.status), refusal.text + "\n")
        self._websocket.send_response(response)
        self._write_protocol_data()
        if self._session is None:
            self._counts.refused += 1
            return
        self._counts.opened += 1
        self._hub.join(self)
        self._life = Life(self, self._session, self._keep_alive, self._counts, self._clock_scale)

    # Outgoing.

    def _write_protocol_data(self) -> None:
        """Write what the protocol core has to say (handshake, pongs, close); its empty string is the end of the stream."""
        for data in self._websocket.data_to_send():
            if data:
                self._transport.write(data)
            else:
                self._transport.close()

    def _leave(self) -> None:
        self._hub.leave(self)
        self._session = None
        self._pending.clear()
        if self._life is not None:
            self._life.end()
            self._life = None
