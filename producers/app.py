"""A producer put together and run: its markets, its way into Kafka, its signals."""

from __future__ import annotations

import asyncio
import difflib
import functools
import secrets
import signal
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

import structlog

from bookmill.addresses import resolve
from bookmill.errors import ConfigurationError
from bookmill.memory import kept_small
from bookmill.settings import MarketSettings, Settings
from bookmill.status import StatusServer
from producers.control import ControlReader, Request
from producers.kafka_writer import KafkaWriter
from producers.ledger import LEDGER_FILE, Ledger
from producers.listing import InstrumentLog
from producers.market import Market
from producers.openings import Openings
from producers.sharing import Sharing
from producers.statistics import ProducerPart
from schemas import registry
from schemas.admin import ensure_topics
from schemas.catalogue import CONTROL_REQUESTS, CONTROL_SUBSCRIPTIONS, INSTRUMENTS, dead_letters, raw
from venues.registry import exchanges, require_exchange, venue

__all__ = ["chosen_markets", "run"]

_log = structlog.get_logger(__name__)

_FLUSH_S = 25.0
_METADATA_BUFFER = 20_000


def chosen_markets(
    settings: Settings, exchange: str | None, markets: Sequence[str], symbols: Sequence[str]
) -> dict[tuple[str, str], MarketSettings]:
    """What to collect: the enabled markets of the settings, narrowed by what the command line names.

    A market named on the command line is collected even when the settings do not have it, or have it disabled. Without an
    exchange beside it, it is that of those exchanges of the settings that have it there, or of those that offer it. An exchange
    that is named and not in the settings is collected with all its markets.
    """
    if exchange:
        if not any(one.source == "poll" for one in settings.exchanges.get(exchange, {}).values()):
            require_exchange(exchange)
        if not settings.exchanges.get(exchange):
            markets = markets or exchanges()[exchange]
    configured = {exchange: settings.exchanges.get(exchange, {})} if exchange else settings.exchanges
    if markets:
        chosen = {
            (name, market): configured[name].get(market, MarketSettings())
            for market in markets
            for name in ([exchange] if exchange else _with(market, configured))
        }
    else:
        chosen = {
            (name, market): one
            for name, of_exchange in configured.items()
            for market, one in of_exchange.items()
            if one.enabled
        }
    if not chosen:
        raise ConfigurationError(
            f"The settings collect no market{f' of {exchange}' if exchange else ''}.",
            hint=f"Enable one under 'exchanges{f'.{exchange}' if exchange else ''}', or give --market.",
        )
    if symbols:
        chosen = {key: one.model_copy(update={"symbols": tuple(symbols)}) for key, one in chosen.items()}
    return chosen


def _with(market: str, configured: Mapping[str, Mapping[str, MarketSettings]]) -> list[str]:
    """The exchanges of the settings that have this market there; else those that offer it."""
    offered = exchanges()
    found = [name for name, of_exchange in configured.items() if market in of_exchange] or [
        name for name in configured if market in offered.get(name, ())
    ]
    if not found:
        known = dict.fromkeys(each for name in configured for each in offered.get(name, ()))
        close = difflib.get_close_matches(market, known, n=1)
        raise ConfigurationError(
            f"No exchange of the settings has a market '{market}'.",
            hint=f"Did you mean '{close[0]}'?" if close else f"They have {', '.join(known)}.",
        )
    return found


