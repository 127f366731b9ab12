"""What may stand in a rule, what is said of what may not, and that a stored rule is the rule."""

from __future__ import annotations

import struct
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookmill.decimals import plain_text, scaled
from bookmill.errors import ConfigurationError, FrameError
from schemas.alert_rules import KINDS, AlertRule, rule_from
from schemas.alert_store import StoredRule, decode, encode
from schemas.market_kinds import market_kind

LEVEL = {"kind": "price_crosses", "level": "65000.10"}
SMALLEST: dict[str, dict[str, Any]] = {
    "price_crosses": {"level": "1"},
    "change_percent": {"window_s": 60, "percent": "2.5"},
    "spread_bps_over": {"bps": "0"},
    "volume_spike": {"window_s": 1, "factor": "3"},
    "gap_opened": {},
    "feed_stale": {"seconds": "1.5"},
    "cross_venue": {"bps": "-1"},
}


def rule(**given: Any) -> AlertRule:
    return rule_from({"id": "r", "condition": LEVEL, **given})


def test_every_kind_can_be_made() -> None:
    assert SMALLEST.keys() == KINDS.keys()
    for kind, parameters in SMALLEST.items():
        made = rule(condition={"kind": kind, **parameters})
        assert made.condition.kind == kind
        assert decode(encode(StoredRule(made), 7)) == StoredRule(made)


@pytest.mark.parametrize(
    ("given_", "said"),
    [
        ({"condition": {"kind": "moon"}}, "No alert rule: there is no kind 'moon'. Kinds: price_crosses, "),
        ({"condition": {}}, "No alert rule: it names no kind. Kinds: "),
        ({"condition": {**LEVEL, "level": "-1"}}, "No alert rule: level: input should be greater than 0."),
        ({"condition": {**LEVEL, "level": "NaN"}}, "No alert rule: level: input should be a finite number."),
        ({"condition": {**LEVEL, "levle": "1"}}, "No alert rule: levle: extra inputs are not permitted."),
        ({"condition": {"kind": "price_crosses"}}, "No alert rule: level: field required."),
        ({"id": "Not an id"}, "No alert rule: id: string should match pattern "),
        ({"symbol": "BTC USDT"}, "No alert rule: symbol: string should match pattern "),
        ({"hysteresis": "1e-19"}, "No alert rule: hysteresis: decimal input should have no more than 18 "),
        ({"webhook": "ftp://x/"}, "No alert rule: webhook: it is no URL of http or https."),
        ({"webhook": "http://u:p@x/"}, "No alert rule: webhook: user and password are not sent"),
        ({"webhook": "http://x:port/"}, "No alert rule: webhook: it is no URL."),
        ({"webhook": "http://x/\r\nHost: y"}, "No alert rule: webhook: it is no URL of http or https."),
        (
            {"condition": {"kind": "gap_opened"}, "hysteresis": "1"},
            "No alert rule: gap_opened has no threshold that hysteresis could belong to.",
        ),
        (
            {"condition": {"kind": "cross_venue", "bps": "1"}, "exchange": "okx"},
            "No alert rule: cross_venue is about all exchanges: its exchange is *.",
        ),
        (
            {"condition": {"kind": "cross_venue", "bps": "1"}, "market": "usdm"},
            "No alert rule: the market of cross_venue is spot, perpetual, future or option.",
        ),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(given_: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError) as failure:
        rule(**given_)
    assert str(failure.value).startswith(said)


def test_stars_stand_for_any_text_of_one_part() -> None:
    made = rule(exchange="*", market="usd*", symbol="*-USDT")
    assert made.is_about("binance", "usdm", "BTC-USDT")
    assert not made.is_about("binance", "spot", "BTC-USDT")
    assert not made.is_about("binance", "usdm", "BTC-USDT-261225")
    assert not rule(symbol="B.C-USDT").is_about("x", "y", "BXC-USDT")
    assert rule(symbol="*").is_about("a", "b", "anything")


def test_a_rule_is_shown_as_it_was_given() -> None:
    shown = rule(name="Level", cooldown_s=1.5).model_dump(mode="json")
    assert shown["condition"] == {
        "kind": "price_crosses",
        "level": "65000.1",
        "direction": "both",
        "price": "trade",
    }
    assert (shown["cooldown_s"], shown["hysteresis"]) == ("1.5", "0")
    assert rule_from(shown) == rule(name="Level", cooldown_s="1.5")
    assert (rule().title, rule(name="Level").title) == ("r", "Level")


EXACT = st.decimals(0, 10**17, allow_nan=False, places=18)


@given(
    kind=st.sampled_from(sorted(SMALLEST)),
    name=st.text(max_size=50),
    hysteresis=EXACT,
    on=st.booleans(),
    changed_by=st.text(max_size=20),
    micros=st.integers(0, 2**62),
)
def test_what_is_stored_is_read_back(
    kind: str, name: str, hysteresis: Decimal, on: bool, changed_by: str, micros: int
) -> None:
    more = {} if kind in ("gap_opened", "feed_stale") else {"hysteresis": hysteresis}
    made = rule(condition={"kind": kind, **SMALLEST[kind]}, name=name, on=on, webhook="https://x/y", **more)
    stored = StoredRule(made, changed_by, micros)
    assert decode(encode(stored, 9)) == stored


@given(st.binary(max_size=200), st.booleans())
def test_arbitrary_bytes_are_a_rule_or_a_clear_refusal(data: bytes, headed: bool) -> None:
    with suppress(FrameError):
        assert isinstance(decode(struct.pack(">bI", 0, 7) + data if headed else data), StoredRule)


@given(st.integers(-(10**38) + 1, 10**38 - 1))
def test_decimals_are_scaled_ints_and_back(number: int) -> None:
    assert scaled(Decimal(plain_text(number))) == number


@pytest.mark.parametrize("text", ["1e-19", "NaN", "Infinity"])
def test_what_no_scaled_int_can_hold_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"digits|finite"):
        scaled(Decimal(text))


@pytest.mark.parametrize(
    ("market", "symbol", "kind"),
    [
        ("spot", "BTC-USDT", "spot"),
        ("usdm", "BTC-USDT", "perpetual"),
        ("swap", "BTC-USD", "perpetual"),
        ("usdm", "BTC-USDT-261225", "future"),
        ("futures", "BTC-USD-261225", "future"),
        ("option", "BTC-USD-261225-90000-C", "option"),
        ("anything", "BTC-USD-261225-90000-P", "option"),
        ("swap", "BTC-USD-USDC", "perpetual"),
    ],
)
def test_a_symbol_tells_what_is_traded(market: str, symbol: str, kind: str) -> None:
    assert market_kind(market, symbol) == kind
