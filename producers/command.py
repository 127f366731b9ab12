"""``bookmill produce``: frames from exchanges into the raw topics, until it is told to stop."""

from __future__ import annotations

import click

__all__ = ["produce"]


@click.command()
@click.option("--exchange", help="Only this exchange; one that the settings do not have, too.")
@click.option("--market", "markets", multiple=True, help="Only this market: spot, usdm, swap …; repeatable.")
@click.option(
    "--symbols",
    help="These instead of the settings' symbols, comma-separated, like BTC-USDT,ETH-USDT or as the exchange spells them.",
)
@click.option(
    "--status-port", type=click.IntRange(0, 65_535), help="Port of /health, /status and /metrics; 0 for any."
)
@click.option(
    "--shared",
    is_flag=True,
    help="Share the instruments of control.subscriptions with the other producers of the group.",
)
def produce(
    exchange: str | None,
    markets: tuple[str, ...],
    symbols: str | None,
    status_port: int | None,
    *,
    shared: bool,
) -> None:
    """Collect market data from exchanges into Kafka, until SIGINT or SIGTERM.

    One record is one frame, byte for byte, in raw.<exchange>.<market>. An exchange that cannot be reached is shown as
    such at the status port and in the log, and tried again for ever. Images of books are fetched, or their streams
    subscribed anew, when a worker asks for them. Workers read the markets of their settings: a market that only the
    command line names is collected, and nothing is made of it until the settings have it too.

    With --shared (or the setting producer.shared) producers divide among themselves what 'bookmill subscribe' has asked for, of
    the markets of their settings, which have to be the same for all; symbols of the settings that nobody has asked for
    yet are asked for. When one of them dies the others take its instruments over.

    \b
    Examples:
      bookmill produce                                          all markets of the settings
      bookmill produce --market spot --symbols BTC-USDT,ETH-USDT
      bookmill produce --exchange okx --market swap --symbols BTC-USDT,BTC-USD
      bookmill produce --exchange binance --market usdm --status-port 9401
      bookmill produce --shared                                 one of several that share the instruments
    """
    import uvloop

    from bookmill import log, settings_loading
    from producers.app import chosen_markets, run

    settings = settings_loading.load()
    log.configure(settings.log)
    if status_port is not None:
        settings = settings.model_copy(
            update={"status": settings.status.model_copy(update={"port": status_port})}
        )
    if shared:
        settings = settings.model_copy(
            update={"producer": settings.producer.model_copy(update={"shared": True})}
        )
    names = [name.strip() for name in (symbols or "").split(",") if name.strip()]
    if symbols is not None and not names:
        raise click.BadParameter("it names no symbol.", param_hint="--symbols")
    uvloop.run(run(settings, chosen_markets(settings, exchange, markets, names)))
