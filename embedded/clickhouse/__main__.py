"""``python -m embedded.clickhouse <data folder> <port>``: serve until SIGTERM or SIGINT, then close the engine and leave."""

from __future__ import annotations

import resource
import signal
import sys
import threading
from pathlib import Path

from embedded.clickhouse.engine import Engine
from embedded.clickhouse.server import ClickHouseServer

_DRAIN_S = 10.0
_FILES = 10_240  # what macOS allows at most


def main(data: Path, port: int) -> int:
    """Run the server; the exit status."""
    data.mkdir(parents=True, exist_ok=True)
    _allow_many_files()
    try:
        engine = Engine(data)
    except RuntimeError as error:
        sys.stderr.write(f"Error: the data in {data} cannot be opened: {error}\n")
        return 1
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):  # after the engine's start, which sets handlers of its own
        signal.signal(number, lambda *_: stop.set())
    try:
        server = ClickHouseServer(engine, port)
    except OSError as error:
        sys.stderr.write(f"Error: port {port} cannot be opened: {error.strerror}\n")
        engine.close()
        return 1
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="accept")
    thread.start()
    sys.stderr.write(f"ClickHouse {engine.version} serves {data} on 127.0.0.1:{port}\n")
    stop.wait()
    server.shutdown()
    thread.join()
    if not server.drain(_DRAIN_S):
        sys.stderr.write(f"requests still ran after {_DRAIN_S:.0f} s and are broken off\n")
    server.server_close()
    engine.close()
    return 0


def _allow_many_files() -> None:
    """The engine keeps the files of many parts open; some systems allow 256 unless asked."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
