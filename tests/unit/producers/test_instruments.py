"""Symbols of the settings against what the exchange has."""

from __future__ import annotations

from producers.instruments import choose
from venues.messages import Instrument


def instrument(base: str, quote: str) -> Instrument:
    return Instrument(base + quote, f"{base}-{quote}", base, quote, tick=1, lot=1, trading=True)


OFFERED = [instrument("BTC", "USDT"), instrument("ETH", "USDT"), instrument("ETH", "BTC")]


def test_both_spellings_in_any_case_are_one_instrument() -> None:
    choice = choose(["BTC-USDT", "btcusdt", " eth-btc "], OFFERED, "binance.spot")
    assert [one.wire_symbol for one in choice.instruments] == ["BTCUSDT", "ETHBTC"]
    assert not choice.unknown


def test_an_unknown_symbol_is_named_with_the_nearest_and_the_others_stay() -> None:
    choice = choose(["BTC-USDX", "ETH-USDT"], OFFERED, "binance.spot")
    assert [one.symbol for one in choice.instruments] == ["ETH-USDT"]
    assert choice.unknown == {
        "BTC-USDX": "binance.spot has no instrument 'BTC-USDX'. Did you mean 'BTC-USDT'?"
    }


def test_nothing_near_is_not_guessed() -> None:
    assert choose(["QQQ"], OFFERED, "binance.spot").unknown == {
        "QQQ": "binance.spot has no instrument 'QQQ'."
    }
