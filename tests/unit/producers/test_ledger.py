"""The account that processes share: one budget, the urgent first, and nothing left behind by who is killed."""

from __future__ import annotations

import multiprocessing
import sqlite3
import time
from collections.abc import Callable
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from bookmill.errors import ConfigurationError
from producers.account import Account, account_name
from producers.ledger import Ledger
from producers.priorities import Priority, Urgency
from venues.registry import venue

BOOK = Priority.resync("BTCUSDT")
POLL = Priority(Urgency.METADATA)
_SPAWN = multiprocessing.get_context("spawn")


class Clock:
    def __init__(self, now_s: float = 5000.0) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s


def account(path: Path, clock: Callable[[], float], share: float = 0.5) -> Account:
    """As another process would have it: through a ledger of its own."""
    return Account(Ledger(path, clock=clock), "binance.spot", 6000, share)


def test_what_one_spends_the_other_cannot(tmp_path: Path) -> None:
    clock = Clock()
    one, other = account(tmp_path / "a", clock), account(tmp_path / "a", clock)
    assert [one.ask(250, BOOK) for _ in range(12)] == [0.0] * 12
    assert (one.used(), other.used()) == (3000, 3000)
    wait_s = other.ask(250, BOOK)
    assert 60.0 <= wait_s <= 60.2
    clock.now_s += wait_s
    assert other.ask(250, BOOK) == 0.0


def test_a_refusal_and_the_exchanges_count_hold_for_all(tmp_path: Path) -> None:
    clock = Clock()
    one, other = account(tmp_path / "a", clock), account(tmp_path / "a", clock)
    one.block(120.0)
    assert other.ask(1, BOOK) == pytest.approx(120.0)
    assert other.blocked_s() == pytest.approx(120.0)
    clock.now_s += 120.0
    assert other.ask(100, BOOK) == 0.0
    one.observe(5900)
    assert other.ask(250, BOOK) > 0.0
    one.observe(350)
    assert other.ask(250, BOOK) == 0.0


def test_who_can_wait_waits_while_another_process_has_something_urgent(tmp_path: Path) -> None:
    clock = Clock()
    one, other = account(tmp_path / "a", clock), account(tmp_path / "a", clock)
    assert one.ask(2900, BOOK) == 0.0
    assert one.ask(250, Priority.resync("BTCUSDT", 9.0)) > 0.0  # waits for weight
    assert other.ask(1, POLL) > 0.0
    assert other.ask(1, Priority.resync("ETHUSDT", 8.0)) > 0.0
    assert other.ask(1, Priority.resync("ETHUSDT", 10.0)) == 0.0
    one.leave()
    assert other.ask(1, POLL) == 0.0


def test_who_does_not_say_again_that_it_waits_stops_nobody(tmp_path: Path) -> None:
    clock = Clock()
    one, other = account(tmp_path / "a", clock), account(tmp_path / "a", clock)
    assert one.ask(2900, BOOK) == 0.0
    assert one.ask(250, BOOK) > 0.0
    clock.now_s += 1.9
    assert other.ask(1, POLL) > 0.0
    clock.now_s += 0.2
    assert other.ask(1, POLL) == 0.0


def test_accounts_are_apart_by_pool_address_and_proxy() -> None:
    spot, usdm, coinm = (venue("binance", market) for market in ("spot", "usdm", "coinm"))
    assert account_name(spot, spot.rest_url, None) == "binance.spot"
    assert account_name(usdm, usdm.rest_url, None) == account_name(coinm, coinm.rest_url, None)
    assert account_name(spot, "http://u:p@127.0.0.1:9501", None) == "binance.spot at 127.0.0.1:9501"
    by = {account_name(spot, spot.rest_url, f"socks5://{user}@10.0.0.1:1080") for user in ("a:b", "c:d")}
    assert by == {"binance.spot by 10.0.0.1:1080"}
    okx = [venue("okx", market) for market in ("spot", "swap")]
    assert len({account_name(one, one.rest_url, None) for one in okx}) == 1


