"""What is true now, event by event."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.errors import ApiError
from gateway.instrument import Instrument
from gateway.live import LiveState
from tests.unit.gateway.material import NOW, gap, listing, snapshot, spread, ticker, trade

KEY = "binance.spot.BTC-USDT"


@pytest.fixture
def live() -> LiveState:
    return LiveState(recent_trades=3)


def instrument(live: LiveState) -> Instrument:
    return live.instruments[KEY]


def test_the_newest_of_each_topic_is_kept(live: LiveState) -> None:
    for topic, event in (
        ("spreads", spread(1)),
        ("spreads", spread(2)),
        ("spreads", spread(3, origin="ticker")),
        ("tickers", ticker(4)),
        ("trades", trade(5)),
        ("book_snapshots", snapshot(6)),
    ):
        live.take(topic, event)
    one = instrument(live)
    assert {origin: event["source_offset"] for origin, event in one.spreads.items()} == {
        "book": 2,
        "ticker": 3,
    }
    assert one.ticker is not None
    assert one.snapshot is not None
    assert one.last_trade is not None
    assert live.rates.total == {"spreads": 3, "tickers": 1, "trades": 1, "book_snapshots": 1}


def test_trades_are_bounded_of_each_instrument_and_newest_first_over_all(live: LiveState) -> None:
    for offset in range(5):
        live.take("trades", trade(offset, receive_time=NOW + offset))
        live.take("trades", trade(10 + offset, symbol="ETH-USDT", receive_time=NOW + 3 + offset))
    assert [each["source_offset"] for each in instrument(live).trades] == [2, 3, 4]
    newest = live.newest_trades(lambda *_: True)
    assert [each["receive_time"] - NOW for each in newest] == [7, 6, 5, 4, 3, 2]
    assert [each["source_offset"] for each in live.newest_trades(lambda *name: name[2] == "BTC-USDT")] == [
        4,
        3,
        2,
    ]


def test_a_trade_that_was_fetched_later_is_not_the_last_one(live: LiveState) -> None:
    live.take("trades", trade(1, "100"))
    live.take("trades", trade(2, "50", source="backfill"))
    last = instrument(live).last_trade
    assert last is not None
    assert last["source_offset"] == 1
    assert len(instrument(live).trades) == 2


def test_a_frame_that_says_some_leaves_the_rest_as_it_was(live: LiveState) -> None:
    said: dict[str, Any] = {"mark_price": 1, "index_price": 2, "funding_rate": None, "open_interest": None}
    live.take("derivatives", {**ticker(1), **said})
    live.take("derivatives", {**ticker(2), **said, "mark_price": None, "open_interest": 7})
    found = instrument(live).derivative
    assert found is not None
    assert [found[name] for name in said] == [1, 2, None, 7]
    assert found["source_offset"] == 2


@pytest.mark.parametrize("order", [("gaps", "spreads"), ("spreads", "gaps")])
@pytest.mark.parametrize(("lost_at", "state"), [(5, "live"), (20, "resyncing")])
def test_a_book_is_lost_by_place_not_by_the_order_of_topics(
    live: LiveState, order: tuple[str, str], lost_at: int, state: str
) -> None:
    events = {"spreads": spread(10), "gaps": gap(lost_at, "g")}
    for topic in order:
        live.take(topic, events[topic])
    assert instrument(live).book_state == state
    assert len(instrument(live).open_gaps) == (state == "resyncing")


def test_a_lost_book_is_found_by_its_gap_closing_or_by_its_own_events(live: LiveState) -> None:
    live.take("spreads", spread(1))
    live.take("gaps", gap(2, "a"))
    assert instrument(live).book_state == "resyncing"
    live.take("gaps", gap(3, "a", closed=True))
    assert (instrument(live).book_state, instrument(live).resyncs) == ("live", 1)
    live.take("gaps", gap(4, "b"))
    live.take("book_snapshots", snapshot(5))
    assert (instrument(live).book_state, instrument(live).open_gaps) == ("live", {})


def test_a_book_that_is_asked_for_over_rest_is_degraded(live: LiveState) -> None:
    live.take("spreads", spread(1))
    live.take("gaps", gap(2, "a"))
    live.take("book_snapshots", snapshot(3, state="degraded", source="poll"))
    assert instrument(live).book_state == "degraded"


def test_a_gap_of_another_stream_does_not_touch_the_book(live: LiveState) -> None:
    live.take("spreads", spread(1))
    live.take("gaps", gap(2, "t", stream="trades"))
    live.take("gaps", gap(3, "c", cause="time"))
    assert instrument(live).book_state == "live"
    assert list(instrument(live).open_gaps) == ["t", "c"]


def test_of_a_stream_one_gap_is_open_and_of_trades_all(live: LiveState) -> None:
    for offset, stream in enumerate(("ticker", "ticker", "trades", "trades"), 1):
        live.take("gaps", gap(offset, f"g{offset}", stream=stream))
    assert list(instrument(live).open_gaps) == ["g2", "g3", "g4"]


def test_open_gaps_are_bounded(live: LiveState) -> None:
    for offset in range(1200):
        live.take("gaps", gap(offset, f"g{offset}", stream="trades"))
    assert len(instrument(live).open_gaps) == 1000
    assert "g1199" in instrument(live).open_gaps


def test_changes_of_the_whole_book_count_where_they_are_told(live: LiveState) -> None:
    live.take("spreads", spread(1))
    assert instrument(live).updates == 1
    update = {**snapshot(2), "kind": "image"}
    live.take("book_updates", update)
    live.take("spreads", spread(2))
    assert instrument(live).updates == 2
    assert "bid_prices" not in (instrument(live).newest_of_book or {})


def test_observers_see_every_event_after_the_state_has_it(live: LiveState) -> None:
    seen: list[tuple[str, str, int]] = []
    live.observers.append(
        lambda topic, key, event: seen.append(
            (topic, key, live.rates.total[topic] and event["source_offset"])
        )
    )
    live.take("trades", trade(1))
    live.take("spreads", spread(2))
    assert seen == [("trades", KEY, 1), ("spreads", KEY, 2)]


def test_what_is_asked_for_says_what_is_collected_else_what_has_come(live: LiveState) -> None:
    assert not live.is_collected(KEY, NOW)
    live.take("trades", trade(1))
    assert live.is_collected(KEY, NOW)
    assert not live.is_collected(KEY, NOW + 301_000_000)
    asked = {"exchange": "binance", "market": "spot", "symbol": "BTC-USDT", "on": False, "partition": 1}
    live.take("control.subscriptions", asked)
    assert not live.is_collected(KEY, NOW)
    live.take("control.subscriptions", {**asked, "on": True})
    assert live.is_collected(KEY, NOW + 301_000_000)
    live.forget("control.subscriptions", KEY)
    assert live.subscriptions == {}


@pytest.mark.parametrize(
    ("name", "code", "hint"),
    [
        (("binance", "spot", "BTC-USD"), "unknown_instrument", KEY),
        (("binanse", "spot", "BTC-USDT"), "unknown_exchange", "binance"),
        (("binance", "spot", "SOL-USDT"), "unknown_instrument", "subscriptions"),
    ],
)
def test_an_unknown_instrument_is_met_with_the_nearest(
    live: LiveState, name: tuple[str, str, str], code: str, hint: str
) -> None:
    live.take("trades", trade(1))
    live.take("instruments", listing("SOL-USDT"))
    with pytest.raises(ApiError) as raised:
        live.require(*name)
    assert (raised.value.status, raised.value.code) == (404, code)
    assert hint in raised.value.hint


def test_rates_are_of_whole_seconds(live: LiveState) -> None:
    for second in range(1, 13):
        for _ in range(second):
            live.take("trades", trade(second))
        live.tick(second)
    assert live.rates.per_second(2) == {"trades": 11.5}
    assert [count["trades"] for _, count in live.rates.seconds()] == list(range(1, 13))
    live.take("spreads", spread(1))
    live.tick(20)
    live.take("spreads", spread(2))
    live.take("spreads", spread(3))
    live.tick(30)
    assert live.update_rates == {KEY: 0.2}
