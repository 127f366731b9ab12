"""The simulated Deribit's connections: answers and errors in the documents' words, heartbeats, credits, and how a socket dies."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bookmill.errors import ConfigurationError
from simulator import deribit
from simulator.deribit_feed import DeribitFeed
from simulator.deribit_session import DeribitSession
from simulator.dialect import Close, HandshakeRefusedError
from simulator.hub import Hub
from simulator.live import LiveMarket

START_MS = 1_790_133_840_000
TEST_REQUEST = b'{"params":{"type":"test_request"},"method":"heartbeat","jsonrpc":"2.0"}'
HEARTBEAT = b'{"params":{"type":"heartbeat"},"method":"heartbeat","jsonrpc":"2.0"}'


class Client:
    """Stands for a connection, and for the clock of the exchange's side of it."""

    def __init__(self, market: str = "swap", symbols: tuple[str, ...] = ()) -> None:
        self.now_s = 1000.0
        self.hub = Hub()
        self.dialect = {"swap": deribit.swap, "futures": deribit.futures, "option": deribit.option}[market]()
        names = symbols or self.dialect.default_symbols
        self.live = LiveMarket(
            [self.dialect.instrument(name) for name in names], self.dialect, self.hub, rate=500, seed=1
        )
        self.session = DeribitSession(self, self.hub, self.dialect._feeds, lambda: self.now_s)
        self.frames: list[dict[str, Any]] = []
        self.texts: list[bytes] = []
        self._rounds = 0
        self._quiet_since_s = self._silent_since_s = self.now_s

    def queue(self, envelope: bytes, data_start: int) -> None:
        self.texts.append(self.session.frame(envelope, data_start))
        self._quiet_since_s = self.now_s

    def flush(self) -> None: ...

    async def writable(self) -> None: ...

    def say(self, message: str) -> list[dict[str, Any]]:
        self._silent_since_s = self._quiet_since_s = self.now_s
        texts = self.session.receive(message.encode())
        self.texts += texts[1:]
        return [json.loads(text) for text in texts]

    def ask(self, method: str, request_id: int = 7, **params: Any) -> Any:
        """The answer's result, or its error."""
        first = self.say(
            json.dumps({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params})
        )[0]
        assert first["id"] == request_id
        return first.get("result", first.get("error"))

    def subscribe(self, *channels: str) -> Any:
        return self.ask("public/subscribe", channels=list(channels))

    def trade_for(self, seconds: float) -> None:
        for _ in range(round(seconds * 100)):
            self.live.tick(START_MS + self._rounds * 10)
            self._rounds += 1

    def pass_time(self, seconds: float) -> list[bytes | Close]:
        """What the exchange does by itself meanwhile, until it closes."""
        said: list[bytes | Close] = []
        for _ in range(round(seconds * 4)):
            self.now_s += 0.25
            for each in self.session.tick(
                self.now_s - self._silent_since_s, self.now_s - self._quiet_since_s
            ):
                said.append(each)
                self._quiet_since_s = self.now_s
                if isinstance(each, Close):
                    return said
        return said

    def feed(self, wire: str) -> DeribitFeed:
        return self.dialect._feeds[wire]

    def data(self, channel: str) -> list[Any]:
        frames = [json.loads(text) for text in self.texts]
        return [frame["params"]["data"] for frame in frames if frame["params"]["channel"] == channel]


@pytest.fixture
def client() -> Client:
    return Client()


BOOK, TRADES, TICKER = "book.BTC-PERPETUAL.100ms", "trades.BTC-PERPETUAL.100ms", "ticker.BTC-PERPETUAL.100ms"


# ---- subscriptions


def test_channels_nobody_knows_are_left_out_of_the_answer_without_a_word(client: Client) -> None:
    asked = [BOOK, "book.NO-SUCH.100ms", "nonsense", TRADES, "book.BTC-PERPETUAL.none.20.100ms"]
    assert client.subscribe(*asked) == [TRADES, BOOK]  # not in the order of asking


def test_an_answer_has_the_exchanges_envelope(client: Client) -> None:
    text = '{"jsonrpc":"2.0","id":12,"method":"public/test","params":{}}'
    [answer] = client.say(text)
    assert set(answer) == {"jsonrpc", "id", "result", "usIn", "usOut", "usDiff", "testnet"}
    assert (answer["id"], answer["testnet"]) == (12, False)


