"""``bookmill check``: whether the settings are good and what they point at answers, one line each."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bookmill.errors import BookmillError, ConfigurationError, UnavailableError

if TYPE_CHECKING:
    from bookmill.addresses import Addresses
    from bookmill.settings import MarketSettings, Settings

__all__ = ["Finding", "check", "findings", "require_configured"]

_TIMEOUT_S = 8.0


@dataclass(frozen=True)
class Finding:
    """One line: what was looked at, whether it is good, what was found, and what to do about it."""

    name: str
    good: bool
    found: str
    hint: str = ""


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the findings as one JSON object.")
def check(*, as_json: bool) -> None:
    """Check the settings and every connection, one line each; exit status 1 if any is not good.

    \b
    Examples:
      bookmill check
      bookmill check --json
      BOOKMILL_KAFKA__BOOTSTRAP_SERVERS=kafka:9092 bookmill check
    """
    from bookmill import settings_loading

    try:
        settings = settings_loading.load()
    except ConfigurationError as error:
        found: Iterator[Finding] = iter([Finding("settings", False, error.message, error.hint)])
    else:
        found = findings(settings)
    seen = []
    for finding in found:
        seen.append(finding)
        if not as_json:
            _print(finding)
    good = all(finding.good for finding in seen)
    if as_json:
        click.echo(json.dumps({"good": good, "checks": [asdict(finding) for finding in seen]}))
    if not good:
        sys.exit(1)


def findings(settings: Settings) -> Iterator[Finding]:
    """All checks, run side by side; findings come in the same order always."""
    checks: list[tuple[str, Callable[[], str]]] = [
        ("settings", _settings),
        ("disk", lambda: _disk(settings)),
        ("platform", lambda: _platform(settings)),
        ("kafka", lambda: _kafka(settings)),
        ("registry", lambda: _registry(settings)),
        ("clickhouse", lambda: _clickhouse(settings)),
    ]
    for exchange, markets in settings.exchanges.items():
        for market, chosen in markets.items():
            if chosen.enabled:
                checks.append((f"{exchange}.{market}", _market_check(exchange, market, chosen)))
    with ThreadPoolExecutor(len(checks), "check") as pool:
        pending = [(name, pool.submit(run)) for name, run in checks]
        for name, future in pending:
            try:
                yield Finding(name, True, future.result())
            except BookmillError as error:
                yield Finding(name, False, error.message, error.hint)


def require_configured(settings: Settings) -> None:
    """Raise :class:`UnavailableError` unless each server whose address is configured answers."""
    if settings.kafka.bootstrap_servers:
        _kafka(settings)
    if settings.registry.url:
        _registry(settings)
    if settings.clickhouse.url:
        _clickhouse(settings)


def _print(finding: Finding) -> None:
    mark = click.style("✓", fg="green") if finding.good else click.style("✗", fg="red")
    hint = f" {finding.hint}" if finding.hint else ""
    click.echo(f"{mark} {finding.name:<13} {finding.found}{hint}")


def _settings() -> str:
    from bookmill.settings import settings_file

    path = settings_file()
    names = [name for name in os.environ if name.startswith("BOOKMILL_") and name != "BOOKMILL_CONFIG"]
    file = f"file {path}" if path.is_file() else f"no file {path}"
    return f"{file}, {len(names)} from the environment"


def _disk(settings: Settings) -> str:
    needed = settings.platform.minimum_free_mib
    told = []
    for folder in dict.fromkeys((settings.data_dir.absolute(), settings.cache_dir.absolute())):
        there = _existing(folder)
        if not os.access(there, os.W_OK | os.X_OK):
            raise ConfigurationError(
                f"The folder {there} cannot be written.",
                hint="Set BOOKMILL_DATA_DIR and BOOKMILL_CACHE_DIR to ones that can.",
            )
        free = shutil.disk_usage(there).free >> 20
        if free < needed:
            raise ConfigurationError(
                f"{free} MiB free at {folder}; {needed} MiB are needed.",
                hint="Free some space, or set another folder (BOOKMILL_DATA_DIR, BOOKMILL_CACHE_DIR).",
            )
        told.append(f"{free:,} MiB free at {folder}")
    return ", ".join(told)


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())


def _platform(settings: Settings) -> str:
    configured = (settings.kafka.bootstrap_servers, settings.registry.url, settings.clickhouse.url)
    if all(configured):
        return "not needed: all addresses are configured"
    command = [sys.executable, "-m", "bookmill", "platform", "status", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    try:
        state: dict[str, Any] = json.loads(done.stdout)
    except ValueError as error:
        raise UnavailableError(
            done.stderr.strip().removeprefix("bookmill: ") or "It tells nothing."
        ) from error
    if not state["running"]:
        installed = "installed" if state["installed"] else "not installed (its start downloads 215 MB)"
        raise UnavailableError(
            f"{installed}, not running.",
            hint="Start it with 'bookmill platform start', or set the addresses.",
        )
    silent = [name for name, part in state["parts"].items() if not part["answers"]]
    if silent:
        raise UnavailableError(f"running, but {', '.join(silent)} does not answer.")
    return f"running (process {state['pid']}), data in {state['data_dir']}"


def _addresses(settings: Settings) -> Addresses:
    from bookmill.addresses import resolve

    try:
        return resolve(settings)
    except UnavailableError as error:
        raise UnavailableError(
            "No address is configured, and the embedded platform is not running."
        ) from error


def _kafka(settings: Settings) -> str:
    from bookmill.kafka import require_reachable

    address = settings.kafka.bootstrap_servers or _addresses(settings).kafka
    require_reachable(settings.kafka, address, timeout_s=_TIMEOUT_S)
    return f"answers at {address}"


def _registry(settings: Settings) -> str:
    registry = settings.registry
    address = registry.url or _addresses(settings).registry
    password = registry.password.get_secret_value() if registry.password else ""
    credentials = (registry.username, password) if registry.username else None
    _get(f"{address}/subjects", "the schema registry", "BOOKMILL_REGISTRY__URL", auth=credentials)
    return f"answers at {address}"


def _clickhouse(settings: Settings) -> str:
    clickhouse = settings.clickhouse
    address = clickhouse.url or _addresses(settings).clickhouse
    headers = {"X-ClickHouse-User": clickhouse.username}
    if clickhouse.password:
        headers["X-ClickHouse-Key"] = clickhouse.password.get_secret_value()
    answer = _get(
        f"{address}/?query=SELECT%20version()", "ClickHouse", "BOOKMILL_CLICKHOUSE__URL", headers=headers
    )
    return f"answers at {address} (version {answer.decode().strip()}), database {clickhouse.database}"


def _market_check(exchange: str, market: str, chosen: MarketSettings) -> Callable[[], str]:
    """Whether the market's REST interface answers, and lists the configured symbols."""

    def run() -> str:
        from bookmill.errors import FrameError

        venue = _venue(exchange, market, chosen)
        if venue.by_ccxt:
            address, listed = f"ccxt's {exchange}", _polled(exchange, market)
        else:
            address = chosen.rest_url or venue.rest_url
            request = venue.instruments_request()
            url = f"{address}{request.path}"
            variable = f"BOOKMILL_EXCHANGES__{exchange}__{market}__REST_URL".upper()
            way = {"proxy": chosen.proxy.get_secret_value()} if chosen.proxy else {}
            answer = _get(url, f"{exchange}.{market}", variable, params=dict(request.params), **way)
            try:
                listed = {
                    name.upper()
                    for instrument in venue.parse_instruments(answer)
                    for name in (instrument.symbol, instrument.wire_symbol)
                }
            except FrameError as error:
                raise UnavailableError(f"{url} gives no list of instruments: {error.message}") from error
        missing = [symbol for symbol in chosen.symbols if symbol.strip().upper() not in listed]
        if missing:
            raise ConfigurationError(
                f"{address} answers, but does not list {', '.join(missing)}.",
                hint=f"Correct exchanges.{exchange}.{market}.symbols.",
            )
        return f"answers at {address}, lists {', '.join(chosen.symbols)}{_without(venue, chosen)}"

    return run


