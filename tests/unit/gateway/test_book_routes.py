"""The book of an instrument over REST: all of it or its best levels, and what is said where there is none."""

from __future__ import annotations

from typing import Any

import pytest

from gateway import models
from gateway.context import Context
from tests.unit.gateway.clients import Events
from tests.unit.gateway.material import NOW, gateway, get

PATH = "/api/v1/orderbook/binance/spot/BTC-USDT"


@pytest.fixture
def events() -> Events:
    return Events(start_us=NOW - 100_000)


@pytest.fixture
def context(events: Events) -> Context:
    found = gateway()
    found.live.take("book_updates", events.update("image", [(9, 1), (8, 2), (7, 3)], [(11, 4), (12, 5)]))
    return found


def data(context: Context, path: str = PATH) -> dict[str, Any]:
    answer = get(context, path)
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()["data"]
    models.BookView.model_validate(found)
    return found


def test_all_of_a_book_or_its_best_levels(context: Context, events: Events) -> None:
    whole, best = data(context), data(context, PATH + "?depth=1")
    assert whole["bids"] == [["9", "1"], ["8", "2"], ["7", "3"]]
    assert (best["bids"], best["asks"]) == ([["9", "1"]], [["11", "4"]])
    assert whole["depth"] == best["depth"] == {"bids": 3, "asks": 2, "source": "book_updates"}
    assert (whole["mid"], whole["spread"], whole["spread_bps"]) == ("10", "2", "2000")
    assert (whole["seq"], whole["epoch"], whole["update_id"]) == (1, context.books.epoch, 0)
    assert (whole["age_ms"], whole["stale"]) == (90, False)
    context.live.take("book_updates", events.update("delta", [(10, 1)]))
    now = data(context)
    assert (now["bids"][0], now["seq"]) == (["10", "1"], 2)


def test_a_lost_book_is_shown_as_what_it_is(context: Context, events: Events) -> None:
    context.live.take("book_updates", events.update("delta", state="resyncing"))
    lost = data(context)
    assert (lost["state"], lost["stale"], len(lost["bids"])) == ("resyncing", True, 3)


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/api/v1/orderbook/binance/spot/BTC-USDC", 404, "unknown_instrument"),
        ("/api/v1/orderbook/binanse/spot/BTC-USDT", 404, "unknown_exchange"),
        ("/api/v1/orderbook/binance/spot/ETH-USDT", 503, "not_ready"),
        (PATH + "?depth=0", 400, "bad_request"),
        (PATH + "?depth=1%27--", 400, "bad_request"),
    ],
)
def test_where_there_is_no_book_it_is_said_why(context: Context, path: str, status: int, code: str) -> None:
    context.live.take("trades", Events("ETH-USDT").trade(1))
    answer = get(context, path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_statistics_are_of_all_levels(context: Context) -> None:
    [found] = get(context, "/api/v1/orderbook/stats").json()["data"]
    assert (found["levels_bid"], found["bid_volume"], found["ask_volume"]) == (3, "6", "9")
