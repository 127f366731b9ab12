"""Tables of runs that are over are found by their names; those of running ones are left alone."""

from __future__ import annotations

from typing import Any

import pytest

from audit.scratch import Scratch, is_left_over, run_name
from schemas.catalogue import SPREADS, TRADES
from sinks.tables import statements


class Store:
    def __init__(self, *tables: str) -> None:
        self.tables = set(tables)
        self.refuse = ""

    def command(self, statement: str) -> None:
        if self.refuse and "CREATE TABLE" in statement and self.refuse in statement:
            raise RuntimeError
        words = statement.split()
        if "DROP TABLE" in statement:
            self.tables.discard(words[4].removeprefix("m."))
        elif "CREATE TABLE" in statement:
            self.tables.add(words[words.index("EXISTS") + 1].removeprefix("m."))

    def rows(self, _: str) -> list[tuple[Any, ...]]:
        return [(name,) for name in sorted(self.tables) if name.startswith("audit_")]


def test_a_running_process_and_a_young_one_elsewhere_are_not_over() -> None:
    mine = f"{run_name()}_trades"
    host, pid, started = mine.split("_")[1:4]
    assert not is_left_over(mine, now_s=0)
    assert is_left_over(f"audit_{host}_{pid}_{int(started) - 5}_1_trades", now_s=0)
    assert is_left_over(f"audit_{host}_999999999_1_1_trades", now_s=0)
    assert not is_left_over("audit_00000000_1_1000_1_trades", now_s=1000 + 86_400)
    assert is_left_over("audit_00000000_1_1000_1_trades", now_s=1001 + 86_400)


@pytest.mark.parametrize("name", ["audit_", "audit_x", "audit_zz_1_1_1", "audit_trail", "trades"])
def test_tables_of_other_names_are_nobodys_scratch(name: str) -> None:
    assert not is_left_over(name, now_s=1e12)


def test_scratch_tables_are_like_the_real_ones_and_go_with_the_block() -> None:
    host = run_name().split("_")[1]
    store = Store("trades", f"audit_{host}_999999999_1_1_trades", "audit_trail")
    with Scratch(store, "m", [TRADES, SPREADS]) as scratch:  # type: ignore[arg-type]
        assert store.tables == {"trades", "audit_trail", *scratch.names.values()}
    assert store.tables == {"trades", "audit_trail"}


def test_what_is_made_by_half_is_dropped_too() -> None:
    store = Store("trades")
    store.refuse = "_spreads"
    with pytest.raises(RuntimeError), Scratch(store, "m", [TRADES, SPREADS]):  # type: ignore[arg-type]
        pass
    assert store.tables == {"trades"}


def test_a_table_like_another_has_its_columns_under_its_name() -> None:
    like = statements("trades", "m", name="other")
    assert [text.replace("m.other", "m.trades") for text in like] == statements("trades", "m")
    assert not any("m.trades" in text for text in like)


def test_no_view_is_made_over_a_scratch_table() -> None:
    assert any("VIEW m.gaps_now" in text for text in statements("gaps", "m"))
    assert not any("VIEW" in text for text in statements("gaps", "m", name="other"))
