"""What a demo plays, found from its options and from the recordings themselves, and what its parts are told."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from bookmill.addresses import Addresses
from bookmill.demo.choice import simulated_exchange
from bookmill.demo.exchange import Sent, SimulatedExchange
from bookmill.demo.names import environment, markets, needs_platform, simulated
from bookmill.demo.recordings import Played, identify
from bookmill.errors import BookmillError, ConfigurationError, RecordingError
from bookmill.settings import ClickHouseSettings, KafkaSettings, MarketSettings, Settings

SPOT = b'1723161256000000000 {"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","U":1,"u":2}}\n'
USDM = b'1723161256000000000 {"stream":"ethfdusd@depth@0ms","data":{"e":"depthUpdate","U":1,"u":2,"pu":0}}\n'
TRADE = b'1723161256000000000 {"stream":"solusdt@trade","data":{"e":"trade"}}\n'


def exchange(**options: object) -> SimulatedExchange:
    values: dict[str, object] = {
        "markets": (), "symbols": None, "rate": 200, "seed": 1, "recordings": (), "speed": "1",
    }  # fmt: skip
    return simulated_exchange(**(values | options))  # type: ignore[arg-type]


def test_frames_tell_market_and_symbol(tmp_path: Path) -> None:
    spot, usdm = tmp_path / "a.gz", tmp_path / "b"
    spot.write_bytes(
        gzip.compress(b'1723161256000000000 {"lastUpdateId":1}\n' + TRADE.replace(b"sol", b"btc") + SPOT)
    )
    usdm.write_bytes(USDM)
    assert identify([spot, usdm]) == (
        Played("spot", "BTC-USDT", (spot,)),
        Played("usdm", "ETH-FDUSD", (usdm,)),
    )


def test_files_of_one_instrument_are_one_recording_in_the_order_given(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("2", "1")]
    for file in files:
        file.write_bytes(SPOT)
    (played,) = identify(files)
    assert played.option == f"spot:BTC-USDT={tmp_path}/2,{tmp_path}/1"


def test_where_the_frames_do_not_tell_the_folder_does(tmp_path: Path) -> None:
    folder = tmp_path / "binance-usdm"
    folder.mkdir()
    (folder / "x").write_bytes(TRADE)
    assert identify([folder / "x"])[0].market == "usdm"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"root:x:0:0:\n", "is no recording of Binance frames"),
        (gzip.compress(SPOT, mtime=0)[:-10], "is damaged"),
        (TRADE, "does not tell its market"),
        (SPOT.replace(b"btcusdt", b"btcxyz"), "ends with no quote asset known here"),
    ],
)
def test_what_cannot_be_played_is_said_in_a_sentence(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(RecordingError, match=said):
        identify([tmp_path / "x"])


def test_a_recording_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="does not exist"):
        identify([tmp_path / "x"])
    with pytest.raises(RecordingError, match="cannot be read"):
        identify([tmp_path])


@pytest.mark.parametrize(
    "options",
    [
        {"symbols": "btc"},
        {"symbols": ","},
        {"speed": "fast"},
        {"speed": "0"},
        {"speed": "nan"},
        {"recordings": ("x",), "markets": ("spot", "usdm")},
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(BookmillError):
        exchange(**options)


def test_the_simulator_gets_what_was_chosen() -> None:
    chosen = exchange(markets=("usdm",), symbols="BTC-USDT, BTC-USDT,SOL-USDT", rate=5000.0, seed=7)
    arguments = " ".join(chosen.arguments())
    assert "--market usdm --symbols BTC-USDT,SOL-USDT --rate 5000.0 --seed 7" in arguments
    websocket, rest = chosen.addresses("binance.usdm")
    assert int(rest.rpartition(":")[2]) == int(websocket.rpartition(":")[2]) + 1


def test_a_demo_collects_only_what_it_simulates() -> None:
    settings = Settings(
        exchanges={
            "binance": {"spot": MarketSettings(), "usdm": MarketSettings()},
            "okx": {"swap": MarketSettings()},
        }
    )
    chosen = simulated(settings, exchange(markets=("usdm",), symbols="SOL-USDT"))
    assert markets(chosen) == [("binance", "usdm")]
    market = chosen.exchanges["binance"]["usdm"]
    assert market.symbols == ("SOL-USDT",)
    assert (market.websocket_url or "").startswith("ws://127.0.0.1:")


def test_simulated_data_stays_apart_from_real_data() -> None:
    def names(settings: Settings) -> tuple[str, str]:
        chosen = simulated(settings, exchange())
        return chosen.kafka.topic_prefix, chosen.clickhouse.database

    foreign, named = (
        ClickHouseSettings(url="http://db:8123"),
        ClickHouseSettings(url="http://db:8123", database="try"),
    )
    assert names(Settings()) == ("demo.", "market")
    assert names(Settings(clickhouse=foreign)) == ("demo.", "demo")
    assert names(Settings(kafka=KafkaSettings(topic_prefix="try."), clickhouse=named)) == ("try.", "try")


def test_the_parts_read_back_what_they_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = simulated(Settings(), exchange())
    addresses = Addresses("127.0.0.1:1", "http://127.0.0.1:2", "http://127.0.0.1:3")
    for name, value in environment(chosen, addresses, gateway_port=8444).items():
        monkeypatch.setenv(name, value)
    told = Settings()
    assert told.exchanges == chosen.exchanges
    assert not needs_platform(told)
    assert (told.gateway.port, told.worker.book_updates) == (8444, True)


def test_without_a_gateway_nobody_pays_for_book_updates() -> None:
    addresses = Addresses("127.0.0.1:1", "http://127.0.0.1:2", "http://127.0.0.1:3")
    assert not [
        name
        for name in environment(Settings(), addresses, gateway_port=None)
        if "GATEWAY" in name or "UPDATES" in name
    ]


def test_what_a_killed_exchange_had_sent_is_kept() -> None:
    chosen = exchange(markets=("spot",))

    def counts(sent: int) -> dict[str, object]:
        return {"frames_sent": sent, "rest": {"snapshots": 1}, "finished": True}

    chosen.ask(lambda _: counts(100))
    chosen.ask(lambda _: None)
    chosen.began_anew()
    chosen.ask(lambda _: counts(20))
    assert chosen.sent("binance.spot") == Sent(120, 2, finished=True)
    assert not chosen.finished  # only recordings come to an end


def test_the_last_words_of_the_exchange_are_its_final_counts(tmp_path: Path) -> None:
    chosen = exchange(markets=("spot",))
    final = {"spot": {"frames_sent": 7, "rest": {"snapshots": 1}, "finished": True}}
    log = tmp_path / "exchange.log"
    log.write_text("something else\n" + json.dumps(final) + "\n", encoding="utf-8")
    chosen.read_last_words(log)
    assert chosen.sent("binance.spot").frames == 7
    log.write_text("killed\n", encoding="utf-8")
    chosen.read_last_words(log)
    assert chosen.sent("binance.spot").frames == 7


def test_more_than_one_symbol_for_recordings_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="can name one only"):
        exchange(recordings=("x",), symbols="BTC-USDT,ETH-USDT")
