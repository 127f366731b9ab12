"""Streams: one for all who ask the same, made once, conflated by rate; and what becomes of clients that do not keep up."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.errors import ApiError
from gateway.sockets.protocol import Subscribe, Unsubscribe
from gateway.sockets.session import SLOW
from tests.unit.gateway.clients import Client, Events, Stage

BTC = Events().key


def stage_with_book(**more: Any) -> tuple[Stage, Events]:
    stage, events = Stage(**more), Events()
    stage.live.take("book_updates", events.update("image", [(9, 1), (8, 1)], [(11, 1)]))
    return stage, events


def following(stage: Stage, request: Subscribe, **more: Any) -> Client:
    client = stage.client(**more)
    client.subscribe(request)
    stage.flush()
    return client


def test_clients_that_ask_the_same_get_the_same_bytes() -> None:
    stage, events = stage_with_book()
    one, other = (following(stage, Subscribe("book", BTC)) for _ in range(2))
    alone = following(stage, Subscribe("book", BTC, 1))
    for client in (one, other, alone):
        assert client.socket.frames
        client.read()
    stage.live.take("book_updates", events.update("delta", [(9, 2)]))
    stage.flush()
    [[first], [second], [third]] = (client.socket.frames for client in (one, other, alone))
    assert first is second
    assert first is not third
    assert (
        one.session.subscriptions.keys()
        == other.session.subscriptions.keys()
        != alone.session.subscriptions.keys()
    )
    assert stage.board.stream_count == 2


def test_a_client_may_follow_the_same_twice() -> None:
    stage, events = stage_with_book()
    client = following(stage, Subscribe("book", BTC))
    again = client.subscribe(Subscribe("book", BTC))
    stage.flush()
    assert len({message["sid"] for message in client.read()}) == 2
    [ended] = stage.board.unsubscribe(client.session, Unsubscribe("book", BTC, again.sid))
    assert ended is again
    stage.live.take("book_updates", events.update("delta", [(9, 2)]))
    stage.flush()
    assert len(client.read()) == 1
    stage.board.unsubscribe(client.session, Unsubscribe("book", BTC))
    assert (stage.board.stream_count, stage.board.subscription_count) == (0, 0)
    with pytest.raises(ApiError, match="no subscription of book"):
        stage.board.unsubscribe(client.session, Unsubscribe("book", BTC))


def test_what_comes_in_one_batch_is_written_in_one_go() -> None:
    stage, events = stage_with_book()
    client = following(stage, Subscribe("book", BTC))
    before = client.socket.writes
    for quantity in range(2, 12):
        stage.live.take("book_updates", events.update("delta", [(9, quantity)]))
    stage.flush()
    assert client.socket.writes == before + 1
    assert len([each for each in client.read() if each["type"] == "update"]) == 10


def test_a_rate_leaves_out_what_is_between() -> None:
    stage, events = stage_with_book()
    client = following(stage, Subscribe("book", BTC, None, 5))
    for quantity in range(2, 52):
        stage.live.take("book_updates", events.update("delta", [(9, quantity)]))
        stage.clock.pass_by(0.01)
    stage.clock.pass_by(1)
    stage.flush()
    updates = [each for each in client.read() if each["type"] == "update"]
    assert len(updates) == 4  # the first at once, then one each 0.2 s, and the last state
    [book] = client.books.values()
    assert book[0]["9"] == "51"


def test_who_comes_late_to_a_conflated_stream_has_what_the_others_have() -> None:
    stage, events = stage_with_book()
    first = following(stage, Subscribe("book", BTC, None, 1))
    for quantity in (2, 3):
        stage.live.take("book_updates", events.update("delta", [(9, quantity)]))
    late = following(stage, Subscribe("book", BTC, None, 1))
    assert late.socket.frames[-1].text.count(b'["9","2"]') == 1
    stage.clock.pass_by(1)
    stage.flush()
    first.read(), late.read()
    assert list(first.books.values()) == list(late.books.values())
    assert next(iter(late.books.values()))[0]["9"] == "3"


def test_what_lies_deeper_is_a_sign_of_life_once_a_second() -> None:
    stage, events = stage_with_book()
    client = following(stage, Subscribe("book", BTC, 1))
    client.read()
    for quantity in range(150):  # 10 ms apart
        stage.live.take("book_updates", events.update("delta", [(8, quantity % 3 + 1)]))
    stage.flush()
    [alive] = client.read()
    assert (alive["data"]["bids"], alive["data"]["asks"]) == ([], [])


def test_trades_come_together_and_none_is_lost() -> None:
    stage, events = stage_with_book()
    for number in range(70):
        stage.live.take("trades", events.trade(number))
    client = following(stage, Subscribe("trades", BTC, None, 1))
    stage.live.take("trades", events.trade(70))
    for number in range(71, 75):
        stage.live.take("trades", events.trade(number))
    stage.clock.pass_by(1)
    stage.flush()
    messages = client.read()
    assert [each["type"] for each in messages] == ["snapshot", "update", "update"]
    assert [[trade["trade_id"] for trade in each["data"]] for each in messages] == [
        [str(number) for number in range(20, 70)],
        ["70"],
        [str(number) for number in range(71, 75)],
    ]


def test_more_trades_than_a_message_holds_come_as_a_snapshot() -> None:
    stage, events = stage_with_book()
    stage.live.take("trades", events.trade(0))
    client = following(stage, Subscribe("trades", BTC, None, 0.1))
    stage.live.take("trades", events.trade(1))
    for number in range(2, 1100):
        stage.live.take("trades", events.trade(number))
    stage.clock.pass_by(10)
    stage.flush()
    last = client.read()[-1]
    assert last["type"] == "snapshot"
    assert [trade["trade_id"] for trade in last["data"]] == [str(number) for number in range(1050, 1100)]
    stage.live.take("trades", events.trade(1100))
    stage.clock.pass_by(10)
    stage.flush()
    [update] = client.read()
    assert [trade["trade_id"] for trade in update["data"]] == ["1100"]


def test_prices_are_told_where_they_change() -> None:
    stage, events = stage_with_book()
    client = following(stage, Subscribe("prices", BTC))
    assert client.read() == []  # there are none yet
    stage.live.take("spreads", events.spread(9, 11))
    stage.flush()
    [snapshot] = client.read()
    assert (snapshot["type"], snapshot["data"]["bid_price"], snapshot["data"]["last_price"]) == (
        "snapshot",
        "9",
        None,
    )
    stage.live.take("trades", events.trade(1, 10))
    stage.live.take("trades", events.trade(2, 10))
    stage.flush()
    [update] = client.read()
    assert (update["type"], update["data"]["last_price"]) == ("update", "10")


def test_a_snapshot_says_how_old_its_value_is_now() -> None:
    stage, events = stage_with_book()
    stage.live.take("spreads", events.spread(9, 11))
    stage.now_us = events.now_us + 1000
    first = following(stage, Subscribe("prices", BTC))
    stage.now_us += 20_000_000
    late = following(stage, Subscribe("prices", BTC))
    [one], [other] = first.read(), late.read()
    assert (one["data"]["age_ms"], one["data"]["stale"]) == (1, False)
    assert (other["data"]["age_ms"], other["data"]["stale"]) == (20_001, True)


def test_gaps_that_are_open_and_bars_of_each_interval() -> None:
    stage, events = stage_with_book()
    stage.live.take("gaps", events.gap("a", "opened", stream="trades"))
    stage.live.take("klines", events.kline("1m", 5))
    client = stage.client()
    client.subscribe(Subscribe("gaps", BTC))
    client.subscribe(Subscribe("klines", BTC))
    stage.flush()
    stage.live.take("gaps", events.gap("a", "closed", stream="trades"))
    stage.live.take("klines", events.kline("1h", 6))
    stage.flush()
    late = stage.client()
    late.subscribe(Subscribe("gaps", BTC))
    late.subscribe(Subscribe("klines", BTC))
    stage.flush()
    told = [(each["channel"], each["type"], each["data"]) for each in client.read()]
    assert [(channel, kind) for channel, kind, _ in told] == [
        ("gaps", "snapshot"),
        ("klines", "snapshot"),
        ("gaps", "update"),
        ("klines", "update"),
    ]
    assert [[item["phase"] for item in told[place][2]] for place in (0, 2)] == [["opened"], ["closed"]]
    assert [[item["interval"] for item in told[place][2]] for place in (1, 3)] == [["1m"], ["1h"]]
    assert [[item.get("interval") for item in each["data"]] for each in late.read()] == [[], ["1m", "1h"]]


def test_stars_take_in_what_begins_later() -> None:
    stage, events = stage_with_book()
    client = following(stage, Subscribe("book", "binance.*.*-USDT"))
    eth = Events("ETH-USDT")
    stage.live.take("book_updates", eth.update("image", [(5, 1)]))
    stage.live.take("book_updates", Events("ETH-EUR").update("image", [(5, 1)]))
    stage.flush()
    messages = client.read()
    assert [each["instrument"] for each in messages] == [events.key, eth.key]
    assert len({each["sid"] for each in messages}) == 1
    stage.board.unsubscribe(client.session, Unsubscribe("book", "binance.*.*-USDT"))
    stage.live.take("book_updates", eth.update("delta", [(5, 2)]))
    stage.live.take("book_updates", Events("XRP-USDT").update("image", [(5, 1)]))
    stage.flush()
    assert (client.read(), stage.board.stream_count) == ([], 0)


def test_bounds_of_one_client_and_of_one_instrument() -> None:
    stage, _ = stage_with_book(most_subscriptions=2)
    client = stage.client()
    client.subscribe(Subscribe("book", BTC))
    client.subscribe(Subscribe("trades", BTC))
    with pytest.raises(ApiError, match="2 subscriptions are the most"):
        client.subscribe(Subscribe("prices", BTC))
    for number in range(30):
        stage.live.take("book_updates", Events(f"C{number}-USDT").update("image", [(5, 1)]))
    with pytest.raises(ApiError, match="20 instruments are the most"):
        stage.client().subscribe(Subscribe("book", "*"))
    later = stage.client()
    later.subscribe(Subscribe("trades", "*"))
    for number in range(30):
        stage.live.take("trades", Events(f"C{number}-USDT").trade(1))
    assert later.session.stream_count == 20
    crowd = Stage()
    crowd.live.take("book_updates", Events().update("image", [(5, 1)]))
    for depth in range(1, 65):
        crowd.client().subscribe(Subscribe("book", BTC, depth))
    with pytest.raises(ApiError, match="64 different depths"):
        crowd.client().subscribe(Subscribe("book", BTC, 65))
    crowd.client().subscribe(Subscribe("book", BTC, 64))


@pytest.mark.parametrize(
    ("channel", "instrument", "code"),
    [
        ("book", "binance.spot.BTC-USDC", "unknown_instrument"),
        ("book", "nowhere.spot.BTC-USDT", "unknown_exchange"),
        ("book", "BTC-USDT", "bad_request"),
        ("consolidated", "BTC-XXX", "unknown_instrument"),
    ],
)
def test_what_is_not_there_cannot_be_followed(channel: Any, instrument: str, code: str) -> None:
    stage, _ = stage_with_book()
    with pytest.raises(ApiError) as caught:
        stage.client().subscribe(Subscribe(channel, instrument))
    assert caught.value.code == code
    assert stage.board.subscription_count == 0


def test_symbols_are_known_without_their_dash() -> None:
    stage, _ = stage_with_book()
    assert stage.board.symbols("btcusdt") == stage.board.symbols("BTC-USDT") == ["BTC-USDT"]


def test_a_slow_client_is_told_and_gets_a_fresh_snapshot() -> None:
    stage, events = stage_with_book()
    slow = following(stage, Subscribe("book", BTC), limit=10)
    quick = following(stage, Subscribe("book", BTC), limit=10)
    slow.read(), quick.read()
    slow.socket.capacity = 0
    for quantity in range(2, 40):
        stage.live.take("book_updates", events.update("delta", [(9, quantity)]))
        stage.flush()
    assert slow.session.waiting == 1
    assert len(quick.read()) == 38
    assert stage.traffic.dropped == 11
    slow.socket.unblock()
    stage.flush()
    [snapshot] = slow.read()
    assert [each["type"] for each in slow.heard] == ["slow"]
    assert (slow.heard[0]["dropped"], slow.heard[0]["closes_in_s"]) == (11, 30.0)
    assert (snapshot["type"], snapshot["data"]["bids"][0]) == ("snapshot", ["9", "39"])
    stage.live.take("book_updates", events.update("delta", [(9, 40)]))
    stage.flush()
    assert [each["type"] for each in slow.read()] == ["update"]


def test_a_large_batch_makes_nobody_slow() -> None:
    stage, events = stage_with_book()
    client = following(stage, Subscribe("book", BTC), limit=10)
    client.read()
    for quantity in range(2, 102):
        stage.live.take("book_updates", events.update("delta", [(9, quantity)]))
    stage.flush()
    assert len(client.read()) == 100
    assert (client.heard, stage.traffic.slowed) == ([], 0)


def test_who_is_slow_for_too_long_is_closed() -> None:
    stage, events = stage_with_book()
    client = following(stage, Subscribe("book", BTC), limit=1, patience_s=5)
    client.socket.capacity = 0
    for quantity in (2, 3):
        stage.live.take("book_updates", events.update("delta", [(9, quantity)]))
    client.session.lose_patience()
    stage.clock.pass_by(5)
    client.session.lose_patience()
    assert client.socket.code is None
    stage.clock.pass_by(0.1)
    client.session.lose_patience()
    assert (client.socket.code, stage.traffic.closed_slow) == (SLOW, 1)


def test_snapshots_are_made_when_there_is_room_for_them() -> None:
    stage, events = stage_with_book()
    client = stage.client()
    client.socket.capacity = 0
    client.subscribe(Subscribe("book", BTC))
    stage.flush()
    for quantity in range(2, 2000):
        stage.live.take("book_updates", events.update("delta", [(9, quantity)]))
    assert (client.session.waiting, client.session.slow_since_s) == (0, None)
    client.socket.unblock()
    stage.flush()
    [snapshot] = client.read()
    assert snapshot["data"]["bids"][0] == ["9", "1999"]


def test_nothing_is_left_of_who_goes() -> None:
    stage, events = stage_with_book()
    gone, stays = following(stage, Subscribe("book", "*", None, 5)), following(stage, Subscribe("book", BTC))
    stage.board.leave(gone.session)
    stage.live.take("book_updates", events.update("delta", [(9, 2)]))
    stage.clock.pass_by(1)
    stage.flush()
    assert len(gone.read()) == 1
    assert len(stays.read()) == 2
    assert (stage.board.stream_count, stage.board.subscription_count) == (1, 1)
