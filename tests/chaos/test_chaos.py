"""One schedule of faults over the whole pipeline, and what it rests on: the schedule, the proxy, and a judgement that can say no."""

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Collection, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import pytest

from bookmill.settings import PlatformSettings, Settings
from embedded.platform import Platform
from simulator.instruments import instrument
from tests.chaos.judgement import judge_books, judge_ids, judge_letters, judge_tops, judge_trades
from tests.chaos.ledger import judge_ledger
from tests.chaos.letters import Log, Voices
from tests.chaos.memory import change
from tests.chaos.proxy import Proxy
from tests.chaos.run import run
from tests.chaos.schedule import NAMES, schedule, text
from tests.chaos.tables import BookRow, Entry, TradeRow
from tests.chaos.truth import Printed, Truth
from tests.integration import containers

SEED = 20
"""A schedule with much in it; ``BOOKMILL_CHAOS_SEED`` chooses another."""
SECONDS = 30.0
_ANY_PORTS = PlatformSettings(kafka_port=0, registry_port=0, clickhouse_port=0, gateway_first=False)
ONE = 10**18


@pytest.mark.timeout(600)
def test_after_a_schedule_of_faults_everything_is_stored_once(tmp_path: Path) -> None:
    if containers.wanted():
        pytest.skip("This test kills and restarts the embedded platform's servers.")
    seed = int(os.environ.get("BOOKMILL_CHAOS_SEED", SEED))
    with Platform(Settings(data_dir=tmp_path / "platform", platform=_ANY_PORTS)) as platform:
        result = run(platform, seed, SECONDS, say=_say, keep=tmp_path)
    if result.verdict.problems:
        pytest.fail(
            f"{result.report}\nagain: python -m tests.chaos --seed {seed} --seconds {SECONDS:g}",
            pytrace=False,
        )


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


# The schedule.


def test_the_same_seed_is_the_same_schedule_and_another_one_another() -> None:
    assert text(schedule(7, 60)) == text(schedule(7, 60))
    assert text(schedule(7, 60)) != text(schedule(8, 60))


def test_every_kind_of_fault_is_drawn_and_all_are_over_in_time() -> None:
    drawn = set()
    for seed in range(60):
        for step in schedule(seed, 60):
            drawn.add(step.fault)
            assert step.moment_s + step.arguments.get("seconds", 0) <= 60.1
    assert drawn == set(NAMES)


def test_no_part_is_hit_again_before_it_is_back() -> None:
    for seed in range(60):
        free_s: dict[str, float] = {}
        for step in schedule(seed, 120):
            if part := step.arguments.get("part"):
                assert step.moment_s >= free_s.get(part, 0.0)
                free_s[part] = step.moment_s + step.arguments["seconds"]


def test_where_memory_is_measured_no_process_of_ours_ends() -> None:
    faults = {step.fault for seed in range(60) for step in schedule(seed, 60, processes_live=True)}
    assert faults == set(NAMES) - {"kill", "stop", "join and leave"}


def test_only_producers_that_share_join_and_lose_instruments() -> None:
    hit = [
        {str(value) for step in schedule(seed, 120) for value in step.arguments.values()}
        for seed in range(60)
    ]
    alone, shared = set().union(*hit[::2]), set().union(*hit[1::2])
    assert {"producer-1", "producer-2", "producer"} <= shared
    assert alone.isdisjoint({"producer-2", "producer"})
    assert "unsubscribed" not in {step.fault for seed in range(0, 60, 2) for step in schedule(seed, 120)}


# The judgement.


def _truth(**more: object) -> dict[str, Truth]:
    truth = Truth("binance.spot.BTC-USDT", instrument("BTC-USDT"), **more)  # type: ignore[arg-type]
    for number in range(3):
        truth.trades[str(number + 10)] = Printed(number, 1000.0 + number, 5 * ONE, ONE, ONE, "BUY")
    truth.see([(100, 2), (99, 1)], [(101, 3)])
    truth.see([(100, 1)], [(101, 3)])
    return {truth.name: truth}


def _row(number: int, **more: object) -> TradeRow:
    row = TradeRow("binance.spot.BTC-USDT", str(number), 5 * ONE, ONE, None, "BUY", "ws")
    return replace(row, **more)  # type: ignore[arg-type]


_ALL = [_row(10), _row(11), _row(12)]


def test_trades_that_are_there_once_are_right() -> None:
    assert not judge_trades(_truth(), _ALL, []).problems


