"""Filters take names, in any alphabet, and refuse what can be none."""

from __future__ import annotations

import pytest

from gateway.choosing import Choice, names
from gateway.errors import ApiError


def test_names_stand_between_commas_each_once() -> None:
    assert names(" okx ,binance,,okx", "exchange") == ("okx", "binance")
    assert names("", "exchange") == ()
    assert names("币安人生-USDT,BTC-USD-271231-60000-C,1000PEPE-USDT", "symbol") == (
        "币安人生-USDT",
        "BTC-USD-271231-60000-C",
        "1000PEPE-USDT",
    )


@pytest.mark.parametrize("evil", ["';--", "okx,' OR 1=1", "<b>", "a\tb", "💥", "{x:String}"])
def test_what_can_be_no_name_is_refused_and_named(evil: str) -> None:
    with pytest.raises(ApiError, match="is no exchange") as told:
        names(evil, "exchange")
    assert (told.value.status, told.value.field) == (400, "exchange")


def test_a_thousand_names_are_enough() -> None:
    assert len(names(",".join(map(str, range(1000))), "symbol")) == 1000
    with pytest.raises(ApiError, match="1001 names"):
        names(",".join(map(str, range(1001))), "symbol")


def test_no_names_are_all_of_them() -> None:
    assert Choice().takes("okx", "spot", "BTC-USDT")
    assert Choice(symbols=("BTC-USDT",)).takes("okx", "spot", "BTC-USDT")
    assert not Choice(exchanges=("okx",), symbols=("BTC-USDT",)).takes("binance", "spot", "BTC-USDT")
