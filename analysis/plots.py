"""Pictures of the reports, as PNG. What is drawn is rounded to floats; figures are read from the JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import drawing
from analysis.drawing import BLACK, BLUE, GREEN, GREY, LINES, ORANGE, SKY, label, legend, number
from analysis.reading import Row
from analysis.reports import Bars, Report
from bookmill.errors import ConfigurationError

__all__ = ["draw"]

_MOST_BARS = 30
_MOST_PANELS = 4
_DPI = 130
_SECOND_US = 1_000_000
_Rows = Sequence[Mapping[str, Any]]


def draw(name: str, report: Report, path: Path, bars: Bars) -> None:
    """Draw the report of that name into ``path``. ``bars``: for ``trading``, what happened when.

    Raises :class:`ConfigurationError` where the file cannot be written.
    """
    figure = _DRAWN[name](report, bars)
    minutes = [report[end][:16].replace("T", " ") for end in ("since", "until")]
    figure.suptitle(f"{name}, {' to '.join(minutes)} UTC", x=0.01, ha="left")
    try:
        figure.savefig(path, format="png", dpi=_DPI)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror or error}.") from error


def _summary(report: Report, _: Bars) -> Figure:
    rows = _most_traded(report["instruments"], _MOST_BARS)[::-1]
    figure, [[change, spread]] = drawing.figure(1.6 + 0.3 * len(rows), 1, 2)
    values = [number(row["change_percent"]) for row in rows]
    _bars(change, rows, values, [BLUE if value >= 0 else ORANGE for value in values])
    label(change, "change of the price", "percent")
    _bars(spread, rows, [number(row["spread_bps"]) for row in rows], GREEN)
    spread.set(yticklabels=[])
    label(spread, "spread at the end", "basis points")
    return figure


def _trading(report: Report, bars: Bars) -> Figure:
    seconds, all_bars = bars
    chosen = _most_traded(report["instruments"], _MOST_PANELS)
    figure, axes = drawing.figure(4.0 * len(chosen), 2 * len(chosen), 1, height_ratios=[3, 1] * len(chosen))
    for place, one in enumerate(chosen):
        price, volume = axes[2 * place, 0], axes[2 * place + 1, 0]
        mine = [bar for bar in all_bars if bar["instrument"] == one["instrument"]]
        times = [datetime.fromtimestamp(bar["open_time_us"] / _SECOND_US, UTC) for bar in mine]
        price.plot(
            times, [number(bar["close_price"]) for bar in mine], color=BLUE, linewidth=1.3, label="price"
        )
        price.axhline(number(one["vwap"]), color=ORANGE, linestyle="--", linewidth=1.1, label="VWAP")
        label(price, one["instrument"], "", f"price, {drawing.quote(one)}")
        legend(price)
        price.ticklabel_format(axis="y", useOffset=False)
        price.tick_params(labelbottom=False)
        width = seconds / 86_400
        bought = [number(bar["buy_volume"]) for bar in mine]
        sold = [number(bar["sell_volume"]) for bar in mine]
        volume.bar(times, bought, width=width, align="edge", color=BLUE, label="bought")
        volume.bar(times, sold, width=width, align="edge", color=ORANGE, bottom=bought, label="sold")
        label(volume, "", "time, UTC", f"{drawing.base(one)} per {drawing.duration(seconds)}")
        legend(volume)
        price.sharex(axes[1, 0])
        volume.sharex(axes[1, 0])
        drawing.time_axis(volume)
    return figure


def _profile(report: Report, _: Bars) -> Figure:
    figure, [[axes]] = drawing.figure(7.0, 1, 1)
    step = number(report["step"])
    lows = [number(row["low_price"]) for row in report["buckets"]]
    bought = [number(row["buy_volume"]) for row in report["buckets"]]
    sold = [number(row["sell_volume"]) for row in report["buckets"]]
    area = [number(report["value_area"][end]) for end in ("low_price", "high_price")]
    axes.axhspan(*area, color=SKY, alpha=0.18, linewidth=0, label="value area (70 %)")
    axes.barh(lows, bought, height=step * 0.9, align="edge", color=BLUE, label="bought")
    axes.barh(lows, sold, left=bought, height=step * 0.9, align="edge", color=ORANGE, label="sold")
    axes.axhline(
        number(report["poc"]["low_price"]) + step / 2, color=BLACK, linewidth=1.0, label="point of control"
    )
    axes.axhline(number(report["vwap"]), color=GREEN, linestyle="--", linewidth=1.4, label="VWAP")
    label(
        axes,
        f"{report['instrument']}: volume by price, buckets of {report['step']}",
        f"volume, {drawing.base(report)}",
        f"price, {drawing.quote(report)}",
    )
    axes.ticklabel_format(axis="y", useOffset=False)
    legend(axes)
    return figure


def _spreads(report: Report, _: Bars) -> Figure:
    rows = sorted(report["instruments"], key=lambda row: row["tops"])[-_MOST_BARS:]
    figure, [[ranges, hours]] = drawing.figure(max(4.5, 2.0 + 0.32 * len(rows)), 1, 2, width_ratios=[3, 2])
    found = {
        each: [number(row[f"{each}_bps"]) for row in rows]
        for each in ("p5", "p25", "p50", "p75", "p95", "mean")
    }
    places = range(len(rows))
    ranges.hlines(places, found["p5"], found["p95"], color=BLUE, linewidth=1.4, label="5 to 95 %")
    ranges.hlines(places, found["p25"], found["p75"], color=BLUE, linewidth=6, alpha=0.5, label="25 to 75 %")
    ranges.plot(found["p50"], places, "o", color=BLACK, markersize=5, label="median")
    ranges.plot(found["mean"], places, "D", color=ORANGE, markersize=5, label="mean")
    ranges.set_yticks(places, [_named(row) for row in rows])
    drawing.wide_scale(ranges, "x", [value for values in found.values() for value in values])
    label(ranges, "spread, weighted by time", "basis points")
    legend(ranges, below=4)
    means: list[float] = []
    for row, colour in zip(rows[::-1], LINES):
        mine = [each for each in report["hours"] if _named(each) == _named(row)]
        values = [number(each["mean_bps"]) for each in mine]
        hours.plot(
            [each["hour"] for each in mine], values, "o-", color=colour, label=_named(row), markersize=4
        )
        means += values
    hours.set(xlim=(-0.5, 23.5), xticks=range(0, 24, 3))
    drawing.wide_scale(hours, "y", means)
    label(hours, "mean by hour of the day", "hour, UTC", "basis points")
    legend(hours, below=1)
    return figure


def _venues(report: Report, _: Bars) -> Figure:
    symbols = list(dict.fromkeys(row["symbol"] for row in report["venues"]))[:_MOST_PANELS]
    counts = [sum(row["symbol"] == symbol for row in report["venues"]) for symbol in symbols]
    height = sum(1.3 + 0.5 * count for count in counts)
    figure, axes = drawing.figure(
        1.0 + height, len(symbols), 2, height_ratios=[1.3 + 0.5 * count for count in counts]
    )
    for [best, apart], symbol in zip(axes, symbols):
        rows = [row for row in report["venues"] if row["symbol"] == symbol][::-1]
        names = [f"{row['exchange']} {row['market']}" for row in rows]
        _pairs(best, rows, names, {"best bid": "best_bid_percent", "best ask": "best_ask_percent"})
        best.set(xlim=(0, 100))
        label(best, f"{symbol}: whose price is best", "percent of the seconds compared")
        _bars(apart, rows, [number(row["mid_difference_bps"]) for row in rows], GREEN)
        apart.set(yticklabels=[])
        label(apart, f"{symbol}: mid, from the mean of all", "basis points")
    return figure


def _quality(report: Report, _: Bars) -> Figure:
    rows = _most_traded(report["instruments"], _MOST_BARS)[::-1]
    figure, [[whole, late]] = drawing.figure(1.8 + 0.4 * len(rows), 1, 2)
    names, places = [row["instrument"] for row in rows], range(len(rows))
    _pairs(whole, rows, names, {"book live": "book_live_percent", "trades stored": "trades_percent"})
    whole.set(xlim=(0, 100))
    label(whole, "completeness", "percent")
    for shift, stream, colour in ((0.15, "book", BLUE), (-0.15, "trades", ORANGE)):
        known = [place for place in places if rows[place][f"{stream}_latency_p50_us"] is not None]
        medians = [rows[place][f"{stream}_latency_p50_us"] / 1000 for place in known]
        ends = [rows[place][f"{stream}_latency_p99_us"] / 1000 for place in known]
        lines = [place + shift for place in known]
        late.hlines(lines, medians, ends, color=colour, linewidth=2)
        late.plot(medians, lines, "o", color=colour, label=f"{stream}: median to 99 %")
    late.set(yticks=places, yticklabels=[], ylim=(-0.5, len(rows) - 0.5))
    label(late, "latency", "milliseconds from exchange to receipt")
    legend(late)
    return figure


def _bars(axes: Axes, rows: _Rows, values: Sequence[float], colour: str | Sequence[str]) -> None:
    """One bar a row, from zero."""
    axes.barh([row["instrument"] for row in rows], values, height=0.6, color=colour)
    axes.axvline(0, color=GREY, linewidth=0.8)


def _pairs(axes: Axes, rows: _Rows, names: Sequence[str], fields: Mapping[str, str]) -> None:
    """Two bars a row, the first one above; ``fields`` by what they are."""
    for (meaning, field), shift, colour in zip(fields.items(), (0.2, -0.2), (BLUE, ORANGE)):
        places = [place + shift for place in range(len(rows))]
        axes.barh(places, [number(row[field]) for row in rows], height=0.36, color=colour, label=meaning)
    axes.set_yticks(range(len(rows)), names)
    legend(axes)


def _most_traded(rows: _Rows, most: int) -> list[Row]:
    return sorted(map(dict, rows), key=lambda row: -row["trades"])[:most]


def _named(row: Mapping[str, Any]) -> str:
    return f"{row['instrument']} ({row['origin']})"


_DRAWN: Mapping[str, Callable[[Report, Bars], Figure]] = {
    "summary": _summary,
    "trading": _trading,
    "profile": _profile,
    "spreads": _spreads,
    "venues": _venues,
    "quality": _quality,
}