def test_a_book_begins_with_every_level_behind_the_answer(client: Client) -> None:
    client.trade_for(1)
    request = {
        "jsonrpc": "2.0",
        "id": 3,
        "method": "public/subscribe",
        "params": {"channels": [BOOK, TICKER]},
    }
    answer, ticker, image = client.say(json.dumps(request))
    assert answer["result"] == [TICKER, BOOK]
    assert ticker["params"]["channel"] == TICKER
    data, truth = image["params"]["data"], client.feed("BTC-PERPETUAL").truth()
    assert (data["type"], data["change_id"]) == ("snapshot", truth.update_id)
    assert "prev_change_id" not in data
    assert (len(data["bids"]), len(data["asks"])) == (len(truth.bids), len(truth.asks))
    assert {level[0] for level in data["bids"] + data["asks"]} == {"new"}


def test_a_snapshot_may_name_null(client: Client) -> None:
    client.feed("BTC-PERPETUAL").scenario("null_predecessor")
    client.subscribe(BOOK)
    assert client.data(BOOK)[0]["prev_change_id"] is None


def test_subscribing_again_is_acknowledged_and_brings_no_snapshot(client: Client) -> None:
    client.subscribe(BOOK)
    client.trade_for(1)
    assert client.subscribe(BOOK) == [BOOK]
    client.trade_for(1)
    kinds = [data["type"] for data in client.data(BOOK)]
    assert (kinds[0], set(kinds[1:])) == ("snapshot", {"change"})


def test_leaving_first_brings_a_snapshot_that_the_changes_go_on_from(client: Client) -> None:
    client.subscribe(BOOK)
    client.trade_for(1)
    assert client.ask("public/unsubscribe", channels=[BOOK, "book.NO-SUCH.100ms"]) == [BOOK]
    before = len(client.data(BOOK))
    client.trade_for(1)
    assert len(client.data(BOOK)) == before
    client.subscribe(BOOK)
    client.trade_for(1)
    image, *changes = client.data(BOOK)[before:]
    assert image["type"] == "snapshot"
    last_id = image["change_id"]
    for change in changes:
        assert change["prev_change_id"] == last_id
        last_id = change["change_id"]
    assert client.ask("public/unsubscribe", channels=["book.NO-SUCH.100ms"]) == []
    assert client.ask("public/unsubscribe_all") == "ok"
    before = len(client.texts)
    client.trade_for(1)
    assert len(client.texts) == before


def test_raw_is_for_those_who_log_in(client: Client) -> None:
    error = client.subscribe(BOOK, "trades.BTC-PERPETUAL.raw")
    assert error == {"code": 13778, "message": "raw_subscriptions_not_available_for_unauthorized"}
    client.trade_for(1)
    assert client.texts == []


@pytest.mark.parametrize(
    ("message", "code", "word", "data"),
    [
        ("{", 11050, "bad_request", "invalid json"),
        ("[]", -32600, "Invalid Request", None),
        ('{"id":1}', -32600, "Invalid Request", None),
        ('{"id":1,"method":"public/no_such"}', -32601, "Method not found", None),
        (
            '{"id":1,"method":"private/get_positions"}',
            13009,
            "unauthorized",
            {"reason": "missing_access_token"},
        ),
        (
            '{"id":1,"method":"public/set_heartbeat","params":{"interval":9}}',
            -32602,
            "Invalid params",
            {"reason": "must be at least 10", "param": "interval"},
        ),
        (
            '{"id":1,"method":"public/subscribe","params":{"channels":"all"}}',
            -32602,
            "Invalid params",
            {"reason": "must be an array of strings", "param": "channels"},
        ),
        (
            '{"id":1,"method":"public/ticker","params":{"instrument_name":"NO-SUCH"}}',
            13020,
            "not_found",
            {"reason": "instrument not found"},
        ),
    ],
)
def test_errors_have_a_code_and_a_word(client: Client, message: str, code: int, word: str, data: Any) -> None:
    [answer] = client.say(message)
    expected = {"code": code, "message": word}
    assert answer["error"] == (expected if data is None else {**expected, "data": data})
    assert ("id" in answer) is message.startswith('{"id"')


def test_more_than_500_channels_in_one_call_are_refused(client: Client) -> None:
    names = [f"book.N{number}.100ms" for number in range(500)]
    assert client.subscribe(*names) == []
    assert client.subscribe(*names, BOOK)["code"] == -32602


# ---- what keeps a connection alive


def test_a_heartbeat_brings_test_requests_and_answering_them_keeps_it(client: Client) -> None:
    assert client.ask("public/set_heartbeat", interval=10) == "ok"
    for _ in range(10):
        assert client.pass_time(10) == [HEARTBEAT, TEST_REQUEST]
        assert client.ask("public/test") == {"version": "1.2.26"}


