"""``/api/v1/ws``: a client comes, says things, goes."""

from __future__ import annotations

from fastapi import APIRouter, WebSocket

from gateway.context import InContext
from gateway.routing import API
from gateway.security import PROTOCOL
from gateway.sockets.wire import EXTENSION, Wire

__all__ = ["router"]

NO_TEXT = 1003

router = APIRouter(prefix=API)


@router.websocket("/ws")
async def serve(socket: WebSocket, context: InContext) -> None:
    """One client, from the first message to the last."""
    wire: Wire = socket.scope["extensions"][EXTENSION]
    await socket.accept(PROTOCOL if PROTOCOL in socket.scope["subprotocols"] else None)
    hub = context.hub
    session = hub.admit(wire)
    try:
        while (received := await socket.receive())["type"] != "websocket.disconnect":
            text = received.get("text")
            if session is None or wire.ended:
                continue  # what was said before the end
            if text is None:
                session.end(NO_TEXT, "text only")
                continue
            hub.take(session, text)
            await wire.writable.wait()  # who does not read the answers is not listened to
    finally:
        if session is not None:
            hub.leave(session)
