"""``bookmill demo`` and ``bookmill up``: the whole pipeline in this terminal."""

from __future__ import annotations

import click

__all__ = ["demo", "up"]

_SYMBOLS = "BTC-USDT,ETH-USDT,SOL-USDT"


@click.command()
@click.option(
    "--duration",
    type=click.FloatRange(min=0, min_open=True),
    metavar="S",
    help="Drain and stop after so many seconds with all parts up; otherwise at Ctrl-C or the recordings' end.",
)
@click.option(
    "--exchanges",
    default="binance",
    show_default=True,
    metavar="A,B",
    help="Which exchanges are simulated, or all.",
)
@click.option(
    "--symbols",
    metavar="A-B,C-D",
    help=f"Instruments of each simulated market; {_SYMBOLS} on Binance, each exchange's usual ones elsewhere.",
)
@click.option(
    "--market",
    "markets",
    multiple=True,
    help="Only this market of the one exchange: spot, usdm, swap …; repeatable.",
)
@click.option(
    "--rate",
    type=click.FloatRange(1, 1_000_000),
    default=200,
    show_default=True,
    help="Frames a second of each market.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed is the same market.")
@click.option(
    "--recording", "recordings", multiple=True, metavar="PATH…", help="Play these files instead; repeatable."
)
@click.option(
    "--speed", default="1", show_default=True, help="Of recordings: a factor of their pace, or max."
)
@click.option(
    "--gateway/--no-gateway",
    "serve",
    default=True,
    show_default=True,
    help="With the dashboard and the API; without them there is no watcher either, and less to do.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON object on stdout.")
@click.argument("more", nargs=-1, metavar="")
@click.pass_context
def demo(
    context: click.Context,
    duration: float | None,
    exchanges: str,
    symbols: str,
    markets: tuple[str, ...],
    rate: float,
    seed: int,
    recordings: tuple[str, ...],
    speed: str,
    more: tuple[str, ...],
    *,
    serve: bool,
    as_json: bool,
) -> None:
    """Run the whole pipeline on simulated exchanges, in this terminal.

    Starts Kafka, the schema registry and ClickHouse (unless they run, or addresses are configured), simulated exchanges, a
    producer, a worker, a sink, a watcher and a gateway; shows what goes through and where the dashboard is; starts again what
    dies. Ctrl-C stops in order and loses nothing.
    What it made stays: bookmill platform start, then bookmill sql "SELECT * FROM trades LIMIT 5". Its topics have the prefix
    "demo.", so that simulated frames are never taken for real ones.

    \b
    Examples:
      bookmill demo
      bookmill demo --duration 30 --json
      bookmill demo --exchanges all
      bookmill demo --exchanges okx,kraken --duration 60
      bookmill demo --exchanges okx --market swap --symbols BTC-USDT,BTC-USD
      bookmill demo --symbols BTC-USDT --market spot --rate 5000
      bookmill demo --recording btcusdt_day1.gz btcusdt_day2.gz --speed 10
    """
    from bookmill import settings_loading
    from bookmill.demo.choice import simulated_exchange
    from bookmill.demo.names import simulated
    from bookmill.demo.terminal import run

    if more and not recordings:
        raise click.UsageError(f"Got unexpected extra argument ({more[0]})", context)
    settings = settings_loading.load()
    exchange = simulated_exchange(
        exchanges=exchanges,
        markets=markets,
        symbols=symbols,
        rate=rate,
        seed=seed,
        recordings=(*recordings, *more),
        speed=speed,
    )
    run(
        simulated(settings, exchange),
        title="bookmill demo",
        exchange=exchange,
        duration_s=duration,
        serve=serve,
        as_json=as_json,
    )


@click.command()
@click.option(
    "--duration",
    type=click.FloatRange(min=0, min_open=True),
    metavar="S",
    help="Drain and stop after so many seconds with all parts up; otherwise at Ctrl-C.",
)
@click.option(
    "--gateway/--no-gateway",
    "serve",
    default=True,
    show_default=True,
    help="With the dashboard and the API; without them there is no watcher either, and less to do.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON object on stdout.")
def up(duration: float | None, *, serve: bool, as_json: bool) -> None:
    """Run the whole pipeline on the real exchanges of the settings, in this terminal.

    Starts Kafka, the schema registry and ClickHouse (unless they run, or addresses are configured), a producer, a worker,
    a sink, a watcher and a gateway with the dashboard; starts again what dies. What is added or removed there, or with 'bookmill
    subscribe', stays so over restarts. An exchange that cannot be reached is shown and tried again, and never simulated.

    \b
    Examples:
      bookmill up
      BOOKMILL_EXCHANGES__BINANCE__SPOT__SYMBOLS='["BTC-USDT","SOL-USDT"]' bookmill up      only this market
      BOOKMILL_EXCHANGES='{"kraken": {"spot": {"symbols": ["BTC-USD"]}}}' bookmill up      another exchange
      BOOKMILL_CONFIG=live.yaml bookmill up --duration 3600 --json
    """
    from bookmill import settings_loading
    from bookmill.demo.terminal import run

    settings = settings_loading.load()
    run(settings, title="bookmill up", exchange=None, duration_s=duration, serve=serve, as_json=as_json)
