"""What a run leaves to read: one JSON object for programs, a table for people."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table

from bookmill.demo.account import Figures
from bookmill.demo.exchange import Sent

__all__ = ["Summary"]


@dataclass(frozen=True)
class Summary:
    """A finished run; ``began`` is False when it was stopped before a frame could be collected. ``sent`` is what the simulated exchange sent, by market; None with real exchanges, which do not tell.

    ``handed_over`` frames came over two connections while one replaced the other, and were written once; ``no_frames`` raw records are a producer's own words (``lost``) or past trades. ``lost`` frames were sent to a producer that ended before it had them in Kafka: an exchange does not send them again. ``lag`` is what was left undone, in records, by part, for the next start; 0 after a run that was drained.
    """

    title: str
    began: bool
    figures: Figures
    sent: dict[str, Sent] | None
    handed_over: int
    no_frames: int
    lost: int
    gaps: int
    lag: dict[str, int]
    restarts: dict[str, int]
    books: dict[str, int]
    wall_s: float
    first_live_book_s: float | None
    problems: list[str] = field(default_factory=list)

    @property
    def frames_sent(self) -> int | None:
        """Websocket frames and REST snapshots: both become raw records."""
        if self.sent is None:
            return None
        return sum(each.frames + each.snapshots for each in self.sent.values())

    @property
    def frames_in_kafka(self) -> int:
        """Raw records of this run that are frames, or snapshots."""
        return sum(self.figures.records.values()) - self.no_frames

    def as_json(self) -> str:
        """One line."""
        figures = self.figures
        content: dict[str, Any] = {
            "frames_sent": self.frames_sent,
            "frames_in_kafka": self.frames_in_kafka,
            "frames_sent_twice": self.handed_over,
            "frames_lost": self.lost,
            "events": figures.events,
            "rows": figures.rows,
            "gaps": self.gaps,
            "dead_letters": figures.dead_letters,
            "lag": sum(self.lag.values()),
            "lag_by_part": self.lag,
            "restarts": self.restarts,
            "repeated_events": figures.repeated,
            "records_by_topic": figures.records,
            "sent_by_market": None
            if self.sent is None
            else {
                market: {"websocket": sent.frames, "snapshots": sent.snapshots}
                for market, sent in self.sent.items()
            },
            "rows_total": figures.rows_total,
            "books": self.books,
            "first_live_book_seconds": self.first_live_book_s,
            "wall_seconds": round(self.wall_s, 3),
            "problems": self.problems,
        }
        return json.dumps(content)

    def print(self, console: Console) -> None:
        """A table of the way: what was sent, received, made of it, stored."""
        table = Table(title=self.title, title_justify="left", box=None, pad_edge=False, show_header=False)
        table.add_column(no_wrap=True)
        table.add_column(justify="right", no_wrap=True)
        table.add_column(style="dim")
        if self.sent is not None:
            by_market = ", ".join(
                f"{market} {sent.frames:,} + {sent.snapshots} snapshots" for market, sent in self.sent.items()
            )
            table.add_row("frames sent by the exchange", f"{self.frames_sent:,}", by_market)
        by_topic = ", ".join(f"{topic} {count:,}" for topic, count in self.figures.records.items())
        table.add_row("frames in Kafka", f"{self.frames_in_kafka:,}", by_topic)
        if self.lost:
            table.add_row(
                "frames lost",
                f"{self.lost:,}",
                "sent to a producer that ended before it had written them",
            )
        for name, count in self.figures.events.items():
            rows = self.figures.rows.get(name, 0)
            total = self.figures.rows_total.get(name, 0)
            more = f"{total:,} with earlier runs" if total > rows else ""
            table.add_row(f"{name}: events → rows", f"{count:,} → {rows:,}", more)
        table.add_row("gaps, dead letters", f"{self.gaps}, {self.figures.dead_letters}", "")
        again = ", ".join(f"{name} {count}" for name, count in self.restarts.items() if count)
        table.add_row("parts started again", str(sum(self.restarts.values())), again)
        if lag := sum(self.lag.values()):
            table.add_row("left undone", f"{lag:,}", "records; the next start takes them up")
        live = (
            "" if self.first_live_book_s is None else f"first live book after {self.first_live_book_s:.1f} s"
        )
        table.add_row("wall time", f"{self.wall_s:.1f} s", live)
        console.print(table)
        for problem in self.problems:
            console.print(problem, style="yellow")