@pytest.mark.parametrize(
    ("rows", "word"),
    [
        ([*_ALL, _row(11)], "more than once"),
        ([*_ALL, _row(13)], "never made"),
        ([*_ALL, _row(12, name="binance.spot.ETH-USDT")], "never made"),
        ([_row(10), _row(11, price=5 * ONE + 1), _row(12)], "not what they were"),
        ([_row(10), _row(11, side="SELL"), _row(12)], "not what they were"),
        ([_row(10), _row(11, contracts=ONE), _row(12)], "not what they were"),
        ([_row(10), _row(12)], "missing"),
    ],
)
def test_wrong_trades_are_named(rows: list[TradeRow], word: str) -> None:
    [problem] = judge_trades(_truth(), rows, []).problems
    assert word in problem


def _gap(**more: object) -> Entry:
    entry = Entry("binance.spot.BTC-USDT", "trades", False, 11, 11, 1000.5, 1001.5)
    return replace(entry, **more)  # type: ignore[arg-type]


def test_a_missing_trade_is_right_where_the_ledger_says_so() -> None:
    assert not judge_trades(_truth(), [_row(10), _row(12)], [_gap()]).problems
    assert not judge_trades(_truth(), [_row(10), _row(12)], [_gap(first_id=None, last_id=None)]).problems
    assert not judge_trades(_truth(since=2), [_row(12)], []).problems, "made before the beginning"


@pytest.mark.parametrize(
    "entry",
    [
        _gap(complete=True),
        _gap(stream="book"),
        _gap(name="binance.spot.ETH-USDT"),
        _gap(first_id=12, last_id=12),
        _gap(first_id=None, last_id=None, since_s=1010.0, until_s=1020.0),
    ],
)
def test_a_missing_trade_is_wrong_where_the_ledger_says_something_else(entry: Entry) -> None:
    [problem] = judge_trades(_truth(), [_row(10), _row(12)], [entry]).problems
    assert "missing" in problem


CENT, LOT = ONE // 100, ONE // 10**5
_FIRST = BookRow(
    "binance.spot.BTC-USDT", "live", [(100 * CENT, 2 * LOT), (99 * CENT, LOT)], [(101 * CENT, 3 * LOT)]
)
_LAST = BookRow("binance.spot.BTC-USDT", "live", [(100 * CENT, LOT)], [(101 * CENT, 3 * LOT)])


def test_books_that_were_the_exchanges_are_right() -> None:
    assert not judge_books(_truth(), [_FIRST, _LAST, _LAST]).problems
    assert not judge_tops(_truth(), [replace(_FIRST, bids=_FIRST.bids[:1]), _LAST]).problems


@pytest.mark.parametrize(
    ("rows", "word"),
    [
        ([_FIRST], "did not end"),
        ([], "did not end"),
        ([_LAST, _FIRST], "behind later ones"),
        ([replace(_FIRST, bids=[(100 * CENT, LOT + 1)]), _LAST], "never were"),
        ([_FIRST, replace(_LAST, state="degraded")], "did not end"),
    ],
)
def test_wrong_books_are_named(rows: list[BookRow], word: str) -> None:
    assert any(word in problem for problem in judge_books(_truth(), rows).problems)


def test_a_best_price_that_never_was_is_named() -> None:
    [problem] = judge_tops(_truth(), [replace(_LAST, asks=[(102 * CENT, LOT)])]).problems
    assert "never were" in problem


def test_repeated_ids_and_strange_dead_letters_are_named() -> None:
    assert judge_ids([("raw/0/1/0", 2)]).problems
    assert not judge_ids([]).problems
    assert not judge_letters([b"torn", b"torn"], {b"torn"}, 1, 1).problems
    assert judge_letters([b"whole"], {b"torn"}, 0, 0).problems
    assert judge_letters([], {b"torn"}, 1, 0).problems, "a torn frame that is no dead letter"


def test_base_units_of_contracts_are_what_they_are() -> None:
    steps = instrument("BTC-USDT")
    inverse = Truth("x", steps, contract_size=100, inverse=True)  # type: ignore[arg-type]
    assert inverse.level(3_000_000, 10**5) == (30_000 * ONE, 3_333_333_333_333_333)


def test_memory_that_grows_is_seen() -> None:
    flat = [(float(at), 1000 + at % 7) for at in range(300)]
    growing = [(float(at), 1000 + at) for at in range(300)]
    assert abs(change(flat)) < 0.01
    assert change(growing) > 0.05


# The ledger.


def _course(*prices: int, asked: Collection[int] = ()) -> dict[str, Truth]:
    """A book with one bid, told every 100 ms from second 10 on."""
    truth = Truth("binance.spot.BTC-USDT", instrument("BTC-USDT"))
    for number, price in enumerate(prices):
        truth.see([(price, 1)], [(1000, 1)], 10 + number / 10, asked=number in asked)
    return {truth.name: truth}


