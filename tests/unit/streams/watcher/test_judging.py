"""Rules held against a partition: the same events give the same alerts with the same ids, whoever reads them, and from wherever on."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.alert_rules import AlertRule, rule_from
from schemas.alert_store import StoredRule
from schemas.codec import UNIT
from streams.watcher.judging import Judge, Raised, names_of, unpack
from streams.watcher.silence import Silence
from streams.watcher.states import Watched, watched

Event = dict[str, Any]


def rule(**given: Any) -> AlertRule:
    return rule_from(
        {"id": "r", "condition": {"kind": "price_crosses", "level": "5", "direction": "up"}, **given}
    )


def over(*rules: AlertRule, changed_micros: int = 0) -> tuple[Watched, ...]:
    return tuple(watched(StoredRule(each, "", changed_micros)) for each in rules)


def trade(price: int) -> Event:
    return {"price": price * UNIT, "quantity": UNIT, "source": "ws", "receive_time": 1}


def see(judge: Judge, key: str, price: int, offset: int, *, stored_ms: int = 1000) -> list[Raised]:
    return judge.take(key, stored_ms, offset, f"raw/0/{offset}", lambda: trade(price))


def judge_of(*rules: AlertRule, most: int = 100, changed_micros: int = 0) -> Judge:
    judge = Judge("trades", most_states=most, incarnation="topic")
    judge.use(over(*rules, changed_micros=changed_micros))
    return judge


def test_each_instrument_has_a_state_of_its_own() -> None:
    judge = judge_of(rule(symbol="*-USDT"))
    for key in ("binance.spot.BTC-USDT", "okx.spot.BTC-USDT", "okx.spot.BTC-EUR"):
        see(judge, key, 4, 1)
    [raised] = see(judge, "okx.spot.BTC-USDT", 6, 2)
    alert = raised.event
    assert (alert.exchange, alert.market, alert.symbol) == ("okx", "spot", "BTC-USDT")
    assert (alert.rule, alert.kind, alert.state) == ("r", "price_crosses", "fired")
    assert alert.alert == "r:raw/0/2"
    assert alert.message == "okx.spot.BTC-USDT: the price has passed 5 going up: 6."
    assert (raised.offset, raised.number) == (2, 0)
    assert see(judge, "okx.spot.BTC-EUR", 6, 3) == []


def test_alerts_of_one_event_are_numbered_in_the_order_of_their_rules() -> None:
    judge = judge_of(rule(id="a"), rule(id="b"))
    see(judge, "x.spot.A-B", 1, 1)
    raised = see(judge, "x.spot.A-B", 9, 2)
    assert [(each.event.rule, each.number) for each in raised] == [("a", 0), ("b", 1)]


def test_what_was_stored_before_a_rule_was_made_is_not_held_against_it() -> None:
    judge = judge_of(rule(), changed_micros=5_000_000)
    see(judge, "x.spot.A-B", 1, 1, stored_ms=4999)
    assert see(judge, "x.spot.A-B", 9, 2, stored_ms=5000) == []  # the first that counts
    see(judge, "x.spot.A-B", 1, 3, stored_ms=5001)
    assert len(see(judge, "x.spot.A-B", 9, 4, stored_ms=5002)) == 1


def test_a_rule_that_was_changed_begins_anew() -> None:
    judge = judge_of(rule())
    see(judge, "x.spot.A-B", 1, 1)
    judge.use(over(rule(name="other"), changed_micros=1))
    assert see(judge, "x.spot.A-B", 9, 2) == []
    judge.use(())
    assert judge.states == {}


def test_no_event_is_read_that_no_rule_is_about() -> None:
    judge = judge_of(rule(exchange="okx"))

    def decode() -> Event:
        raise AssertionError

    assert judge.take("x.spot.A-B", 7, 1, "", decode) == []
    assert judge.seen == {"x.spot.A-B": 7}


def test_states_are_bounded_and_what_is_left_out_is_counted() -> None:
    judge = judge_of(rule(), most=1)
    for key in ("x.spot.A-B", "x.spot.C-D"):
        see(judge, key, 1, 1)
    assert [len(see(judge, key, 9, 2)) for key in ("x.spot.A-B", "x.spot.C-D")] == [1, 0]
    assert judge.counts["left_out"] == 1


def test_what_is_seen_over_all_exchanges_has_names_of_its_own() -> None:
    assert names_of("consolidated", "spot.BTC-USDT") == ("consolidated", "spot", "BTC-USDT")
    assert names_of("trades", "okx.swap.A.B-USD") == ("okx", "swap", "A.B-USD")
    assert names_of("trades", "nonsense") == ("nonsense", "", "")


@pytest.mark.parametrize("value", [b"", b"nonsense", Judge("trades", most_states=1).pack(1)[:-3]])
def test_what_is_no_stored_state_is_refused(value: bytes) -> None:
    with pytest.raises(ValueError, match="it is none"):
        unpack(value)


def test_an_instrument_of_which_nothing_came_for_days_is_forgotten() -> None:
    judge, day_ms = judge_of(), 86_400_000
    for key, stored_ms in (("x.spot.A-B", 1), ("x.spot.C-D", day_ms), ("x.spot.E-F", 2 * day_ms + 2)):
        judge.take(key, stored_ms, 1, "", lambda: None)
    assert unpack(judge.pack(2)).seen.keys() == {"x.spot.C-D", "x.spot.E-F"} == judge.seen.keys()


@given(
    st.lists(st.tuples(st.sampled_from(["x.spot.A-B", "y.spot.A-B"]), st.integers(1, 9)), max_size=40),
    st.data(),
)
def test_a_restart_in_the_middle_gives_the_same_alerts_with_the_same_ids(
    steps: list[tuple[str, int]], data: st.DataObject
) -> None:
    rules = (
        rule(id="a", cooldown_s="0.000003"),
        rule(id="b", exchange="x", condition={"kind": "change_percent", "window_s": 60, "percent": "40"}),
    )

    def event_of(offset: int, price: int) -> Event:
        return {**trade(price), "receive_time": offset}

    def run(judge: Judge, begin: int) -> list[Raised]:
        return [
            raised
            for offset, (key, price) in enumerate(steps)
            if offset >= begin
            for raised in judge.take(
                key,
                1000,
                offset,
                f"raw/0/{offset}",
                lambda: event_of(offset, price),  # noqa: B023  called at once
            )
        ]

    said = run(judge_of(*rules), 0)
    stored_at = data.draw(st.integers(0, len(steps)))
    first = judge_of(*rules)
    for offset, (key, price) in enumerate(steps[:stored_at]):
        event = event_of(offset, price)
        first.take(key, 1000, offset, f"raw/0/{offset}", lambda: event)  # noqa: B023  called at once
    packed = unpack(first.pack(stored_at))
    assert (packed.position, packed.incarnation) == (stored_at, "topic")
    second = Judge("trades", most_states=100)
    second.restore(packed)
    second.use(over(*rules))
    assert run(second, stored_at) == [raised for raised in said if raised.offset >= stored_at]
    assert second.seen.keys() == {key for key, _ in steps}


def silence_of(*rules: AlertRule, changed_micros: int = 0) -> Silence:
    silence = Silence("p.clock", 3, most_states=10)
    silence.use(over(*rules, changed_micros=changed_micros))
    return silence


STALE = {"kind": "feed_stale", "seconds": "10"}


def test_a_feed_is_silent_when_nothing_of_it_was_stored_for_so_long() -> None:
    silence = silence_of(rule(condition=STALE))
    seen = {"trades": {"x.spot.A-B": 1000}, "spreads": {"x.spot.A-B": 3000, "y.spot.A-B": 9000}}
    assert silence.look(12_999, seen) == []
    [raised] = silence.look(13_100, seen)
    assert raised.event.message == "x.spot.A-B: nothing has come for 10 s."
    assert (raised.offset, raised.event.receive_micros) == (13_000_000, 13_000_000)
    assert raised.event.alert == "r:p.clock/3/00000000000013000000/000000"
    assert silence.look(18_000, seen) == []
    seen["trades"]["x.spot.A-B"] = 18_500
    [cleared, fired] = silence.look(19_000, seen)
    assert (cleared.event.state, cleared.event.exchange, cleared.offset) == ("cleared", "x", 18_500_000)
    assert (fired.event.state, fired.event.exchange, fired.offset) == ("fired", "y", 19_000_000)


def test_a_rule_may_be_about_one_kind_of_feed() -> None:
    seen = {"trades": {"x.spot.A-B": 1000}, "spreads": {"x.spot.A-B": 9000}, "book_snapshots": {}}
    assert len(silence_of(rule(condition={**STALE, "feed": "trades"})).look(11_000, seen)) == 1
    assert silence_of(rule(condition={**STALE, "feed": "prices"})).look(11_000, seen) == []
    assert silence_of(rule(condition=STALE, exchange="y")).look(99_000, seen) == []


def test_a_rule_counts_from_when_it_was_made() -> None:
    [raised] = silence_of(rule(condition=STALE), changed_micros=50_000_000).look(
        60_000, {"trades": {"x.spot.A-B": 1000}}
    )
    assert raised.offset == 50_000_000


def test_ids_grow_and_who_comes_after_says_nothing_twice() -> None:
    silence = silence_of(rule(condition=STALE))
    seen = {"trades": {"x.spot.A-B": 1000, "y.spot.A-B": 1000, "z.spot.A-B": 500}}
    raised = silence.look(20_000, seen)
    assert [(each.event.exchange, each.offset) for each in raised] == [
        ("z", 10_500_000),
        ("x", 11_000_000),
        ("y", 11_000_001),
    ]
    packed = unpack(silence.judge.pack(silence.next_id))
    other = Silence("p.clock", 3, most_states=10)
    other.restore(packed)
    other.use(over(rule(condition=STALE)))
    assert other.look(21_000, seen) == []
    seen["trades"]["x.spot.A-B"] = 11_000
    assert [each.offset for each in other.look(20_900, seen)] == [11_000_002]
