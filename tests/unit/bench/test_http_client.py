"""The bench's own HTTP client, against a server that answers as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from bench.http_client import HttpClient

WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


class Server:
    """Answers each request with the next of ``answers``, in its pieces; after an empty piece it hangs up."""

    def __init__(self, *answers: Sequence[bytes]) -> None:
        self.answers = list(answers)
        self.connections = self.ended = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while self.answers and await reader.readuntil(b"\r\n\r\n"):
                for piece in self.answers.pop(0):
                    if not piece:
                        return
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0.01)
            await reader.read()  # until the client hangs up
        except (OSError, EOFError):
            pass  # it has
        finally:
            writer.close()
            self.ended += 1


def ask(server: Server, requests: int, *, patience_s: float = 5.0) -> list[int]:
    async def run() -> list[int]:
        listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
        port = listening.sockets[0].getsockname()[1]
        client = HttpClient(f"http://127.0.0.1:{port}", patience_s=patience_s)
        found = [await client.get("/x") for _ in range(requests)]
        client.close()
        listening.close()
        while server.ended < server.connections:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.01)
        return found

    return asyncio.run(run())


def test_answers_in_pieces_come_over_one_connection() -> None:
    server = Server(
        [WHOLE], [WHOLE[:20], WHOLE[20:41], WHOLE[41:]], [b"HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n"]
    )
    assert ask(server, 3) == [200, 200, 404]
    assert server.connections == 1


def test_who_is_not_answered_knows_it_and_the_next_one_gets_a_new_connection() -> None:
    server = Server([WHOLE[:30], b""], [WHOLE])
    assert ask(server, 2) == [0, 200]
    assert server.connections == 2


def test_who_waits_for_too_long_gives_up() -> None:
    server = Server([WHOLE[:30]], [WHOLE])
    assert ask(server, 2, patience_s=0.2) == [0, 200]
