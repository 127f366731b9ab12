"""The simulated Binance over real sockets: what a client sees of rules, routes, recordings, limits and faults."""

from __future__ import annotations

import asyncio
import gzip
import json
import math
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, ConnectionClosedError, InvalidStatus
from websockets.frames import Opcode

from bookmill.errors import ConfigurationError, PortInUseError
from simulator.simulated_market import MarketConfig, RecordingFiles
from simulator.simulator import Simulator, SimulatorConfig

RECORDINGS = Path(
    os.environ.get("BOOKMILL_RECORDINGS", Path(__file__).parents[2].parent / "shared" / "recordings")
)
SETS = {
    "spot": ["binance-spot/btcusdt_20240808.gz", "binance-spot/btcusdt_20240809.gz"],
    "usdm": ["binance-usdm/btcusdt_20240808.gz"],
}


def run(test: Callable[[Simulator], Awaitable[None]], **markets: MarketConfig) -> None:
    """Run the test on a simulator with these markets."""

    async def inside() -> None:
        async with Simulator(SimulatorConfig(markets=markets)) as simulator:
            await asyncio.wait_for(test(simulator), 60)

    asyncio.run(inside())


def join(simulator: Simulator, market: str, target: str) -> connect:
    return connect(
        simulator.addresses[market]["websocket"] + target,
        compression=None,
        ping_interval=None,
        max_size=None,
    )


async def ask(socket: ClientConnection, **request: Any) -> Any:
    """Send a control message; its answer, whatever data comes in between."""
    await socket.send(json.dumps(request))
    while True:
        message = json.loads(await socket.recv())
        if "stream" not in message and "id" in message:
            return message


async def closing(socket: ClientConnection) -> ConnectionClosedError:
    """Read to the end; how it ended."""
    with pytest.raises(ConnectionClosedError) as raised:
        await read_on(socket)
    return raised.value


async def read_on(socket: ClientConnection, timeout_s: float | None = None) -> None:
    """Read for ever, or until nothing comes for so long."""
    while True:
        await asyncio.wait_for(socket.recv(), timeout_s)


