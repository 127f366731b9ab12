"""From the options of ``bookmill simulate`` to what is simulated."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from bookmill.errors import ConfigurationError
from simulator.faults import Faults, RestFaults
from simulator.hub import Hub
from simulator.serving import Options, configuration
from simulator.simulated_market import RecordingFiles


def test_without_options_both_markets_are_synthetic() -> None:
    config = configuration(Options())
    assert list(config.markets) == ["spot", "usdm"]
    assert all(market.symbols and not market.recordings for market in config.markets.values())


def test_recordings_by_name_choose_their_markets() -> None:
    config = configuration(
        Options(recordings=("spot:BTC-USDT=a.gz,b.gz", "usdm:BTC-USDT=c.gz", "spot:ETH-USDT=d"), speed="max")
    )
    assert config.markets["spot"].recordings == [
        RecordingFiles("BTC-USDT", [Path("a.gz"), Path("b.gz")]),
        RecordingFiles("ETH-USDT", [Path("d")]),
    ]
    assert config.markets["usdm"].recordings == [RecordingFiles("BTC-USDT", [Path("c.gz")])]
    assert config.markets["usdm"].speed == math.inf


def test_bare_paths_are_one_recording_of_the_one_market_and_symbol() -> None:
    config = configuration(Options(markets=("usdm",), symbols="BTC-USDT", recordings=("a.gz", "b.gz")))
    assert config.markets["usdm"].recordings == [RecordingFiles("BTC-USDT", [Path("a.gz"), Path("b.gz")])]


def test_ports_follow_each_other_from_the_given_one() -> None:
    markets = configuration(Options(port=9100)).markets
    assert [(m.websocket_port, m.rest_port) for m in markets.values()] == [(9100, 9101), (9102, 9103)]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (Options(recordings=("a.gz",)), "needs its market and symbol"),
        (Options(recordings=("BTC-USDT=a.gz",)), "names no market"),
        (Options(recordings=("spot:BTC-USDT=a.gz",), markets=("usdm",)), "leaves it out"),
        (Options(symbols="BTC-USDT", instruments=3), "exclude each other"),
        (Options(symbols=" , "), "no symbol"),
        (Options(speed="fast"), "no speed"),
        (Options(speed="-1"), "no speed"),
    ],
)
def test_options_that_do_not_go_together_are_explained(options: Options, complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        configuration(options)


@pytest.mark.parametrize(
    ("fault", "arguments", "complaint"),
    [
        ("explode", {}, "no fault 'explode'"),
        ("apply", {"fault": "x"}, "no fault 'apply'"),
        ("disturb", {"stream": "x@trade"}, "no stream 'x@trade'"),
        ("refuse_snapshots", {"often": 3}, "cannot be called so"),
    ],
)
def test_unknown_faults_are_explained(fault: str, arguments: dict[str, object], complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        Faults(Hub(), RestFaults(), tuple).apply(fault, arguments)