def _stored(*prices: int, at_s: float = 10.05, state: str = "live") -> list[BookRow]:
    """Rows of such a book, received 50 ms after the exchange had it, were its price 0, 1, 2 …"""
    return [
        BookRow(
            "binance.spot.BTC-USDT",
            state,
            [(price * CENT, LOT)],
            [(1000 * CENT, LOT)],
            at_s + price / 10,
        )
        for price in prices
    ]


def _said(since_s: float, until_s: float, **more: object) -> Entry:
    return replace(_gap(stream="book", first_id=None, last_id=None, since_s=since_s, until_s=until_s), **more)  # type: ignore[arg-type]


_TEN = range(10)
_LOSS = _said(10.35, 10.75)


def _ledger(
    truths: dict[str, Truth],
    rows: list[BookRow],
    entries: list[Entry],
    halted_s: float = 99.0,
    voices: Voices | None = None,
) -> list[str]:
    return judge_ledger(truths, rows, entries, halted_s=halted_s, voices=voices or Voices()).problems


def test_a_book_that_was_always_whole_needs_no_gap() -> None:
    assert not _ledger(_course(*_TEN), _stored(*_TEN), [])
    assert not _ledger(_course(0, 1, 2, 1, 2, 3), _stored(0, 1, 2, 1, 2, 3), [])
    assert not _ledger(_course(0, 1, 1, 1, 2), _stored(0, 1, 2), []), "changes that nobody sees"
    assert not _ledger(_course(0, 1, 7, 2, asked={2}), _stored(0, 1, 2), []), "between two batches"


def test_a_book_that_was_not_whole_needs_a_gap_that_covers_it() -> None:
    rows = _stored(0, 1, 2, 3, 7, 8, 9)
    assert not _ledger(_course(*_TEN), rows, [_LOSS])
    for entries in (
        [],
        [_said(5.0, 7.0)],
        [_said(20.0, 21.0)],
        [replace(_LOSS, stream="trades", complete=True)],
        [replace(_LOSS, name="binance.spot.ETH-USDT")],
        [replace(_LOSS, cause="time")],
    ):
        truths = _course(*_TEN)
        truths["binance.spot.ETH-USDT"] = Truth("binance.spot.ETH-USDT", instrument("ETH-USDT"))
        [problem] = _ledger(truths, rows, entries)
        assert "not whole" in problem


def test_no_gap_is_needed_where_another_connection_takes_over_and_the_first_goes_on() -> None:
    rows = [replace(row, place=("raw", 0, offset)) for offset, row in enumerate(_stored(0, 1, 2, 3, 7, 8, 9))]
    for goes_on in (True, False):
        voices = Voices()
        for offset in range(7):
            voices.hear("raw", 0, offset, b"BTCUSDT", b"books", b"a" if offset < 4 else b"b")
        if goes_on:
            voices.hear("raw", 0, 7, b"BTCUSDT", b"books", b"a")
        verdict = judge_ledger(_course(*_TEN), rows, [], halted_s=99.0, voices=voices)
        assert (not verdict.problems) == goes_on
        assert verdict.doubted == ([] if goes_on else [(("raw", 0, 3), ("raw", 0, 4))])


def test_changes_of_one_moment_of_the_exchanges_are_one_row_however_late_the_second_is_told() -> None:
    for stamps, whole in (((0, 100, 100, 101), True), ((0, 100, 101, 102), False)):
        truth = Truth("binance.spot.BTC-USDT", instrument("BTC-USDT"))
        for number, stamp_ms in enumerate(stamps):
            truth.see([(number, 1)], [(1000, 1)], 10 + number / 10, stamp_ms)
        assert (not _ledger({truth.name: truth}, _stored(0, 1, 3), [])) == whole


def test_the_raw_records_around_a_doubt_are_those_of_its_instrument(monkeypatch: pytest.MonkeyPatch) -> None:
    def record(offset: int) -> SimpleNamespace:
        key = b"ETHUSDT" if offset % 2 else b"BTCUSDT"
        told = {"partition": 3, "offset": offset, "key": key, "value": b"\xff", "headers": [("kind", b"ws")]}
        return SimpleNamespace(**{name: lambda value=value: value for name, value in told.items()})

    monkeypatch.setattr(Log, "_read", lambda *_: map(record, range(2000)))
    found = [json.loads(line) for line in Log("127.0.0.1:1", "").around([(("raw", 3, 800), ("raw", 3, 810))])]
    assert [one["place"][2] for one in found] == list(range(300, 1311, 2))
    assert found[0] == {"place": ["raw", 3, 300], "kind": "ws", "frame": "\\xff"}


