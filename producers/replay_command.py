"""``bookmill replay``: recorded frames into the raw topic."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["replay"]


@click.command()
@click.argument("paths", metavar="PATH…", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--exchange", required=True, help="Whose frames they are, like binance.")
@click.option("--market", required=True, help="Of which market, like spot or usdm.")
@click.option("--symbol", required=True, help="The instrument as BASE-QUOTE, like BTC-USDT.")
@click.option(
    "--unit", help="What its quantities are: 0.01 (base units a contract), /100 (quote currency a contract)."
)
@click.option("--speed", default="max", show_default=True, help="A factor of the recorded pace, or max.")
@click.option(
    "--wait", is_flag=True, help="Return when every resulting event is in ClickHouse, and print the counts."
)
@click.option(
    "--patience",
    type=click.FloatRange(min=1),
    default=60.0,
    show_default=True,
    help="With --wait: seconds without progress after which it gives up.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")
def replay(
    paths: tuple[Path, ...],
    exchange: str,
    market: str,
    symbol: str,
    unit: str | None,
    speed: str,
    *,
    wait: bool,
    patience: float,
    as_json: bool,
) -> None:
    """Put one recording's frames into the raw topic, in order, as a producer would have written them.

    Several files are one recording, in the order given, plain or gzip. A line is '<receive time in ns or µs> <frame>'; session
    logs as cryptofeed writes them are read too ('<time in s>: <frame>', 'https://… -> <time>: <body>'), of which one
    instrument's frames are taken. All is checked first: of a broken recording nothing is written. No exchange is asked.

    \b
    Examples:
      bookmill replay day1.gz day2.gz --exchange binance --market spot --symbol BTC-USDT
      bookmill replay day1.gz --exchange binance --market usdm --symbol BTC-USDT --wait --json
      bookmill replay day1.gz --exchange binance --market spot --symbol BTC-USDT --speed 10
      bookmill replay OKX.0.gz OKX.ws.1.0.gz --exchange okx --market swap --symbol UNI-USD --wait
    """
    from bookmill import log, settings_loading
    from producers.replay_run import run

    settings = settings_loading.load()
    log.configure(settings.log)
    run(
        settings,
        paths,
        exchange=exchange,
        market=market,
        symbol=symbol.upper(),
        unit=unit,
        speed=_speed(speed),
        patience_s=patience if wait else None,
        as_json=as_json,
    )


def _speed(text: str) -> float:
    try:
        speed = float("inf") if text == "max" else float(text)
    except ValueError:
        speed = 0.0
    if not speed > 0:
        raise click.BadParameter("give a factor like 10, or max.", param_hint="--speed")
    return speed
