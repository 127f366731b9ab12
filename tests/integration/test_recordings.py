"""The proof on real frames: each Binance recording, through the whole pipeline, shows in ClickHouse what it must.

Once over the simulator's websocket at twenty times its pace (producer, Kafka, worker, sink), once by ``bookmill replay``. What it
must be stands in the recordings' ``expected.json``, counted by code that shares nothing with this project.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal, localcontext
from pathlib import Path
from typing import Any

import clickhouse_connect
import httpx2
import pytest

from bookmill.addresses import Addresses
from bookmill.settings import Settings
from tests.integration.conftest import isolated
from tests.integration.parts import RunningPart, environment, wait_until
from tests.recordings import NAMES, Recording, recording

pytestmark = pytest.mark.timeout(
    900
)  # the fixture plays 700,000 frames, at their pace and on whatever machine it is

# Two recordings of one instrument cannot be one market's past: they go through pipelines of their own.
GROUPS = (("spot-btcusdt-2024", "spot-ethusdt-2024", "usdm-btcusdt-2024"), ("usdm-btcusdt-2023",))
WAYS = ("socket", "replay")
ALWAYS = {("usdm-btcusdt-2023", "socket"), ("spot-ethusdt-2024", "replay")}
"""The others are in ``make test-slow``: by the socket they take minutes at their pace, and each of them most of a processor."""
CASES = [
    pytest.param(
        (name, way),
        id=f"{name}-{way}",
        marks=[] if (name, way) in ALWAYS else [pytest.mark.slow],
    )
    for name in NAMES
    for way in WAYS
]
FINAL = {"worker__snapshot_interval_ms": "1"}
"""A book snapshot after each diff (exchange times are in ms): the last one stands at the recording's last update id."""


@dataclass
class Outcome:
    """Where a recording's rows are, and what was wrong on the way."""

    settings: Settings
    gaps: int
    dead_letters: int


def subscribed(one: Recording) -> int:
    """Records the socket way gives: frames of the streams that are subscribed (some recordings hold others) and one snapshot."""
    expected = one.expected
    others = sum(expected["other_trade_types"].values())
    return int(expected["depth_frames"] + expected["trades"] + others + expected["book_tickers"] + 1)


@pytest.fixture(scope="module")
def outcomes(
    request: pytest.FixtureRequest, addresses: Addresses, tmp_path_factory: pytest.TempPathFactory
) -> dict[tuple[str, str], Outcome]:
    """All recordings that are asked for, both ways at once: what takes longest is waiting for the recorded pace."""
    wanted = {
        item.callspec.params["case"]
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.path == request.path and hasattr(item, "callspec")
    }
    groups = [[recording(name) for name in group] for group in GROUPS]
    found: dict[tuple[str, str], Outcome] = {}
    with ExitStack() as running:
        started = []
        for number, whole in enumerate(groups):
            for way in WAYS:
                group = [one for one in whole if (one.name, way) in wanted]
                if not group:
                    continue
                settings, folder = isolated(addresses), tmp_path_factory.mktemp(f"{way}{number}")
                started.append(
                    (way, group, settings, running.enter_context(Pipeline(way, group, settings, folder)))
                )
        for way, group, settings, pipeline in started:
            pipeline.finish()
            for one in group:
                found[one.name, way] = Outcome(
                    settings, pipeline.worker_status["gaps"], pipeline.worker_status["dead_letters"]
                )
    return found