def test_the_sixth_message_in_a_second_closes_with_1008() -> None:
    async def test(simulator: Simulator) -> None:
        async with join(simulator, "spot", "/ws") as socket:
            for number in range(6):
                await socket.send(json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": number}))
            end = await closing(socket)
        assert end.rcvd is not None
        assert (end.rcvd.code, end.rcvd.reason) == (1008, "Too many requests")
        assert simulator.counts()["spot"]["connections"]["too_many_messages"] == 1

    run(test, spot=MarketConfig())


def test_pings_count_as_messages_and_usdm_allows_ten() -> None:
    async def test(simulator: Simulator) -> None:
        async with join(simulator, "usdm", "/public/ws") as socket:
            for _ in range(10):
                await (await socket.ping())
            await socket.ping()
            assert (await closing(socket)).rcvd.code == 1008  # type: ignore[union-attr]  received: else it fails

    run(test, usdm=MarketConfig())


def test_only_a_pong_that_copies_the_ping_keeps_a_connection() -> None:
    async def test(simulator: Simulator) -> None:
        async with join(simulator, "spot", "/ws") as good, join(simulator, "spot", "/ws") as bad:
            # A client that answers each ping with another payload than it came with.
            protocol = bad.protocol
            send_frame = protocol.send_frame

            def spoil(frame: Any) -> None:
                if frame.opcode is Opcode.PONG:
                    frame.data = b"something else"
                send_frame(frame)

            protocol.send_frame = spoil  # type: ignore[method-assign]
            end = await closing(bad)
            assert end.rcvd is not None
            assert (end.rcvd.code, end.rcvd.reason) == (1008, "Pong timeout")
            assert await ask(good, method="LIST_SUBSCRIPTIONS", id=1) == {"result": [], "id": 1}
        assert simulator.counts()["spot"]["connections"]["pong_timeouts"] == 1

    run(test, spot=MarketConfig(clock_scale=60))


def test_a_session_has_an_end() -> None:
    async def test(simulator: Simulator) -> None:
        async with join(simulator, "spot", "/ws") as socket:
            with pytest.raises(ConnectionClosed, match="1001"):
                await socket.recv()
        assert simulator.counts()["spot"]["connections"]["sessions_ended"] == 1

    run(test, spot=MarketConfig(session_s=0.2))


def test_a_live_market_reaches_each_route_with_its_own_streams() -> None:
    names = ["btcusdt@depth@100ms", "btcusdt@bookTicker", "btcusdt@trade", "btcusdt@aggTrade", "btcusdt@typo"]

    async def seen(simulator: Simulator, target: str) -> set[str]:
        async with join(simulator, "usdm", target) as socket:
            assert await ask(socket, method="SUBSCRIBE", params=names, id=1) == {"result": None, "id": 1}
            return {json.loads(await socket.recv())["stream"] for _ in range(300)}

    async def test(simulator: Simulator) -> None:
        public, market, legacy = await asyncio.gather(
            seen(simulator, "/public/stream"), seen(simulator, "/market/stream"), seen(simulator, "/stream")
        )
        assert public == legacy == set(names[:3])
        assert market == {"btcusdt@aggTrade"}

    run(test, usdm=MarketConfig(symbols=["BTC-USDT"], rate=2000))


def test_a_stream_ends_with_unsubscribe_and_what_was_sent_is_counted() -> None:
    async def test(simulator: Simulator) -> None:
        async with join(simulator, "spot", "/ws/btcusdt@trade") as socket:
            await socket.recv()
            await ask_raw(socket, {"method": "UNSUBSCRIBE", "params": ["btcusdt@trade"], "id": 1})
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(socket.recv(), 0.2)
        counts = simulator.counts()["spot"]
        assert counts["frames_sent"] == counts["streams"]["btcusdt@trade"]["sent"] > 0
        assert counts["frames_unsent"] > 0

    async def ask_raw(socket: ClientConnection, request: dict[str, Any]) -> None:
        await socket.send(json.dumps(request))
        while json.loads(await socket.recv()) != {"result": None, "id": 1}:
            pass

    run(test, spot=MarketConfig(symbols=["BTC-USDT"], rate=1000))


def test_paths_that_do_not_exist_and_plain_http_are_refused() -> None:
    async def test(simulator: Simulator) -> None:
        for target, status in (("/nowhere", 404), ("/ws?timeUnit=MICROSECOND", 400)):
            with pytest.raises(InvalidStatus) as raised:
                await join(simulator, "spot", target)
            assert raised.value.response.status_code == status
        async with httpx2.AsyncClient() as http:
            address = simulator.addresses["spot"]["websocket"].replace("ws://", "http://")
            assert (await http.get(address + "/ws")).status_code == 426

    run(test, spot=MarketConfig())


def test_a_client_that_does_not_read_is_dropped_without_a_close_frame() -> None:
    async def test(simulator: Simulator) -> None:
        async with join(simulator, "spot", "/stream?streams=btcusdt@bookTicker/btcusdt@trade") as socket:
            socket.transport.pause_reading()
            while simulator.counts()["spot"]["connections"]["slow_readers_dropped"] == 0:
                await asyncio.sleep(0.1)
            socket.transport.resume_reading()
            assert (await closing(socket)).rcvd is None

    run(test, spot=MarketConfig(symbols=["BTC-USDT"], rate=50_000, buffer_bytes=100_000))


def test_rest_answers_weights_and_documented_errors() -> None:
    async def test(simulator: Simulator) -> None:
        async with httpx2.AsyncClient(base_url=simulator.addresses["spot"]["rest"]) as http:
            assert (await http.get("/api/v3/ping")).json() == {}
            assert "serverTime" in (await http.get("/api/v3/time")).json()
            used = 2
            for limit, weight in ((100, 5), (500, 25), (1000, 50), (5000, 250), (9999, 250)):
                answer = await http.get("/api/v3/depth", params={"symbol": "BTCUSDT", "limit": limit})
                used += weight
                assert answer.headers["X-MBX-USED-WEIGHT-1M"] == str(used)
                assert len(answer.json()["bids"]) == min(limit, len(answer.json()["bids"]))
            answer = await http.get("/api/v3/depth", params={"symbol": "NOPE"})
            assert (answer.status_code, answer.content) == (400, b'{"code":-1121,"msg":"Invalid symbol."}')
            assert (await http.get("/api/v3/depth")).json()["code"] == -1102
            bad = await http.get("/api/v3/depth", params={"symbol": "BTCUSDT", "limit": "x"})
            assert bad.json()["code"] == -1100
            info = (await http.get("/api/v3/exchangeInfo", params={"symbols": '["BTCUSDT"]'})).json()
            (symbol,) = info["symbols"]
            assert (symbol["baseAsset"], symbol["quoteAsset"], symbol["status"]) == ("BTC", "USDT", "TRADING")
            filters = {each["filterType"]: each for each in symbol["filters"]}
            assert filters["PRICE_FILTER"]["tickSize"] == "0.01000000"
            assert (await http.get("/fapi/v1/ping")).status_code == 404
        async with httpx2.AsyncClient(base_url=simulator.addresses["usdm"]["rest"]) as http:
            answer = await http.get("/fapi/v1/depth", params={"symbol": "BTCUSDT", "limit": 1000})
            assert answer.headers["X-MBX-USED-WEIGHT-1M"] == "20"
            assert {"lastUpdateId", "E", "T", "bids", "asks"} == answer.json().keys()
            answer = await http.get("/fapi/v1/depth", params={"symbol": "BTCUSDT", "limit": 7})
            assert answer.json()["code"] == -1130

    run(test, spot=MarketConfig(), usdm=MarketConfig())


def test_too_much_weight_is_429_then_418_with_retry_after() -> None:
    async def test(simulator: Simulator) -> None:
        async with httpx2.AsyncClient(base_url=simulator.addresses["usdm"]["rest"]) as http:
            answers = [
                await http.get("/fapi/v1/depth", params={"symbol": "BTCUSDT", "limit": 1000})
                for _ in range(127)
            ]
        statuses = [answer.status_code for answer in answers]
        assert statuses == [200] * 120 + [429] * 5 + [418] * 2
        assert all(int(answer.headers["Retry-After"]) >= 1 for answer in answers[120:])
        assert answers[120].json()["code"] == answers[-1].json()["code"] == -1003
        rest = simulator.counts()["usdm"]["rest"]
        assert (rest["weight"], rest["refused_429"], rest["banned_418"]) == (2400, 5, 2)

    # A clock that hardly moves: the minute does not end in the middle of the test.
    run(test, usdm=MarketConfig(symbols=["BTC-USDT"], clock_scale=0.001))


def test_faults_come_by_http_and_pass() -> None:
    async def test(simulator: Simulator) -> None:
        address = simulator.addresses["spot"]["rest"]
        depth = {"symbol": "BTCUSDT", "limit": 1000}
        async with (
            httpx2.AsyncClient(base_url=address) as http,
            join(simulator, "spot", "/stream?streams=btcusdt@depth@100ms") as socket,
        ):

            async def fault(**arguments: Any) -> None:
                assert (await http.post("/simulator/faults", json=arguments)).status_code == 200

            first = json.loads(await socket.recv())["data"]
            await fault(fault="refuse_snapshots", status=429, retry_after_s=7)
            await fault(fault="stale_snapshots")
            await fault(fault="empty_snapshots")
            refused = await http.get("/api/v3/depth", params=depth)
            assert (refused.status_code, refused.headers["Retry-After"]) == (429, "7")
            assert (await http.get("/api/v3/depth", params=depth)).json()["lastUpdateId"] < first["U"] - 1
            assert (await http.get("/api/v3/depth", params=depth)).json()["lastUpdateId"] == -1
            assert (await http.get("/api/v3/depth", params=depth)).json()["lastUpdateId"] >= first["u"]

            await fault(fault="delay_snapshots", delay_s=0.4)
            late = (await http.get("/api/v3/depth", params=depth)).json()
            now = (await http.get("/api/v3/depth", params=depth)).json()
            assert late["lastUpdateId"] < now["lastUpdateId"]

            await fault(fault="disturb", stream="btcusdt@depth@100ms", what="corrupt")
            await fault(fault="disturb", stream="btcusdt@depth@100ms", what="duplicate")
            await fault(fault="disturb", stream="btcusdt@depth@100ms", what="drop")
            while (corrupt := await socket.recv()) and _is_json(corrupt):
                pass
            twice = [await socket.recv(), await socket.recv()]
            assert twice[0] == twice[1]
            after = json.loads(await socket.recv())["data"]
            assert after["U"] > json.loads(twice[0])["data"]["u"] + 1

            await fault(fault="announce_shutdown")
            while "!serverShutdown" not in await socket.recv():
                pass
            await fault(fault="cut_connections")
            assert (await closing(socket)).rcvd is None
            wrong = await http.post("/simulator/faults", json={"fault": "nonsense"})
            assert wrong.status_code == 400
            counts = (await http.get("/simulator/counts")).json()
            assert counts["connections"]["cut"] == 1

    run(test, spot=MarketConfig(symbols=["BTC-USDT"], rate=500))


def test_a_frozen_connection_is_open_and_silent() -> None:
    async def test(simulator: Simulator) -> None:
        async with join(simulator, "spot", "/ws/btcusdt@bookTicker") as socket:
            await socket.recv()
            simulator.faults("spot").freeze_connections()
            with pytest.raises(TimeoutError):
                await read_on(socket, 0.3)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(await socket.ping(), 0.2)
            socket.transport.abort()  # a closing handshake would not be answered either

    run(test, spot=MarketConfig(symbols=["BTC-USDT"], rate=500))


@pytest.mark.parametrize("market", ["spot", "usdm"])
@pytest.mark.parametrize("combined", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_a_recording_arrives_complete_and_byte_for_byte(market: str, *, combined: bool) -> None:
    paths = [RECORDINGS / name for name in SETS[market]]
    if not paths[0].exists():
        pytest.skip(f"the recordings are not here: {RECORDINGS}")
    content = b"".join(gzip.decompress(path.read_bytes()) for path in paths)
    lines = [line.partition(b" ")[2] for line in content.splitlines()]
    frames = [line for line in lines if line.startswith(b'{"stream"')]
    (snapshot,) = (line for line in lines if not line.startswith(b'{"stream"'))
    wanted = frames if combined else [frame[frame.index(b'"data":') + 7 : -1] for frame in frames]
    route, rest = ("/public", "/fapi/v1/depth") if market == "usdm" else ("", "/api/v3/depth")

    async def test(simulator: Simulator) -> None:
        async with httpx2.AsyncClient(base_url=simulator.addresses[market]["rest"]) as http:
            body = (await http.get(rest, params={"symbol": "BTCUSDT", "limit": 1000})).content
        assert body == snapshot
        async with join(simulator, market, f"{route}/{'stream' if combined else 'ws'}") as socket:
            # Two of three are subscribed: nothing may be lost while the third is on its way.
            for number, stream in enumerate(("depth@100ms", "trade", "bookTicker")):
                answer = await ask(socket, method="SUBSCRIBE", params=[f"btcusdt@{stream}"], id=number)
                assert answer == {"result": None, "id": number}
            got = [await socket.recv(decode=False) for _ in wanted]
        assert got == wanted
        counts = simulator.counts()[market]
        assert counts["finished"]
        assert (counts["frames_sent"], counts["frames_unsent"]) == (len(frames), 0)

    files = RecordingFiles("BTC-USDT", paths)
    run(test, **{market: MarketConfig(recordings=[files], speed=math.inf)})


def test_a_recording_keeps_its_pace_times_the_speed(tmp_path: Path) -> None:
    async def test(simulator: Simulator) -> None:
        clock = asyncio.get_running_loop().time
        async with join(simulator, "spot", "/ws/btcusdt@trade") as socket:
            await socket.recv()
            start_s = clock()
            for _ in range(10):
                await socket.recv()
            assert clock() - start_s == pytest.approx(0.5, abs=0.25)

    path = tmp_path / "recording"
    book = '1723161253000000000 {"lastUpdateId":1,"bids":[["1.0","1"]],"asks":[["2.0","1"]]}\n'
    path.write_text(
        book
        + "".join(
            f'1723161253{number * 50_000_000:09d} {{"stream":"btcusdt@trade","data":{{"t":{number}}}}}\n'
            for number in range(11)
        )
    )
    run(test, spot=MarketConfig(recordings=[RecordingFiles("BTC-USDT", [path])], speed=1))


def test_playback_does_not_wait_for_ever_for_streams_nobody_wants(tmp_path: Path) -> None:
    async def test(simulator: Simulator) -> None:
        async with join(simulator, "spot", "/ws/btcusdt@trade") as socket:
            assert json.loads(await socket.recv()) == {"t": 1}
        counts = simulator.counts()["spot"]
        assert counts["streams"]["btcusdt@bookTicker"] == {"published": 1, "sent": 0, "unsent": 1}

    path = tmp_path / "recording"
    path.write_text(
        '1723161253000000000 {"lastUpdateId":1,"bids":[["1.0","1"]],"asks":[["2.0","1"]]}\n'
        '1723161253000000001 {"stream":"btcusdt@bookTicker","data":{"u":1}}\n'
        '1723161253000000002 {"stream":"btcusdt@trade","data":{"t":1}}\n'
    )
    run(test, spot=MarketConfig(recordings=[RecordingFiles("BTC-USDT", [path])], grace_s=0.1))


def test_two_recordings_of_one_symbol_are_refused(tmp_path: Path) -> None:
    async def nothing(_: Simulator) -> None: ...

    path = tmp_path / "recording"
    path.write_text(
        '1723161253000000000 {"lastUpdateId":1,"bids":[],"asks":[]}\n'
        '1723161253000000002 {"stream":"btcusdt@trade","data":{"t":1}}\n'
    )
    with pytest.raises(ConfigurationError, match="two recordings of BTC-USDT"):
        run(nothing, spot=MarketConfig(recordings=[RecordingFiles("BTC-USDT", [path])] * 2))


def test_a_port_in_use_is_said() -> None:
    async def test(simulator: Simulator) -> None:
        port = int(simulator.addresses["spot"]["rest"].rpartition(":")[2])
        other = SimulatorConfig(markets={"spot": MarketConfig(rest_port=port)})
        with pytest.raises(PortInUseError, match=str(port)):
            async with Simulator(other):
                pass

    run(test, spot=MarketConfig())


def test_the_command_serves_until_sigterm_and_prints_its_counts() -> None:
    async def test() -> None:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bookmill", "simulate", "--market", "spot", "--rate", "500", "--json"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        assert process.stdout is not None
        try:
            addresses = json.loads(await asyncio.wait_for(process.stdout.readline(), 30))
            async with connect(addresses["spot"]["websocket"] + "/ws/btcusdt@bookTicker") as socket:
                await socket.recv()
                process.send_signal(signal.SIGTERM)
                with pytest.raises(ConnectionClosed, match="1001"):
                    await read_on(socket)
            counts = json.loads(await asyncio.wait_for(process.stdout.readline(), 10))
            assert counts["spot"]["frames_sent"] > 0
            assert await asyncio.wait_for(process.wait(), 10) == 0
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    asyncio.run(test())


def test_the_command_simulates_all_exchanges_by_name() -> None:
    async def test() -> None:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bookmill", "simulate", "--exchange", "all", "--rate", "100", "--json"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        assert process.stdout is not None
        try:
            addresses = json.loads(await asyncio.wait_for(process.stdout.readline(), 30))
            assert {"spot", "usdm", "coinm"} == addresses["binance"].keys()
            coinm = addresses["binance"]["coinm"]["websocket"]
            async with connect(coinm + "/stream?streams=btcusd_perp@markPrice@1s") as socket:
                frame = json.loads(await asyncio.wait_for(socket.recv(), 10))
                assert (frame["data"]["e"], frame["data"]["st"]) == ("markPriceUpdate", 2)
            process.send_signal(signal.SIGTERM)
            counts = json.loads(await asyncio.wait_for(process.stdout.readline(), 10))
            assert counts["binance"]["coinm"]["frames_sent"] > 0
            assert counts["binance"]["spot"]["frames_sent"] == 0
            assert await asyncio.wait_for(process.wait(), 10) == 0
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    asyncio.run(test())


def _is_json(text: str | bytes) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