async def run(settings: Settings, chosen: dict[tuple[str, str], MarketSettings]) -> None:
    """Collect until SIGINT or SIGTERM: sockets are closed then and what was read is flushed.

    Raises a :class:`BookmillError` when it cannot start, when no market has a symbol that exists, and when Kafka takes
    no more.
    """
    venues = {key: venue(*key, chosen=market) for key, market in chosen.items()}
    ledger = Ledger(settings.data_dir / LEDGER_FILE)
    addresses = resolve(settings)
    shared = settings.producer.shared
    topics = [raw(*key) for key in chosen]
    avro = [CONTROL_REQUESTS, INSTRUMENTS, *([CONTROL_SUBSCRIPTIONS] if shared else [])]
    ensure_topics(
        settings.kafka,
        addresses.kafka,
        [*topics, *(dead_letters(topic.name) for topic in topics), *avro],
    )
    prefix = settings.kafka.topic_prefix
    producer_id = settings.producer.connection_id or secrets.token_hex(4)
    writer = KafkaWriter(
        settings.kafka, addresses.kafka, buffer_messages=settings.producer.kafka_buffer_messages
    )
    registered = registry.client(settings.registry, addresses.registry)
    schema_ids = registry.register(
        registered, addresses.registry, avro if shared else [INSTRUMENTS], prefix=prefix
    )
    log = InstrumentLog(
        KafkaWriter(settings.kafka, addresses.kafka, buffer_messages=_METADATA_BUFFER),
        prefix,
        schema_ids[INSTRUMENTS],
    )
    openings = Openings()
    markets = {
        key: Market(
            venues[key],
            market,
            settings.producer,
            writer=writer,
            topic=prefix + raw(*key).name,
            producer_id=producer_id,
            instrument_log=log,
            ledger=ledger,
            openings=openings,
            shared=shared,
        )
        for key, market in chosen.items()
    }
    sharing = (
        Sharing(
            settings.kafka,
            addresses.kafka,
            settings.producer,
            markets,
            producer_id=producer_id,
            writer=log.writer,
            subscriptions_schema=schema_ids[CONTROL_SUBSCRIPTIONS],
            requests_schema=schema_ids[CONTROL_REQUESTS],
        )
        if shared
        else None
    )
    loop = asyncio.get_running_loop()
    control = ControlReader(settings.kafka, addresses.kafka, registered, _receiver(loop, markets, sharing))
    part = ProducerPart(list(markets.values()), writer, control, log.writer, settings.producer, sharing)
    stopping, hurrying = asyncio.Event(), asyncio.Event()

    def stop() -> None:
        (hurrying if stopping.is_set() else stopping).set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    try:
        await asyncio.to_thread(control.start)
        with kept_small(100_000), StatusServer(part, settings.status, settings.data_dir):
            beside = [writer.run(), log.writer.run(), part.loop.run(), part.readers.run()]
            leave = None
            if sharing is not None:
                beside.append(sharing.run())
                leave = functools.partial(sharing.leave, hurrying)
            await _until(stopping, list(markets.values()), beside, leave)
            _log.info("stopping", in_flight=writer.in_flight)
            await asyncio.to_thread(writer.close, _FLUSH_S)
            await asyncio.to_thread(log.writer.close, _FLUSH_S)
    finally:
        await asyncio.to_thread(control.stop)
        if sharing is not None:
            await asyncio.to_thread(sharing.reader.stop)
        ledger.close()
    _log.info("producer stopped", records=writer.written, undelivered=writer.failed)


def _receiver(
    loop: asyncio.AbstractEventLoop, markets: Mapping[tuple[str, str], Market], sharing: Sharing | None
) -> Callable[[Request], None]:
    """What to do with a control record, which a thread of its own reads."""

    def receive(request: Request) -> None:
        market = markets.get((request.exchange, request.market))
        if market is None:
            return
        if request.kind == "resync":
            loop.call_soon_threadsafe(market.resync, request.wire_symbol, request.asked_s)
        elif request.kind == "backfill":
            loop.call_soon_threadsafe(market.backfill, request.wire_symbol, request.span, request.asked_s)
        elif sharing is not None:
            sharing.subscriptions.hear(request)

    return receive


async def _until(
    stopping: asyncio.Event,
    markets: Sequence[Market],
    beside: Sequence[Coroutine[Any, Any, None]],
    leave: Callable[[], Coroutine[Any, Any, None]] | None,
) -> None:
    """Run all markets, each apart, until told to stop and ``leave`` has returned; their sockets are closed then."""
    stop = asyncio.create_task(stopping.wait())
    serving = {asyncio.create_task(each) for each in beside}
    running = {asyncio.create_task(market.run(), name=market.name) for market in markets}
    unusable: list[ConfigurationError] = []
    try:
        while running and not stop.done():
            done, _ = await asyncio.wait({stop, *serving, *running}, return_when=asyncio.FIRST_COMPLETED)
            for task in done & serving:
                task.result()
            for task in done & running:
                running.discard(task)
                try:
                    task.result()
                except ConfigurationError as error:
                    unusable.append(error)  # the other markets go on; health names this one's symbols
        if not running and not stop.done():
            raise unusable[0]
        if leave is not None:
            await leave()
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        for task in (stop, *serving):
            task.cancel()
        await asyncio.gather(stop, *serving, return_exceptions=True)
