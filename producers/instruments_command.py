"""``bookmill instruments``: what the exchanges offer, by their own metadata."""

from __future__ import annotations

import click

__all__ = ["instruments"]

_WIDE = 200
"""Characters of a line where nobody's terminal says how many: nothing is cut off for a file."""


@click.command()
@click.option("--exchange", help="Only this exchange; one that the settings do not have, too.")
@click.option("--market", "markets", multiple=True, help="Only this market: spot, usdm, swap …; repeatable.")
@click.option("--search", default="", help="Only symbols that contain this, like SOL.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line on stdout.")
def instruments(exchange: str | None, markets: tuple[str, ...], search: str, *, as_json: bool) -> None:
    """List instruments: symbol, the exchange's own spelling, tick, lot, and whether it trades.

    Asks the exchanges of the settings (through their proxy where they have one); none of it is stored. What is collected
    is marked; choose it with exchanges.<exchange>.<market>.symbols.

    \b
    Examples:
      bookmill instruments --market spot --search SOL
      bookmill instruments --exchange deribit --market option --search BTC-USD-
      bookmill instruments --exchange binance --json | jq -r .symbol
    """
    import asyncio

    from rich.console import Console

    from bookmill import log, settings_loading
    from bookmill.errors import UnavailableError
    from producers.app import chosen_markets
    from producers.ledger import LEDGER_FILE, Ledger
    from producers.offers import ask_all, table

    settings = settings_loading.load()
    log.configure(settings.log)
    chosen = chosen_markets(settings, exchange, markets, [])
    for (name, market), one in chosen.items():
        if market not in settings.exchanges.get(name, {}):  # nothing of it is collected
            chosen[name, market] = one.model_copy(update={"symbols": ()})
    ledger = Ledger(settings.data_dir / LEDGER_FILE)
    answer = asyncio.run(ask_all(chosen, settings.producer, search, ledger))
    ledger.close()
    if as_json:
        for offer in answer.offers:
            click.echo(offer.as_json())
    elif answer.offers or not answer.problems:
        console = Console()
        Console(width=None if console.is_terminal else _WIDE).print(table(answer.offers))
    if answer.problems:
        raise UnavailableError(" ".join(answer.problems))
