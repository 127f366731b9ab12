"""The connection of an HTTP client, below ASGI: how long and how large the head of a request may be.

uvicorn waits for ever for the first byte, for the next one, and for the end of a header; who opens connections and says nothing, or
never stops, would cost memory for each.
"""

from __future__ import annotations

from asyncio import TimerHandle, Transport
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

__all__ = ["HttpWire"]

_HEAD_BYTES = 64 * 1024
_HEAD_S = 20.0
_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-type: application/json\r\n"
    b"content-length: %d\r\n\r\n%s"
)
_SAID = (
    b'{"error":{"status":431,"code":"too_large","message":"The head of a request may have at most 65536 bytes.",'
    b'"hint":null,"field":null}}'
)


class HttpWire(HttpToolsProtocol):
    """Cuts a connection whose next request is not begun and its head not ended in time, once nothing is being answered."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._head_bytes = 0
        self._in_head = True
        self._late: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # what asyncio gives
        """The time of the first request runs."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for any more."""
        self._wait_no_more()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Some more of a request."""
        super().data_received(data)
        if not self._in_head or self.transport.is_closing():
            return
        self._head_bytes += len(data)
        if self._head_bytes > _HEAD_BYTES:
            self.transport.write(_TOO_LARGE % (len(_SAID), _SAID))
            self.transport.close()

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        if self._late is None:
            self._wait()

    def on_headers_complete(self) -> None:
        """The head is there: what follows is bounded elsewhere."""
        self._in_head = False
        self._wait_no_more()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is whole; the next one may begin."""
        super().on_message_complete()
        self._in_head = True
        self._head_bytes = 0

    def _wait(self) -> None:
        self._late = self.loop.call_later(_HEAD_S, self._cut)

    def _wait_no_more(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _cut(self) -> None:
        self._late = None
        if not self.transport.is_closing():
            self.transport.close()
