"""The connection of one client, below ASGI: many frames in one write, small buffers, our own codes when it ends.

uvicorn's own protocol writes one message at a time and waits, before it closes, for a peer that may never read again.
"""

from __future__ import annotations

import logging
import socket
from asyncio import BaseTransport
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState
from websockets.extensions.permessage_deflate import PerMessageDeflate, ServerPerMessageDeflateFactory
from websockets.server import ServerProtocol

from gateway.sockets.frames import WINDOW_BITS, Frame

if TYPE_CHECKING:
    from websockets.http11 import Request

__all__ = ["EXTENSION", "Wire"]

EXTENSION = "bookmill.wire"
"""Under this name the scope of a websocket holds its :class:`Wire`."""

GOING_AWAY = 1001
NO_ANSWER = 4000

_HIGH_WATER = 64 * 1024
_LOW_WATER = 16 * 1024
_KERNEL_BYTES = 128 * 1024
_CLOSE_GRACE_S = 3.0
"""How long a peer may take to answer that the connection ends; then it is cut."""


class Wire(WebSocketsSansIOProtocol):
    """``drained`` is called when there is room again after there was none."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.drained: Callable[[], None] | None = None
        self.conn = ServerProtocol(
            extensions=[
                ServerPerMessageDeflateFactory(
                    server_no_context_takeover=True,  # a message is compressed once for all
                    client_no_context_takeover=True,
                    server_max_window_bits=WINDOW_BITS,
                    client_max_window_bits=WINDOW_BITS,
                )
            ],
            max_size=self.config.ws_max_size,
            logger=logging.getLogger("uvicorn.error"),
        )
        self._compressed = False

    def connection_made(self, transport: BaseTransport) -> None:
        """What waits for a client waits in its queue, where it is counted, and not in the system's buffers."""
        super().connection_made(transport)
        self.transport.set_write_buffer_limits(_HIGH_WATER, _LOW_WATER)
        endpoint: socket.socket | None = transport.get_extra_info("socket")
        if endpoint is not None:
            endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _KERNEL_BYTES)

    def handle_connect(self, event: Request) -> None:
        """Let the application find this object."""
        super().handle_connect(event)
        if self.response.status_code == 101:
            self.scope["extensions"][EXTENSION] = cast("Any", self)
            self._compressed = any(
                isinstance(each, PerMessageDeflate) and each.local_max_window_bits == WINDOW_BITS
                for each in self.conn.extensions
            )

    @property
    def ended(self) -> bool:
        """Nothing can be written any more."""
        return self.close_sent or self.transport.is_closing()

    @property
    def room(self) -> bool:
        """Whether more can be written now."""
        return self.writable.is_set() and self.transport.get_write_buffer_size() <= _HIGH_WATER

    @property
    def paused(self) -> bool:
        """There is no room, and :attr:`drained` will be called when there is."""
        return not self.writable.is_set()

    def resume_writing(self) -> None:
        """There is room again."""
        super().resume_writing()
        if self.drained is not None:
            self.drained()

    def write(self, frames: Iterable[Frame]) -> None:
        """Write text frames in one go; nothing once the connection ends."""
        if not self.ended:
            compressed = self._compressed
            self.transport.write(b"".join([each.wire(compressed=compressed) for each in frames]))

    def end(self, code: int, reason: str) -> None:
        """Say that the connection ends, and cut it where the peer does not answer soon."""
        self.stop_keepalive()
        if self.ended:
            return
        try:
            self.conn.send_close(code, reason)
        except InvalidState:  # the peer has begun to end it
            return
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()  # for its answer
        self.close_timer = self.loop.call_later(_CLOSE_GRACE_S, self.transport.abort)

    def keepalive_timeout(self) -> None:
        """Nobody is there."""
        self.pong_timer = None
        self.end(NO_ANSWER, "no answer to pings")

    def shutdown(self) -> None:
        """The gateway stops."""
        if self.handshake_complete:
            self.end(GOING_AWAY, "the gateway stops")
        else:
            super().shutdown()
