"""Rules of alerts as ``bookmill alerts list`` shows them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table

from schemas.alert_store import StoredRule

__all__ = ["form_of", "print_table"]

_WIDE = 200


def form_of(one: StoredRule) -> dict[str, Any]:
    """One of them, with who changed it and when."""
    return {
        **one.rule.model_dump(mode="json"),
        "changed_by": one.changed_by,
        "changed_time_us": one.changed_micros,
    }


def print_table(rows: Sequence[StoredRule]) -> None:
    """All of them, for people."""
    table = Table(box=None, pad_edge=False)
    for column in ("id", "on", "kind", "instruments", "parameters", "webhook", "changed by", "changed (UTC)"):
        table.add_column(column)
    for one in rows:
        rule = one.rule
        more = {"hysteresis": rule.hysteresis, "cooldown_s": rule.cooldown_s}
        parameters = {**rule.parameters, **{name: f"{value:f}" for name, value in more.items() if value}}
        table.add_row(
            rule.id,
            "on" if rule.on else "off",
            rule.condition.kind,
            f"{rule.exchange}.{rule.market}.{rule.symbol}",
            " ".join(f"{name}={value}" for name, value in parameters.items()),
            "yes" if rule.webhook else "",
            one.changed_by,
            f"{datetime.fromtimestamp(one.changed_micros / 1e6, UTC):%Y-%m-%d %H:%M:%S}",
        )
    console = Console()
    Console(width=None if console.is_terminal else _WIDE).print(table)
