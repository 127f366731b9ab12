"""What the pictures of all reports have in common: their frame, their colours, how figures and names are written on them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC
from typing import Any, Literal

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

__all__ = [
    "BLACK", "BLUE", "GREEN", "GREY", "LINES", "ORANGE", "SKY",
    "base", "duration", "figure", "label", "legend", "number", "quote", "time_axis", "wide_scale",
]  # fmt: skip

# Okabe and Ito's colours: told apart by everybody, on white.
BLUE = "#0072B2"
ORANGE = "#D55E00"
GREEN = "#009E73"
SKY = "#56B4E9"
BLACK = "#000000"
LINES = (BLUE, ORANGE, GREEN, "#CC79A7", "#E69F00", SKY, BLACK)
GREY = "#888888"
_WIDTH = 11.0
_FAR = 20


def figure(height: float, rows: int, columns: int, **ratios: Any) -> tuple[Figure, Any]:
    """A figure of so many inches and its axes, as an array of rows."""
    found = Figure(figsize=(_WIDTH, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(found)
    axes = found.subplots(rows, columns, squeeze=False, gridspec_kw=ratios)
    for each in axes.flat:
        each.spines[["top", "right"]].set_visible(False)
        each.grid(visible=True, color="#e4e4e4", linewidth=0.6)
        each.set_axisbelow(True)
    return found, axes


def legend(axes: Axes, *, below: int = 0) -> None:
    """What is what, outside of the axes so that it hides nothing: above their right end, or in so many columns below them."""
    if below:
        axes.legend(
            loc="upper center", bbox_to_anchor=(0.5, -0.16), frameon=False, fontsize="small", ncols=below
        )
    else:
        axes.legend(
            loc="lower right",
            bbox_to_anchor=(1.0, 1.0),
            frameon=False,
            fontsize="small",
            ncols=5,
            borderaxespad=0.2,
        )


def label(axes: Axes, title: str, along: str, up: str = "") -> None:
    """What axes show, and what their numbers are."""
    axes.set_title(title, loc="left", fontsize="medium")
    axes.set_xlabel(along)
    axes.set_ylabel(up)


def wide_scale(axes: Axes, side: Literal["x", "y"], values: Iterable[float]) -> None:
    """Logarithmic where the values are far apart, with plain numbers at its ticks."""
    positive = [value for value in values if value > 0]
    if not positive or max(positive) <= _FAR * min(positive):
        return
    if side == "x":
        axes.set_xscale("log")
    else:
        axes.set_yscale("log")
    axis = axes.xaxis if side == "x" else axes.yaxis
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def time_axis(axes: Axes) -> None:
    """Times in UTC along the bottom, written once each."""
    locator = AutoDateLocator()  # type: ignore[no-untyped-call]  # the library's
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=UTC))  # type: ignore[no-untyped-call]  # the library's


def number(text: str | None) -> float:
    """A decimal as far as a picture shows it."""
    return float("nan") if text is None else float(text)


def base(row: Mapping[str, Any]) -> str:
    """``BTC`` of ``BTC-USDT``."""
    return str(row["symbol"]).partition("-")[0]


def quote(row: Mapping[str, Any]) -> str:
    """``USDT`` of ``BTC-USDT``, and of what has an expiry behind it."""
    return str(row["symbol"]).partition("-")[2].partition("-")[0]


def duration(seconds: int) -> str:
    """The length of a bar."""
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if not seconds % length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"
