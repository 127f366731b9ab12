"""Binance's control messages, answers and errors in the words of its documents, and what flows on which route."""

from __future__ import annotations

import json
from typing import Any

import pytest

from simulator import binance
from simulator.binance import BinanceDialect
from simulator.dialect import HandshakeRefusedError
from simulator.hub import Hub


class Client:
    """Stands for a connection: keeps what it is sent, in the form its session is in."""

    def __init__(self, dialect: BinanceDialect, target: str, hub: Hub | None = None) -> None:
        self.hub = hub or Hub()
        self.frames: list[bytes] = []
        self.session = dialect.open(target, self, self.hub)

    def queue(self, envelope: bytes, data_start: int) -> None:
        self.frames.append(envelope if self.session.combined else envelope[data_start:-1])

    def flush(self) -> None: ...

    async def writable(self) -> None: ...

    def say(self, message: str) -> str:
        (answer,) = self.session.receive(message.encode())
        return answer.decode()

    def ask(self, **request: Any) -> str:
        return self.say(json.dumps(request, separators=(",", ":")))


@pytest.fixture
def client() -> Client:
    return Client(binance.spot(), "/ws")


def test_each_method_is_acknowledged_as_documented(client: Client) -> None:
    assert client.ask(method="SUBSCRIBE", params=["btcusdt@trade", "x@y"], id=1) == '{"result":null,"id":1}'
    listed = client.ask(method="LIST_SUBSCRIPTIONS", id=3)
    assert listed == '{"result":["btcusdt@trade","x@y"],"id":3}'
    assert client.ask(method="UNSUBSCRIBE", params=["x@y"], id="a1") == '{"result":null,"id":"a1"}'
    assert client.ask(method="LIST_SUBSCRIPTIONS", id=None) == '{"result":["btcusdt@trade"],"id":null}'
    assert client.ask(method="GET_PROPERTY", params=["combined"], id=2) == '{"result":false,"id":2}'
    assert client.ask(method="SET_PROPERTY", params=["combined", True], id=5) == '{"result":null,"id":5}'
    assert client.ask(method="GET_PROPERTY", params=["combined"], id=2) == '{"result":true,"id":2}'


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        (
            '{"method":"GET_PROPERTY","params":["speed"],"id":9}',
            '{"code":0,"msg":"Unknown property","id":9}',
        ),
        (
            '{"method":"SET_PROPERTY","params":["combined","yes"],"id":9}',
            '{"code":1,"msg":"Invalid value type: expected Boolean"}',
        ),
        (
            '{"method":"SET_PROPERTY","params":[7,true],"id":9}',
            '{"code":2,"msg":"Invalid request: property name must be a string"}',
        ),
        (
            '{"method":"SUBSCRIBE","params":["a@trade"],"id":1.5}',
            '{"code":2,"msg":"Invalid request: request ID must be an unsigned integer"}',
        ),
        (
            '{"method":"SUBSCRIBE","params":["a@trade"],"id":"not alphanumeric"}',
            '{"code":2,"msg":"Invalid request: request ID must be an unsigned integer"}',
        ),
        (
            '{"method":"SUBSCRIBES","id":1}',
            '{"code":2,"msg":"Invalid request: unknown variant `SUBSCRIBES`, expected one of `SUBSCRIBE`, '
            '`UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, `SET_PROPERTY`, `GET_PROPERTY` at line 1 column 22"}',
        ),
        (
            '{"method":"GET_PROPERTY","params":["combined","more"],"id":1}',
            '{"code":2,"msg":"Invalid request: too many parameters"}',
        ),
        (
            '{"params":["a@trade"],"id":1}',
            '{"code":2,"msg":"Invalid request: missing field `method` at line 1 column 29"}',
        ),
        ("hello", '{"code":3,"msg":"Invalid JSON: expected value at line 1 column 1"}'),
    ],
)
def test_errors_are_the_documented_ones(client: Client, message: str, answer: str) -> None:
    assert client.say(message) == answer


def test_no_more_than_1024_streams_a_connection(client: Client) -> None:
    streams = [f"s{number}@trade" for number in range(1024)]
    assert client.ask(method="SUBSCRIBE", params=streams, id=1) == '{"result":null,"id":1}'
    assert "too many parameters" in client.ask(method="SUBSCRIBE", params=["one@trade"], id=2)
    with pytest.raises(HandshakeRefusedError):
        Client(binance.spot(), "/stream?streams=" + "/".join([*streams, "one@trade"]))


def test_raw_and_combined_connections_get_the_same_bytes_of_data() -> None:
    hub, dialect = Hub(), binance.spot()
    channel = hub.channel("a@trade")
    raw = Client(dialect, "/ws/a@trade", hub)
    combined = Client(dialect, "/stream?streams=a@trade/a@depth", hub)
    channel.publish(channel.envelope('{"t" : 1}'))
    assert raw.frames == [b'{"t" : 1}']
    assert combined.frames == [b'{"stream":"a@trade","data":{"t" : 1}}']


@pytest.mark.parametrize(
    ("target", "flowing"),
    [
        ("/public/ws", {"a@depth@100ms", "a@bookTicker", "a@trade"}),
        ("/ws", {"a@depth@100ms", "a@bookTicker", "a@trade"}),
        ("/market/ws", {"a@aggTrade", "a@markPrice@1s"}),
    ],
)
def test_usdm_routes_acknowledge_everything_and_deliver_their_own(target: str, flowing: set[str]) -> None:
    client = Client(binance.usdm(), target)
    names = ["a@depth@100ms", "a@bookTicker", "a@trade", "a@aggTrade", "a@markPrice@1s"]
    channels = [client.hub.channel(name) for name in names]
    assert client.ask(method="SUBSCRIBE", params=names, id=1) == '{"result":null,"id":1}'
    assert json.loads(client.ask(method="LIST_SUBSCRIPTIONS", id=2))["result"] == names
    assert {channel.name for channel in channels if channel.subscribers} == flowing


def test_a_recorded_depth_stream_answers_to_its_present_name_and_comes_once() -> None:
    hub, dialect = Hub(), binance.usdm()
    channel = dialect.recorded_channel("a@depth@0ms", hub)
    client = Client(dialect, "/public/stream?streams=a@depth@100ms/a@depth@0ms", hub)
    channel.publish(channel.envelope("{}"))
    assert len(client.frames) == 1
    client.ask(method="UNSUBSCRIBE", params=["a@depth@0ms"], id=1)
    channel.publish(channel.envelope("{}"))
    assert len(client.frames) == 2
    client.ask(method="UNSUBSCRIBE", params=["a@depth@100ms"], id=1)
    channel.publish(channel.envelope("{}"))
    assert (len(client.frames), channel.sent, channel.unsent) == (2, 2, 1)


def test_the_shutdown_notice_has_two_forms() -> None:
    raw, combined = Client(binance.spot(), "/ws"), Client(binance.spot(), "/stream")
    assert raw.session.shutdown_notice(7) == b'{"e":"serverShutdown","E":7}'
    assert (
        combined.session.shutdown_notice(7)
        == b'{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":7}}'
    )


@pytest.mark.parametrize("target", ["/", "/wss", "/private/ws", "/ws/a@trade?timeUnit=MICROSECOND"])
def test_other_paths_are_refused(target: str) -> None:
    with pytest.raises(HandshakeRefusedError):
        Client(binance.spot(), target)
