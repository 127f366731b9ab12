"""``bookmill bench``."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["bench"]


def _parts(_: click.Context, __: click.Parameter, given: str | tuple[str, ...] | None) -> tuple[str, ...]:
    """Names out of one text with commas, or of several."""
    from bench.running import PARTS

    named = given.split(",") if isinstance(given, str) else given or ()
    chosen = tuple(part.strip() for part in named)
    for part in chosen:
        if part not in PARTS:
            raise click.BadParameter(f"'{part}' is none of {', '.join(PARTS)}.")
    return chosen


@click.command()
@click.argument("parts", nargs=-1, callback=_parts, metavar="[PART]…")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")
@click.option(
    "--recordings",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of the recorded frames; $BOOKMILL_RECORDINGS or ../shared/recordings by default.",
)
@click.option("--frames", type=click.IntRange(min=2000), help="Only so many frames; all by default.")
@click.option(
    "--only",
    callback=_parts,
    metavar="PART,…",
    help="The same as the parts named: of handler, worker, sink, producer, peers, venues, many, checkpoints, takeover, gateway.",
)
@click.option(
    "--repeat", type=click.IntRange(1, 100), default=1, show_default=True, help="Rounds; medians count."
)
def bench(
    *,
    parts: tuple[str, ...],
    as_json: bool,
    recordings: Path | None,
    frames: int | None,
    only: tuple[str, ...],
    repeat: int,
) -> None:
    """Measure how fast every PART is on this machine, or all of them.

    The recorded Binance frames (or as many of a synthetic market) go through raw topics, worker, event topics and sink on
    an embedded platform of their own, with the real commands as child processes; and through the same handler under
    stock Faust and Quix Streams, whose environment is installed on first use. Times are the broker's, from the first
    event stored to the last, start-up excluded. Every run has to store exactly the events the handler gives.

    \b
    Examples:
      bookmill bench
      bookmill bench --json --repeat 3 > bench.json
      bookmill bench --only handler,worker --frames 50000
      bookmill bench --only venues,many --repeat 3              book updates by venue; 500 instruments in one producer
      bookmill bench --only checkpoints,takeover                what checkpoints cost; 400 books after a kill -9
      bookmill bench gateway                                    answers, events to 200 clients, 1,000 clients, the dashboard
    """
    import json
    import signal

    from rich.console import Console

    from bench.frames import Workload, load_workload, recordings_directory
    from bench.report import table
    from bench.running import FRAMELESS, PARTS, Plan, run
    from bookmill import log, settings_loading

    settings = settings_loading.load()
    log.configure(settings.log.model_copy(update={"level": "warning"}))
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell may have started us with Ctrl-C ignored
        signal.signal(number, signal.default_int_handler)
    directory = recordings or recordings_directory()
    chosen = tuple(dict.fromkeys((*parts, *only))) or PARTS
    needed = not set(chosen) <= FRAMELESS
    workload = load_workload(directory, frames) if needed else Workload((), "none needed")
    report = run(Plan(workload, chosen, repeat, directory), settings)
    if as_json:
        click.echo(json.dumps(report.as_json(), indent=1))
    else:
        Console().print(table(report))