def _polled(exchange: str, market: str) -> set[str]:
    """The names of a market's instruments that only ccxt knows, as the command says that may import it."""
    command = [sys.executable, "-m", "bookmill", "instruments", "--exchange", exchange, "--market", market]
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, check=False, timeout=60)
    offers = [json.loads(line) for line in done.stdout.splitlines()]
    if not offers:
        said = done.stderr.strip().splitlines()
        raise UnavailableError(
            said[-1].removeprefix("bookmill: ") if said else f"{exchange}.{market} lists nothing."
        )
    return {one[name].upper() for one in offers for name in ("symbol", "wire_symbol")}


def _without(venue: Any, chosen: MarketSettings) -> str:
    """The bars that are passed over, where the settings ask for bars themselves."""
    if "klines" not in chosen.channels or "kline_intervals" not in chosen.model_fields_set:
        return ""
    others = [interval for interval in chosen.kline_intervals if interval not in venue.kline_intervals]
    return f"; has no bars of {', '.join(others)}" if others else ""


def _venue(exchange: str, market: str, chosen: MarketSettings) -> Any:
    """The venue of that name, found by entry point: this room imports no other. Raises what is wrong with the choice."""
    make = next(iter(entry_points(group="bookmill.venues", name="venue"))).load()
    return make(exchange, market, chosen=chosen)


def _get(url: str, what: str, variable: str, **arguments: Any) -> bytes:
    import httpx2

    try:
        answer = httpx2.get(url, timeout=_TIMEOUT_S, follow_redirects=True, **arguments)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise UnavailableError(
            f"{what} does not answer at {url}: {_reason(error)}.",
            hint=f"Check the network and its proxy, or {variable}.",
        ) from error
    if answer.status_code != httpx2.codes.OK:
        raise UnavailableError(f"{url} answers HTTP {answer.status_code}.", hint=f"Check {variable}.")
    return answer.content


def _reason(error: Exception) -> str:
    causes: Sequence[BaseException | None] = (error, error.__cause__, error.__context__)
    text = next((str(cause) for cause in causes if cause is not None and str(cause)), type(error).__name__)
    return re.sub(r"^\[Errno -?\d+\] ", "", text).rstrip(".")
