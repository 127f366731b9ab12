"""What makes a producer one of several that share the instruments: put together, started, and left in good order."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from bookmill.errors import BookmillError
from bookmill.settings import KafkaSettings, ProducerSettings
from producers.kafka_writer import KafkaWriter
from producers.market import Market
from producers.subscription_reader import SubscriptionReader
from producers.subscriptions import Subscriptions
from producers.telling import Teller
from schemas.subscriptions import Desired, Stored, SubscriptionStore, group_of, instrument_key

__all__ = ["Sharing"]

_log = structlog.get_logger(__name__)

_TICK_S = 0.2
_SETTINGS = "settings of producer "
"""How it begins who has asked, where nobody has but the settings: what they ask for, they may end."""


class Sharing:
    """The subscriptions of a producer, its place in the group, and what it brings from its settings.

    ``writer`` is for what is told to other producers; ``problem`` says why the settings' symbols are not asked for yet.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        bootstrap_servers: str,
        settings: ProducerSettings,
        markets: Mapping[tuple[str, str], Market],
        *,
        producer_id: str,
        writer: KafkaWriter,
        subscriptions_schema: int,
        requests_schema: int,
    ) -> None:
        self.problem = ""
        self.subscriptions = Subscriptions(
            markets,
            Teller(writer, kafka.topic_prefix, requests_schema, producer_id),
            producer_id=producer_id,
            hand_over_s=settings.hand_over_s,
        )
        self.reader = SubscriptionReader(kafka, settings, bootstrap_servers, producer_id, self.subscriptions)
        self._store = SubscriptionStore(kafka, bootstrap_servers, subscriptions_schema)
        self._group = group_of(kafka, settings.group)
        self._static = settings.instance_id is not None
        self._hand_over_s = settings.hand_over_s
        self._markets = markets
        self._producer_id = producer_id

    async def run(self) -> None:
        """Join the group and look after the subscriptions until cancelled."""
        self.reader.start()
        async with asyncio.TaskGroup() as group:
            group.create_task(self.subscriptions.run())
            group.create_task(self._watch_reader())
            group.create_task(self._end_other_markets())
            for key, market in self._markets.items():
                group.create_task(self._ask_for_own(*key, market))

    async def leave(self, told_to_hurry: asyncio.Event) -> None:
        """Leave the group, and collect until others do: not at all where there are none, or where this one will be back (static)."""
        try:
            others = not self._static and await asyncio.to_thread(self._others)
        except BookmillError as error:
            _log.warning("nobody to hand over to", reason=error.message)
            others = False
        leaving = asyncio.create_task(asyncio.to_thread(self.reader.stop))
        until_s = time.monotonic() + self._hand_over_s
        while others and time.monotonic() < until_s and not told_to_hurry.is_set():
            left = leaving.done()
            self.subscriptions.look()
            if left and not self.subscriptions.leaving:
                break
            await asyncio.sleep(_TICK_S)
        await leaving
        if others:
            _log.info("handed over", **self.subscriptions.counts)

    def health(self) -> dict[str, str]:
        """What is wrong with the group, and what cannot be collected."""
        problems = {"subscriptions": self.problem or self.reader.problem}
        return {name: text for name, text in problems.items() if text} | self.subscriptions.health()

    def statistics(self) -> dict[str, Any]:
        """States, partitions, and what was handed over."""
        return {
            "partitions": sorted(self.reader.partitions),
            "rebalances": self.reader.rebalances,
            "unreadable": self.reader.unreadable,
            "states": self.subscriptions.states(),
            "collected": self.subscriptions.collected(),
            **{name: self.subscriptions.counts[name] for name in ("told", "handed_over", "expired")},
        }

    async def _watch_reader(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            if self.reader.ended:
                raise RuntimeError("the reader of control.subscriptions has ended")

    def _others(self) -> bool:
        return len(self._store.collectors(self._group)) > 1

    async def _ask_for_own(self, exchange: str, market_name: str, market: Market) -> None:
        """The symbols of the settings, once the exchange has told what they are; what somebody has asked for stays as it is."""
        await market.learned.wait()
        own = {instrument_key(exchange, market_name, symbol): symbol for symbol in market.own}

        def wanted(stored: Mapping[str, Stored]) -> list[Desired]:
            asked = [
                (exchange, market_name, symbol, True) for key, symbol in own.items() if key not in stored
            ]
            ended = [
                (exchange, market_name, one.desired.symbol, False)
                for key, one in stored.items()
                if (one.desired.exchange, one.desired.market) == (exchange, market_name)
                and key not in own
                and _of_settings(one.desired)
            ]
            return [self._say(*each) for each in (*asked, *ended)]

        await self._write(wanted, market.name)

    async def _end_other_markets(self) -> None:
        """What earlier settings have asked for on markets that are in them no more."""

        def ended(stored: Mapping[str, Stored]) -> list[Desired]:
            return [
                self._say(one.desired.exchange, one.desired.market, one.desired.symbol, on=False)
                for one in stored.values()
                if (one.desired.exchange, one.desired.market) not in self._markets
                and _of_settings(one.desired)
            ]

        await self._write(ended, "other markets")

    async def _write(self, choose: Callable[[Mapping[str, Stored]], list[Desired]], market: str) -> None:
        """Write what is chosen in view of what is stored; until Kafka has taken it."""
        while True:
            try:
                changed = choose(await asyncio.to_thread(self._store.read))
                await asyncio.to_thread(self._store.write, changed)
            except BookmillError as error:
                self.problem = error.message
                _log.warning("symbols of the settings are not asked for yet", reason=error.message)
                await asyncio.sleep(1.0)
                continue
            self.problem = ""
            asked = sum(each.on for each in changed)
            if changed:
                _log.info(
                    "the settings have been told", market=market, asked_for=asked, ended=len(changed) - asked
                )
            return

    def _say(self, exchange: str, market: str, symbol: str, on: bool) -> Desired:  # noqa: FBT001  a field like the others
        asked_by = f"{_SETTINGS}{self._producer_id}"
        return Desired(exchange, market, symbol, on, asked_by=asked_by, asked_micros=time.time_ns() // 1000)


def _of_settings(desired: Desired) -> bool:
    """Whether it is collected, and nobody but a producer's settings has asked for it."""
    return desired.on and desired.asked_by.startswith(_SETTINGS)
