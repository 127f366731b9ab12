"""Draws a picture of the pipeline for a terminal of any size, and keeps it on the screen."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from bookmill.demo.picture import BookLine, PartLine, Picture
from bookmill.demo.supervisor import State

__all__ = ["Screen", "draw"]

_WIDE = 110
_OLD_S = 5.0
_PROBLEMS = 4
_PART_STYLES = {
    State.UP: "green",
    State.STARTING: "cyan",
    State.WAITING: "dim",
    State.STOPPING: "cyan",
    State.ENDED: "dim",
    State.RESTARTING: "bold red",
}
_BOOK_STYLES = {"live": "green", "resyncing": "yellow", "degraded": "yellow", "stale": "red"}


class Screen:
    """Shows pictures on the whole terminal until it is left; a context manager."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, screen=True, auto_refresh=False, redirect_stdout=False)

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.__exit__(kind, error, trace)

    def show(self, picture: Picture) -> None:
        """Draw it in place of the one before."""
        width, height = self._console.size
        self._live.update(draw(picture, width, height), refresh=True)


def draw(picture: Picture, width: int, height: int) -> RenderableType:
    """The picture for so many columns and lines: what does not fit is cut, and said so."""
    head = [_title(picture), _rates(picture), _troubles(picture), Text()]
    problems = [_problem(part) for part in picture.parts if part.note][:_PROBLEMS]
    foot = Text(picture.hint, style="dim", no_wrap=True, overflow="ellipsis")
    room = (
        height - len(head) - (len(picture.parts) + 1) - len(problems) - 1 - 1 - 1
    )  # blank, header of the books, foot
    books = _books(picture.books, width, max(1, room))
    return Group(*head, _parts(picture.parts), *problems, Text(), books, foot)


def _title(picture: Picture) -> Text:
    minutes, seconds = divmod(int(picture.uptime_s), 60)
    hours, minutes = divmod(minutes, 60)
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append(picture.title, style="bold")
    text.append(f"  {hours:02}:{minutes:02}:{seconds:02}  ")
    text.append(picture.state, style="bold cyan")
    if picture.books:
        all_live = picture.live_books == len(picture.books)
        books = f"  {picture.live_books}/{len(picture.books)} books live"
        text.append(books, style="green" if all_live else "yellow")
    if picture.address:
        text.append(f"  {picture.address}", style="bold blue underline")
    return text


def _rates(picture: Picture) -> Text:
    text = Text(no_wrap=True, overflow="ellipsis")
    for name, rate, unit in (
        ("in", picture.frames_s, "frames/s"),
        ("out", picture.events_s, "events/s"),
        ("stored", picture.rows_s, "rows/s"),
    ):
        text.append(f"{name} ", style="dim")
        text.append(f"{rate:,.0f}", style="bold")
        text.append(f" {unit}   ")
    return text


def _troubles(picture: Picture) -> Text:
    text = Text(no_wrap=True, overflow="ellipsis")
    for name, lag in (("worker lag", picture.worker_lag), ("sink lag", picture.sink_lag)):
        text.append(f"{name} ", style="dim")
        text.append("-   " if lag is None else f"{lag:,}   ")
    for name, count in (
        ("restarts", picture.restarts),
        ("gaps", picture.gaps),
        ("dead letters", picture.dead_letters),
    ):
        text.append(f"{name} ", style="dim")
        text.append(f"{count:,}   ", style="bold red" if count else "")
    return text


def _table(*columns: tuple[str, str]) -> Table:
    """A table without lines; a column is its title and ``<`` or ``>``, where its cells stand."""
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    for title, side in columns:
        table.add_column(title, justify="right" if side == ">" else "left", no_wrap=True)
    return table


def _parts(parts: Sequence[PartLine]) -> Table:
    table = _table(
        ("part", "<"), ("state", "<"), ("since", ">"), ("restarts", ">"), ("memory", ">"), ("health", "<")
    )  # fmt: skip
    for part in parts:
        well = "ok" if part.state is State.UP else ""
        table.add_row(
            part.name,
            Text(part.state.value, style=_PART_STYLES[part.state]),
            _age(part.since_s),
            Text(str(part.restarts), style="bold red" if part.restarts else ""),
            "" if part.memory_mib is None else f"{part.memory_mib} MiB",
            Text("see below", style="yellow") if part.note else Text(well, style="green"),
        )
    return table


def _problem(part: PartLine) -> Text:
    return Text(f"{part.name}: {part.note}", style="yellow", no_wrap=True, overflow="ellipsis")


def _books(books: Sequence[BookLine], width: int, room: int) -> Table:
    wide = width >= _WIDE
    sizes = (("bid size", ">"),), (("ask size", ">"),)
    table = _table(
        ("instrument", "<"), ("state", "<"),
        *(sizes[0] if wide else ()), ("bid", ">"), ("ask", ">"), *(sizes[1] if wide else ()),
        ("spread", ">"), ("bps", ">"), ("age", ">"), ("trades", ">"),
    )  # fmt: skip
    shown = books if len(books) <= room else books[: room - 1]
    for book in shown:
        bid, ask, spread = _aligned(book.bid, book.ask, book.spread)
        old = book.age_s is not None and book.age_s > _OLD_S
        table.add_row(
            book.instrument,
            Text(book.state, style=_BOOK_STYLES.get(book.state, "")),
            *((book.bid_quantity or "",) if wide else ()), bid, ask, *((book.ask_quantity or "",) if wide else ()),
            spread,
            book.bps or "",
            Text("" if book.age_s is None else _age(book.age_s), style="yellow" if old else ""),
            f"{book.trades:,}",
        )  # fmt: skip
    if len(shown) < len(books):
        table.add_row(Text(f"… and {len(books) - len(shown)} more", style="dim"))
    elif not books:
        table.add_row(Text("no books yet", style="dim"))
    return table


def _aligned(*numbers: str | None) -> tuple[str, ...]:
    """With as many decimals as the one that has most, so that digits stand below digits."""
    decimals = max((len(number.partition(".")[2]) for number in numbers if number), default=0)
    return tuple(f"{Decimal(number):.{decimals}f}" if number else "" for number in numbers)


def _age(seconds: float) -> str:
    if seconds < 10:
        return f"{max(0.0, seconds):.1f} s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 6000:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h"