def test_a_ban_outlives_a_restart_of_the_machine(tmp_path: Path) -> None:
    def at(boot: str, machine_s: float, calendar_s: float) -> Account:
        ledger = Ledger(
            tmp_path / "a", clock=lambda: machine_s, calendar=lambda: calendar_s, boot=lambda: boot
        )
        return Account(ledger, "binance.spot", 6000, 0.5)

    before = at("one", 90_000.0, 1_700_000_000.0)
    before.ask(3000, BOOK)
    before.ask(1, BOOK)
    before.block(600.0)
    after = at("two", 20.0, 1_700_000_030.0)
    assert after.blocked_s() == pytest.approx(570.0)
    assert after.used() == 3000
    later = at("three", 5.0, 1_700_000_700.0)
    assert (later.blocked_s(), later.used()) == (0.0, 0)


def test_a_calendar_that_jumps_blocks_nobody_for_ever(tmp_path: Path) -> None:
    clock = Clock(90_000.0)
    account(tmp_path / "a", clock).block(600.0)
    ledger = Ledger(tmp_path / "a", clock=lambda: 5.0, calendar=lambda: 0.0, boot=lambda: "another")
    assert Account(ledger, "binance.spot", 6000, 0.5).blocked_s() <= 3 * 86_400


@pytest.mark.parametrize("damage", ["no database", "a folder", "a later version"])
def test_a_file_that_cannot_be_used_is_one_sentence(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "rest-weight.sqlite"
    if damage == "a folder":
        path.mkdir()
    elif damage == "no database":
        path.write_bytes(b"x" * 4096)
    else:
        with sqlite3.connect(path) as db:
            db.execute("PRAGMA user_version = 99")
        db.close()
    with pytest.raises(ConfigurationError) as refused:
        Ledger(path)
    assert refused.value.message.startswith(f"The account of REST weight cannot be kept in {path}: ")
    assert "BOOKMILL_DATA_DIR" in refused.value.hint


def _spend_and_wait(path: Path, ready: Event) -> None:
    """A process that has spent and waits with the most urgent there is, until it is killed."""
    mine = Account(Ledger(path), "binance.spot", 6000, 0.5)
    mine.ask(2900, BOOK)
    while True:
        assert mine.ask(250, Priority(Urgency.START)) > 0.0
        ready.set()
        time.sleep(0.2)


def test_a_killed_process_leaves_only_what_it_has_spent(tmp_path: Path) -> None:
    path, ready = tmp_path / "a", _SPAWN.Event()
    child = _SPAWN.Process(target=_spend_and_wait, args=(path, ready), daemon=True)
    child.start()
    assert ready.wait(30)
    mine = Account(Ledger(path), "binance.spot", 6000, 0.5)
    assert mine.ask(50, POLL) > 0.0  # there is room, and somebody who goes first
    child.kill()
    child.join()
    killed_s = time.monotonic()
    while mine.ask(50, POLL) > 0.0:
        assert time.monotonic() - killed_s < 10.0
        time.sleep(0.05)
    assert mine.used() == 2950
    assert mine.ask(250, BOOK) > 30.0


def _spend_many(path: Path, start: Event) -> None:
    start.wait()
    mine = Account(Ledger(path), "binance.spot", 6000, 0.5)
    for _ in range(200):
        mine.ask(10, BOOK)


def test_processes_that_spend_at_once_never_spend_more_than_the_share(tmp_path: Path) -> None:
    """Also while all of them make the file."""
    path, start = tmp_path / "a", _SPAWN.Event()
    children = [_SPAWN.Process(target=_spend_many, args=(path, start), daemon=True) for _ in range(3)]
    for child in children:
        child.start()
    start.set()
    for child in children:
        child.join(60)
        assert child.exitcode == 0
    assert Account(Ledger(path), "binance.spot", 6000, 0.5).used() == 3000
