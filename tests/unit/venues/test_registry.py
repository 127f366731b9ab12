"""Venues by name, and what the settings may want of them: what is wrong is one sentence that names the nearest."""

from __future__ import annotations

from typing import Any

import pytest

from bookmill.errors import ConfigurationError
from bookmill.settings import MarketSettings
from venues.interface import CHANNELS, StreamOptions
from venues.intervals import nearest
from venues.registry import VENUES, exchanges, require_exchange, venue

NAMES = [name.split(".") for name in VENUES]


def choose(exchange: str, market: str, **chosen: Any) -> None:
    venue(exchange, market, chosen=MarketSettings(**chosen))


@pytest.mark.parametrize(("exchange", "market"), NAMES)
def test_a_venue_is_what_its_name_says_and_serves_the_default_settings(exchange: str, market: str) -> None:
    made = venue(exchange, market, chosen=MarketSettings())
    assert (made.exchange, made.market) == (exchange, market)
    assert market in exchanges()[exchange]
    assert made.channels <= set(CHANNELS)


@pytest.mark.parametrize(("exchange", "market"), NAMES)
def test_bars_are_named_where_there_are_bars_and_each_can_be_subscribed_to(
    exchange: str, market: str
) -> None:
    made = venue(exchange, market)
    assert bool(made.kline_intervals) == ("klines" in made.channels)
    for interval in made.kline_intervals:
        plans = made.plan(["BTC-USD"], StreamOptions(("klines",), kline_intervals=(interval,)))
        assert sum(plan.streams for plan in plans) == 1, interval
    assert not made.plan(["BTC-USD"], StreamOptions(("klines",), kline_intervals=("7m",)))


@pytest.mark.parametrize(
    ("exchange", "market", "sentence"),
    [
        ("okex", "spot", "There is no venue 'okex.spot'. Did you mean 'okx.spot'?"),
        ("okx", "swp", "There is no venue 'okx.swp'. Did you mean 'okx.swap'?"),
        ("okx", "perpetual", "There is no venue 'okx.perpetual'. okx has spot, swap, futures."),
        ("binance", "sport", "There is no venue 'binance.sport'. Did you mean 'binance.spot'?"),
    ],
)
def test_an_unknown_venue_is_named_with_the_nearest(exchange: str, market: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        venue(exchange, market)
    assert str(raised.value) == sentence


def test_an_exchange_nothing_is_like_is_named_with_all_there_are() -> None:
    require_exchange("deribit")
    with pytest.raises(ConfigurationError, match=r"no exchange 'krakn'\. Did you mean 'kraken'\?"):
        require_exchange("krakn")
    with pytest.raises(ConfigurationError, match=r"no exchange 'x'\. Known are binance, okx, "):
        require_exchange("x")


@pytest.mark.parametrize(
    ("market", "interval", "hint"),
    [
        ("okx.spot", "60min", "Did you mean '1h'?"),
        ("kraken.spot", "1H", "Did you mean '1h'?"),
        ("binance.spot", "1minute", "Did you mean '1m'?"),
        ("deribit.swap", "hourly", "deribit.swap has 1m, 3m, 5m, 10m, 15m, 30m, 1h, 2h, 3h, 6h, 12h, 1d."),
        ("coinbase.spot", "1min", "Did you mean '1m'?"),
        ("coinbase.spot", "hourly", "coinbase.spot has none."),
    ],
)
def test_bars_that_no_exchange_has_are_named_with_the_nearest(market: str, interval: str, hint: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        choose(*market.split("."), kline_intervals=("1m", interval))
    assert raised.value.message == (
        f"Setting 'exchanges.{market}.kline_intervals' is wrong: no exchange has bars of '{interval}'."
    )
    assert raised.value.hint == hint


def test_bars_that_only_others_have_are_passed_over() -> None:
    choose("kraken", "spot", kline_intervals=("3m", "1M"))
    choose("coinbase-advanced", "spot", kline_intervals=("1m",))


def test_a_market_of_which_nothing_would_be_collected_is_named() -> None:
    with pytest.raises(ConfigurationError) as raised:
        choose("okx", "spot", channels=("derivatives", "liquidations"))
    assert str(raised.value) == (
        "okx.spot has none of the channels in 'exchanges.okx.spot.channels'. It has book, best, trades, ticker, klines."
    )
    with pytest.raises(ConfigurationError, match=r"none of the bars in .* It has 5m\."):
        choose("coinbase-advanced", "spot", channels=("klines", "derivatives"), kline_intervals=("1m",))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("60m", "1h"),
        ("1 day", "1d"),
        ("24h", "1d"),
        ("7m", "5m"),
        ("1month", "1M"),
        ("90s", "1m"),
        ("0m", None),
        ("m", None),
        ("", None),
    ],
)
def test_the_nearest_bar_is_that_of_about_the_length(text: str, found: str | None) -> None:
    assert nearest(text, ("1m", "5m", "1h", "1d", "1M")) == found


@pytest.mark.parametrize("named", ["agora.spot", "agora=x:Y", "agora.spot=nowhere"])
def test_a_name_in_the_environment_that_says_nothing_is_named(
    monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    monkeypatch.setenv("BOOKMILL_ADAPTERS", f"{named}, ")
    with pytest.raises(ConfigurationError, match=f"BOOKMILL_ADAPTERS has '{named}'"):
        venue("binance", "spot")


@pytest.mark.parametrize("where", ["no_such_module:Agora", "venues.adapter:Agora"])
def test_an_adapter_that_cannot_be_loaded_is_named(monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    monkeypatch.setenv("BOOKMILL_ADAPTERS", f"agora.spot={where}")
    with pytest.raises(ConfigurationError, match=f"The adapter of agora.spot, {where}, cannot be loaded"):
        venue("agora", "spot")


def test_a_key_for_an_exchange_that_asks_for_none_is_said_to_be_of_no_use() -> None:
    with pytest.raises(ConfigurationError, match=r"okx\.spot asks for no key") as raised:
        venue("okx", "spot", chosen=MarketSettings.model_validate({"api_key": "secret"}))
    assert "secret" not in raised.value.message
    assert venue("binance", "usdm", chosen=MarketSettings.model_validate({"api_key": "secret"}))