class Pipeline(ExitStack):
    """Worker and sink over a group of recordings, fed by the simulated exchange's socket or by ``replay``."""

    def __init__(self, way: str, group: list[Recording], settings: Settings, folder: Path) -> None:
        super().__init__()
        self._way, self._group, self._settings, self._folder = way, group, settings, folder
        self.worker_status: dict[str, Any] = {}

    def __enter__(self) -> Pipeline:
        super().__enter__()
        try:
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def _start(self) -> None:
        exchanges: dict[str, Any] = {one.market: {"symbols": []} for one in self._group}
        for one in self._group:
            exchanges[one.market]["symbols"].append(one.symbol)
        if self._way == "socket":
            self._simulator = self._part("simulate", *self._recordings(), "--speed", "20", "--json")
            assert self._simulator.process.stdout
            announced = self._simulator.process.stdout.readline()
            assert announced, self._simulator.log
            self._rest = [addresses["rest"] for addresses in json.loads(announced).values()]
            for market, addresses in json.loads(announced).items():
                exchanges[market] |= {"websocket_url": addresses["websocket"], "rest_url": addresses["rest"]}
        self._chosen = {"exchanges": json.dumps({"binance": exchanges}), **FINAL}
        self._worker, self._sink = self._part("worker"), self._part("sink")
        wait_until(lambda: self._worker.status().get("assigned"), "the worker has partitions")
        if self._way == "socket":
            self._producer = self._part("produce")

    def _recordings(self) -> Iterator[str]:
        for one in self._group:
            yield "--recording"
            yield f"{one.market}:{one.symbol}={','.join(map(str, one.paths))}"

    def _part(self, *arguments: str) -> RunningPart:
        chosen = environment(self._settings, **getattr(self, "_chosen", {}))
        return self.enter_context(RunningPart(list(arguments), chosen, self._folder / f"{arguments[0]}.log"))

    def finish(self) -> None:
        """Return when every event of every recording is in ClickHouse."""
        if self._way == "replay":
            for one in self._group:
                self._replay(one)
        else:
            frames = sum(subscribed(one) for one in self._group)
            wait_until(self._is_played, "the recordings are played", timeout_s=200)
            wait_until(self._has_all, f"{frames} frames", timeout_s=60)
            assert self._worker.status()["frames"] >= frames
        self.worker_status = self._worker.status()
        assert self._worker.stop() == 0
        wait_until(lambda: self._sink.status().get("lag") == 0, "the sink has all", timeout_s=60)
        assert self._sink.stop() == 0
        if self._way == "socket":
            assert self._producer.stop() == 0
            assert self._simulator.stop() == 0

    def _is_played(self) -> bool:
        """Whether the simulated exchange has sent its last recorded frame."""
        counts = [httpx2.get(f"{address}/simulator/counts").json() for address in self._rest]
        return all(one["finished"] for one in counts)

    def _has_all(self) -> bool:
        """Whether the worker has read all that the producer wrote: words of its own and past trades, too."""
        written = self._producer.status()["acknowledged"]
        return bool(self._worker.status().get("frames", 0) >= written > 0)

    def _replay(self, one: Recording) -> None:
        command = [
            "replay",
            *map(str, one.paths),
            "--exchange",
            "binance",
            "--market",
            one.market,
            "--symbol",
            one.symbol,
        ]
        done = subprocess.run(
            [sys.executable, "-m", "bookmill", *command, "--wait", "--json"],
            env=environment(self._settings, **self._chosen),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["trades"] == one.expected["trades"]


class Market:
    """One instrument's rows in ClickHouse."""

    def __init__(self, outcome: Outcome, one: Recording) -> None:
        settings = outcome.settings.clickhouse
        self._client = clickhouse_connect.get_client(dsn=f"{settings.url}/{settings.database}")
        self._where = f"market = '{one.market}' AND symbol = '{one.symbol}'"

    def rows(self, select: str, table: str, rest: str = "") -> list[tuple[Any, ...]]:
        """Rows of a query over this instrument."""
        where, _, tail = rest.partition("|")
        condition = f"{self._where} AND {where}" if where else self._where
        return list(self._client.query(f"SELECT {select} FROM {table} WHERE {condition} {tail}").result_rows)

    def row(self, select: str, table: str, rest: str = "") -> tuple[Any, ...]:
        """The only row."""
        [found] = self.rows(select, table, rest)
        return tuple(found)


@pytest.fixture(params=CASES)
def case(
    request: pytest.FixtureRequest, outcomes: dict[tuple[str, str], Outcome]
) -> Iterator[tuple[Market, dict[str, Any], Outcome]]:
    """A recording's rows, what they must be, and what was counted."""
    name, way = request.param
    one, outcome = recording(name), outcomes[name, way]
    market = Market(outcome, one)
    yield market, one.expected, outcome
    market._client.close()


def test_trades_are_exactly_the_recorded_ones(case: tuple[Market, dict[str, Any], Outcome]) -> None:
    market, expected, _ = case
    found = market.row(
        "count(), uniqExact(trade_id), uniqExact(event_id), sumIf(quantity, side = 'BUY'), sumIf(quantity, side = 'SELL'),"
        " min(toUInt64(trade_id)), max(toUInt64(trade_id))",
        "trades",
    )
    quantity = expected["trade_quantity"]
    assert found == (
        expected["trades"],
        expected["distinct_trade_ids"],
        expected["trades"],
        Decimal(quantity["BUY"]),
        Decimal(quantity["SELL"]),
        expected["first_trade_id"],
        expected["last_trade_id"],
    )
    notional = sum((price * size for price, size in market.rows("price, quantity", "trades")), Decimal(0))
    assert notional == Decimal(expected["trade_notional"])


def test_the_views_of_analysis_sum_it_up(case: tuple[Market, dict[str, Any], Outcome]) -> None:
    market, expected, _ = case
    found = market.row(
        "trades, volume, quote_volume, vwap", "market_summary(since = '2020-01-01', until = '2200-01-01')"
    )
    volume = sum(map(Decimal, expected["trade_quantity"].values()), Decimal(0))
    notional = Decimal(expected["trade_notional"])
    digits = Decimal("1e-18")
    with localcontext(prec=80, rounding=ROUND_DOWN):
        vwap = (notional / volume).quantize(digits)
    assert found == (expected["trades"], volume, notional, vwap)


def test_one_minute_bars_by_sql_are_the_recorded_ones(case: tuple[Market, dict[str, Any], Outcome]) -> None:
    market, expected, _ = case
    rows = market.rows(
        "toUnixTimestamp(toStartOfMinute(exchange_time)) * 1000 AS minute, argMin(price, toUInt64(trade_id)), max(price), min(price),"
        " argMax(price, toUInt64(trade_id)), sum(quantity), count()",
        "trades",
        "| GROUP BY minute ORDER BY minute",
    )
    bars = {str(minute): list(bar) for minute, *bar in rows}
    assert bars == {minute: [*map(Decimal, bar[:5]), bar[5]] for minute, bar in expected["bars_1m"].items()}


def test_spreads_are_the_changes_of_the_top_and_the_exchanges_own(
    case: tuple[Market, dict[str, Any], Outcome],
) -> None:
    market, expected, outcome = case
    counts = dict(market.rows("origin, count()", "spreads", "state = 'live' | GROUP BY origin"))
    assert counts == {"book": expected["top_changes"], "ticker": expected["book_tickers"]}
    assert market.row("count()", "spreads", "state != 'live'") == (0,)
    assert (outcome.gaps, outcome.dead_letters) == (expected["gaps"], 0)


def test_at_equal_update_ids_book_and_exchange_say_the_same(
    case: tuple[Market, dict[str, Any], Outcome],
) -> None:
    market, expected, _ = case
    best = ", ".join(
        f"{side}[1]" for side in ("bid_prices", "bid_quantities", "ask_prices", "ask_quantities")
    )
    top = "bid_price, bid_quantity, ask_price, ask_quantity"
    books = {number: tuple(levels) for number, *levels in market.rows(f"update_id, {best}", "book_snapshots")}
    books |= {
        number: tuple(levels)
        for number, *levels in market.rows(f"update_id, {top}", "spreads", "origin = 'book' |")
    }
    tickers = market.rows(f"update_id, {top}", "spreads", "origin = 'ticker' |")
    shared = [(number, tuple(levels)) for number, *levels in tickers if number in books]
    assert len(shared) == expected["book_ticker_equal_id"]
    assert sum(books[number] == levels for number, levels in shared) == expected["book_ticker_equal_top"]


def test_the_book_ends_with_the_recorded_levels(case: tuple[Market, dict[str, Any], Outcome]) -> None:
    market, expected, _ = case
    last = market.row(
        "update_id, bid_prices, bid_quantities, ask_prices, ask_quantities, state",
        "book_snapshots",
        "| ORDER BY source_offset DESC, source_index DESC LIMIT 1",
    )

    def levels(side: str) -> tuple[list[Decimal], list[Decimal]]:
        return [Decimal(price) for price, _ in expected[side]], [
            Decimal(quantity) for _, quantity in expected[side]
        ]

    assert last == (expected["last_update_id"], *levels("top20_bids"), *levels("top20_asks"), "live")
