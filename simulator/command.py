"""``bookmill simulate``: a simulated exchange on local ports, until it is stopped."""

from __future__ import annotations

from typing import Any

import click

__all__ = ["simulate"]


@click.command()
@click.option(
    "--exchange",
    default="binance",
    show_default=True,
    help="which exchange to simulate; several with commas, or all",
)
@click.option(
    "--market",
    "markets",
    multiple=True,
    help="spot, usdm, coinm …; repeatable; the exchange's usual ones by default",
)
@click.option("--symbols", help="comma-separated, like BTC-USDT,ETH-USDT")
@click.option("--instruments", type=click.IntRange(1, 5000), help="that many symbols instead of --symbols")
@click.option(
    "--rate",
    type=click.FloatRange(1, 1_000_000),
    default=200,
    show_default=True,
    help="frames a second of each synthetic market",
)
@click.option("--seed", default=1, show_default=True, help="the same seed is the same market")
@click.option(
    "--recording",
    "recordings",
    multiple=True,
    metavar="[MARKET:SYMBOL=]PATH[,PATH…]",
    help="play these files; repeatable; bare paths are one recording of the one --market and --symbols",
)
@click.option("--speed", default="1", show_default=True, help="of recordings: a factor of their pace, or max")
@click.option("--host", default="127.0.0.1", show_default=True, help="address to listen on")
@click.option(
    "--port",
    type=click.IntRange(0, 65_528),
    default=0,
    show_default=True,
    help="first of two ports a market (websocket, REST), one after the other; 0: any free ones",
)
@click.option("--duration", type=click.FloatRange(min=0, min_open=True), help="stop after so many seconds")
@click.option("--json", "as_json", is_flag=True, help="the addresses as one JSON line at the start")
@click.option("--list", "only_list", is_flag=True, help="only say, as JSON, what can be simulated")
def simulate(*, only_list: bool, **options: Any) -> None:
    """Simulate an exchange: real websockets and REST on this machine.

    It plays a synthetic market, the same for the same seed, or recorded frames, untouched. It opens with its first
    subscriber. GET /simulator/counts and POST /simulator/faults on the REST port tell what was sent and make things go wrong.
    At the end the counts are printed as JSON.

    \b
    Examples:
      bookmill simulate                                        spot and USD-M, three symbols each
      bookmill simulate --exchange all --json                  all exchanges, addresses by exchange and market
      bookmill simulate --exchange okx --market swap --symbols BTC-USDT,BTC-USD
      bookmill simulate --market spot --instruments 200 --rate 20000
      bookmill simulate --market spot --symbols BTC-USDT --recording day1.gz --recording day2.gz --speed 10
      bookmill simulate --recording spot:BTC-USDT=a.gz,b.gz --recording usdm:BTC-USDT=c.gz --speed max --json
    """
    import json

    import uvloop

    from bookmill import log, settings_loading
    from simulator.serving import Options, offered, serve

    if only_list:
        click.echo(json.dumps(offered()))
        return

    settings = settings_loading.load()
    log.configure(settings.log)
    uvloop.run(serve(Options(**options), settings.status))
