"""What clients say: understood, or answered with the reason, whatever it is."""

from __future__ import annotations

import contextlib
import fnmatch
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ApiError, error_form
from gateway.sockets.protocol import (
    CHANNELS,
    RATES,
    OfSymbol,
    Ping,
    Subscribe,
    Unsubscribe,
    matches,
    number_of,
    read,
    step_down,
)

BTC = "binance.spot.BTC-USDT"


def said(op: str, channel: str, **more: Any) -> str:
    return json.dumps({"op": op, "channel": channel, **more})


@pytest.mark.parametrize(
    ("text", "request_"),
    [
        (
            said("subscribe", "book", instrument=BTC, depth=50, rate=5, id=1),
            Subscribe("book", BTC, 50, 5.0, 1),
        ),
        ('  {"op":"subscribe","channel":"trades","instrument":"*"}', Subscribe("trades", "*")),
        ('{"op":"subscribe","channel":"status"}', Subscribe("status")),
        (
            said("unsubscribe", "book", instrument=BTC, sid=7, id="x"),
            Unsubscribe("book", BTC, 7, "x"),
        ),
        ('{"op":"ping","id":3,"more":true}', Ping(3)),
        ("ping", Ping()),
        ("subscribe:BTCUSDT", OfSymbol("BTCUSDT", subscribe=True)),
        ("unsubscribe:BTC-USDT\n", OfSymbol("BTC-USDT", subscribe=False)),
        (f"subscribe:trades:{BTC}", Subscribe("trades", BTC)),
        ("subscribe:alerts", Subscribe("alerts")),
        ("unsubscribe:consolidated:BTC-USDT", Unsubscribe("consolidated", "BTC-USDT")),
    ],
)
def test_both_forms_are_read(text: str, request_: Any) -> None:
    assert read(text) == request_


@pytest.mark.parametrize(
    ("text", "field", "word"),
    [
        ("", None, "no message"),
        ("hello", None, "no message"),
        ("subscribe:", None, "no message"),
        ("subscribe:" + "x" * 1000, None, "no message"),
        ("subscribe:nothing:BTC", "channel", "no channel"),
        ("subscribe:trades", "instrument", "needs an instrument"),
        ("{", None, "no JSON"),
        ("[" * 100_000, None, "no message"),
        ('{"a":' * 100_000, None, "no JSON"),
        ("{}", None, "missing required field `op`"),
        ('{"op":"jump"}', "op", "invalid value"),
        ('{"op":"subscribe"}', None, "missing required field `channel`"),
        ('{"op":"subscribe","channel":"nothing"}', "channel", "invalid enum"),
        ('{"op":"subscribe","channel":"trades"}', "instrument", "needs an instrument"),
        ('{"op":"subscribe","channel":"trades","instrument":7}', "instrument", "expected `str"),
        ('{"op":"subscribe","channel":"trades","instrument":""}', "instrument", "length"),
        (said("subscribe", "trades", instrument="*" * 9), "instrument", "eight stars"),
        ('{"op":"subscribe","channel":"trades","instrument":"*","depth":5}', "depth", "book alone"),
        ('{"op":"subscribe","channel":"book","instrument":"*","depth":0}', "depth", ">= 1"),
        ('{"op":"subscribe","channel":"book","instrument":"*","depth":5001}', "depth", "<= 5000"),
        ('{"op":"subscribe","channel":"book","instrument":"*","depth":1.5}', "depth", "expected `int"),
        ('{"op":"subscribe","channel":"book","instrument":"*","rate":0}', "rate", ">= 0.1"),
        ('{"op":"subscribe","channel":"book","instrument":"*","rate":"5"}', "rate", "expected `float"),
        ('{"op":"subscribe","channel":"book","instrument":"*","rate":NaN}', None, "no JSON"),
        (
            said("subscribe", "alerts", instrument=BTC),
            "instrument",
            "not of an instrument",
        ),
        ('{"op":"subscribe","channel":"alerts","id":[1]}', "id", "expected"),
    ],
)
def test_what_is_wrong_is_said(text: str, field: str | None, word: str) -> None:
    with pytest.raises(ApiError) as caught:
        read(text)
    form = error_form(caught.value)
    assert (form["status"], form["code"], form["field"]) == (400, "bad_request", field)
    assert word in form["message"].lower() or word in form["message"]


@given(
    st.text(max_size=60)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["op", "channel", "instrument", "id", "depth", "rate", "sid", "x"]), inner
            )
        ),
        max_leaves=12,
    ).map(json.dumps)
)
def test_whatever_is_said_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(ApiError):
        read(text)
    number = number_of(text)
    assert number is None or len(str(number)) <= 100


@given(st.text("ab*.", max_size=8), st.text("ab.", max_size=10))
def test_stars_stand_for_anything(pattern: str, key: str) -> None:
    assert matches(pattern, key) == bool(re.fullmatch(fnmatch.translate(pattern), key))


@pytest.mark.parametrize(
    ("text", "number"), [('{"id":5,"op":1}', 5), ('{"id":"a"}', "a"), ('{"id":true}', None), ("x", None)]
)
def test_an_answer_to_a_wrong_message_has_its_number(text: str, number: Any) -> None:
    assert number_of(text) == number


def test_rates_are_rounded_down() -> None:
    assert [step_down(rate) for rate in (None, 0.1, 0.4, 1, 7, 1000)] == [None, 0.1, 0.2, 1.0, 5.0, 100.0]
    assert sorted(RATES, reverse=True) == list(RATES)


def test_channels_are_those_of_the_contract() -> None:
    assert len(CHANNELS) == len(set(CHANNELS)) == 11
