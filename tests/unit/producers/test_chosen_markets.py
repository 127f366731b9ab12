"""What ``produce`` and ``instruments`` are about: the settings, narrowed by the command line."""

from __future__ import annotations

import pytest

from bookmill.errors import ConfigurationError
from bookmill.settings import MarketSettings, Settings
from producers.app import chosen_markets

SETTINGS = Settings(
    exchanges={
        "binance": {"spot": MarketSettings(symbols=("SOL-USDT",)), "usdm": MarketSettings(enabled=False)},
        "okx": {"swap": MarketSettings()},
        "kraken": {"spot": MarketSettings(enabled=False)},
    }
)


@pytest.mark.parametrize(
    ("exchange", "markets", "chosen"),
    [
        (None, (), ["binance.spot", "okx.swap"]),
        ("okx", (), ["okx.swap"]),
        (None, ("swap",), ["okx.swap"]),
        (None, ("spot",), ["binance.spot", "kraken.spot"]),
        (None, ("usdm", "swap"), ["binance.usdm", "okx.swap"]),
        (None, ("coinm",), ["binance.coinm"]),
        ("okx", ("spot",), ["okx.spot"]),
        ("deribit", ("swap",), ["deribit.swap"]),
        ("deribit", (), ["deribit.swap", "deribit.futures", "deribit.option"]),
    ],
)
def test_what_is_named_is_collected(
    exchange: str | None, markets: tuple[str, ...], chosen: list[str]
) -> None:
    assert [".".join(key) for key in chosen_markets(SETTINGS, exchange, markets, ())] == chosen


def test_symbols_of_the_command_line_stand_in_for_those_of_the_settings() -> None:
    [market] = chosen_markets(SETTINGS, "binance", ("spot",), ["BTC-USDT"]).values()
    assert market.symbols == ("BTC-USDT",)
    [market] = chosen_markets(SETTINGS, "binance", ("spot",), []).values()
    assert market.symbols == ("SOL-USDT",)


@pytest.mark.parametrize(
    ("exchange", "markets", "sentence"),
    [
        ("okex", (), "There is no exchange 'okex'. Did you mean 'okx'?"),
        (
            "kraken",
            (),
            "The settings collect no market of kraken. Enable one under 'exchanges.kraken', or give --market.",
        ),
        (None, ("swpa",), "No exchange of the settings has a market 'swpa'. Did you mean 'swap'?"),
        (
            None,
            ("perpetual",),
            "No exchange of the settings has a market 'perpetual'. They have spot, usdm, coinm, swap, futures.",
        ),
    ],
)
def test_what_is_not_there_is_named(exchange: str | None, markets: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        chosen_markets(SETTINGS, exchange, markets, ())
    assert str(raised.value) == sentence


def test_settings_that_collect_nothing_say_so() -> None:
    with pytest.raises(
        ConfigurationError, match=r"^The settings collect no market\. Enable one under 'exchanges'"
    ):
        chosen_markets(Settings(exchanges={}), None, (), ())