def test_a_change_within_the_moment_in_which_the_book_before_was_told_once_more_is_no_row() -> None:
    for again, whole in ((True, True), (False, False)):
        truth = Truth("binance.spot.BTC-USDT", instrument("BTC-USDT"))
        for price, at_s, stamp_ms in ((0, 10.0, 100), (0, 10.09, 9000), (1, 10.1, 9000), (2, 10.2, 9100)):
            if again or stamp_ms != 9000 or price:
                truth.see([(price, 1)], [(1000, 1)], at_s, stamp_ms)
        assert (not _ledger({truth.name: truth}, _stored(0, 2), [])) == whole


def test_a_book_that_went_there_and_back_unseen_was_not_whole() -> None:
    [problem] = _ledger(_course(0, 1, 2, 3, 1, 4), _stored(0, 1, 4), [])
    assert "not whole" in problem


def test_a_frame_that_was_left_out_needs_a_gap_though_nobody_sees_what_it_changed() -> None:
    truths = _course(0, 1, 1, 2)
    truths["binance.spot.BTC-USDT"].left_out.append((2, 10.2))
    [problem] = _ledger(truths, _stored(0, 1, 2), [])
    assert "left out" in problem
    assert not _ledger(truths, _stored(0, 1, 2), [_said(10.15, 10.3)])


def test_gaps_are_closed_at_the_end_and_those_of_trades_filled() -> None:
    truths, rows, never_s = _course(*_TEN), _stored(*_TEN), float("inf")
    for stream in ("book", "trades"):
        entry = _said(10.35, never_s, stream=stream, complete=stream == "trades")
        [problem] = _ledger(truths, rows, [entry])
        assert "open" in problem
    other = replace(_said(10.35, never_s, stream="ticker"), told_s=10.4)
    silent = replace(_said(10.35, never_s), cause="silent", told_s=10.4)
    assert _ledger(truths, rows, [other], halted_s=10.5)
    assert _ledger(truths, rows, [silent], halted_s=10.5)
    for entry in (other, silent):
        assert not _ledger(truths, rows, [entry], halted_s=10.3), "nothing comes any more that could close it"
    [problem] = _ledger(truths, rows, [_gap()])
    assert "not filled" in problem
    assert not _ledger(truths, rows, [_gap(complete=True)])
    assert not _ledger(truths, rows, [_gap(first_id=1, last_id=1001)]), "more than the exchange tells"
    assert _ledger(truths, rows, [_gap(first_id=1, last_id=1000)])


# The proxy.


class _Upstream(BaseHTTPRequestHandler):
    seen: list[bytes] = []  # noqa: RUF012  one server, one test
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.seen.append(body)
        self.send_response(200)
        self.send_header("Content-Length", "3")
        self.end_headers()
        self.wfile.write(b"Ok\n")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    _Upstream.seen.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), _Upstream) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        with Proxy(f"http://127.0.0.1:{server.server_address[1]}") as proxy:
            yield proxy
        server.shutdown()


def _ask(proxy: Proxy, body: bytes) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(proxy.url, body, timeout=30) as answer:  # noqa: S310  our own
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_the_proxy_passes_on_and_fails_as_it_is_told(proxy: Proxy) -> None:
    assert _ask(proxy, b"SELECT 1") == (200, b"Ok\n")
    with proxy.failing(243):
        status, text = _ask(proxy, b"INSERT")
        assert status == 500
        assert b"NOT_ENOUGH_SPACE" in text
    with proxy.failing(503):
        assert _ask(proxy, b"{}")[0] == 503
    with proxy.refusing(), pytest.raises(OSError, match="refused"):
        _ask(proxy, b"SELECT 1")
    assert _ask(proxy, b"SELECT 2") == (200, b"Ok\n")
    assert _Upstream.seen == [b"SELECT 1", b"SELECT 2"]


def test_an_answer_that_is_lost_belongs_to_an_insert_that_was_done(proxy: Proxy) -> None:
    proxy.lose_answers(1)
    assert _ask(proxy, b"SELECT 1") == (200, b"Ok\n")
    with pytest.raises(OSError, match="without response"):
        _ask(proxy, b"INSERT INTO t VALUES")
    assert _ask(proxy, b"INSERT INTO t VALUES") == (200, b"Ok\n")
    assert _Upstream.seen.count(b"INSERT INTO t VALUES") == 2