def test_a_test_request_without_an_answer_closes_ten_seconds_later(client: Client) -> None:
    client.ask("public/set_heartbeat", interval=30)
    assert client.pass_time(30) == [HEARTBEAT, TEST_REQUEST]
    assert client.pass_time(9.75) == []
    client.ask("public/get_time")  # any other call is no answer
    assert client.pass_time(0.25) == [Close(4000, "heartbeat close")]


def test_a_busy_socket_sees_test_requests_only(client: Client) -> None:
    client.ask("public/set_heartbeat", interval=10)
    client.subscribe(BOOK)
    client.pass_time(5)
    client.trade_for(1)
    assert client.pass_time(5) == [TEST_REQUEST]


def test_without_subscription_or_heartbeat_an_idle_socket_dies_after_a_minute(client: Client) -> None:
    client.pass_time(30)
    client.ask("public/test")
    assert client.pass_time(59.75) == []
    assert client.pass_time(0.25) == [Close(1006)]


def test_a_subscription_or_a_heartbeat_keeps_a_quiet_socket(client: Client) -> None:
    client.subscribe(BOOK)
    assert client.pass_time(600) == []
    client.ask("public/unsubscribe_all")
    client.ask("public/set_heartbeat", interval=600)
    assert client.pass_time(599) == []
    assert client.ask("public/disable_heartbeat") == "ok"
    client.pass_time(59)
    assert client.pass_time(1) == [Close(1006)]


def test_ten_subscriptions_at_once_then_three_a_second_or_out(client: Client) -> None:
    for _ in range(10):
        assert client.subscribe(BOOK) == [BOOK]
    client.now_s += 0.31
    assert client.subscribe(BOOK) == [BOOK]
    assert client.subscribe(BOOK) == {"code": 10028, "message": "too_many_requests"}
    assert client.pass_time(1) == [Close(1006)]


def test_other_calls_are_twenty_a_second(client: Client) -> None:
    answers = [client.ask("public/test") for _ in range(101)]
    assert [answer.get("code") for answer in answers] == [None] * 100 + [10028]


def test_the_33rd_connection_is_refused() -> None:
    dialect, hub = deribit.swap(), Hub()
    clients = [Client() for _ in range(33)]
    for number, one in enumerate(clients):
        if number == 32:
            with pytest.raises(HandshakeRefusedError) as refused:
                dialect.open("/ws/api/v2", one, hub)
            assert refused.value.status == 429
        else:
            dialect.open("/ws/api/v2", one, hub)
            hub.join(one)


@pytest.mark.parametrize("target", ["/", "/ws", "/ws/api/v1"])
def test_other_paths_are_refused(target: str) -> None:
    client = Client()
    with pytest.raises(HandshakeRefusedError):
        client.dialect.open(target, client, Hub())


def test_no_shutdown_is_announced(client: Client) -> None:
    assert client.session.shutdown_notice(7) is None


# ---- names


@pytest.mark.parametrize(
    ("market", "symbol", "wire"),
    [
        ("swap", "BTC-USD", "BTC-PERPETUAL"),
        ("swap", "BTC-USDC", "BTC_USDC-PERPETUAL"),
        ("futures", "BTC-USD-271231", "BTC-31DEC27"),
        ("futures", "ETH-USDC-260306", "ETH_USDC-6MAR26"),
        ("option", "BTC-USD-210924-40000-P", "BTC-24SEP21-40000-P"),
        ("option", "XRP-USDC-251226-0.5-C", "XRP_USDC-26DEC25-0d5-C"),
    ],
)
def test_names_are_the_exchanges(market: str, symbol: str, wire: str) -> None:
    assert Client(market).dialect.wire(symbol) == wire


@pytest.mark.parametrize(
    ("market", "symbol"),
    [
        ("swap", "BTC-USD-271231"),
        ("futures", "BTC-USD"),
        ("futures", "BTC-USD-271331"),
        ("futures", "BTC-USD-271231-60000-C"),
        ("option", "BTC-USD-271231"),
        ("option", "btc"),
    ],
)
def test_symbols_of_another_market_are_refused(market: str, symbol: str) -> None:
    with pytest.raises(ConfigurationError):
        Client(market).dialect.instrument(symbol)


def test_an_unknown_scenario_names_the_known_ones(client: Client) -> None:
    with pytest.raises(ConfigurationError, match="lose_changes"):
        client.feed("BTC-PERPETUAL").scenario("no_such")
