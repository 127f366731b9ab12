"""What an exchange lists, watched: each instrument that is new or has changed becomes a record of the topic ``instruments``.

Metadata are no frames: they are written as events at once, keyed by instrument in a compacted topic, so its newest state is
always there, and the table of the same name keeps all that it ever was.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from producers.kafka_writer import KafkaWriter
from schemas.catalogue import INSTRUMENTS
from schemas.instrument_event import instrument_value
from venues.interface import Venue
from venues.messages import Instrument

__all__ = ["InstrumentLog", "Listing"]


class InstrumentLog:
    """Writes the records of all markets of a producer."""

    def __init__(self, writer: KafkaWriter, prefix: str, schema_id: int) -> None:
        self.writer = writer
        self._topic = prefix + INSTRUMENTS.name
        self._schema_id = schema_id

    def write(self, venue: Venue, instrument: Instrument, *, listed: bool, seen_micros: int) -> None:
        """One state of one instrument."""
        value = instrument_value(
            self._schema_id,
            exchange=venue.exchange,
            market=venue.market,
            symbol=instrument.symbol,
            wire_symbol=instrument.wire_symbol,
            base=instrument.base,
            quote=instrument.quote,
            settle=instrument.settle,
            tick=instrument.tick,
            lot=instrument.lot,
            contract_size=instrument.unit.size if instrument.unit.contracts else None,
            inverse=instrument.unit.inverse,
            trading=instrument.trading,
            status=instrument.status,
            expiry_time_micros=instrument.expiry_micros,
            listed=listed,
            seen_time_micros=seen_micros,
        )
        key = f"{venue.exchange}.{venue.market}.{instrument.symbol}".encode()
        self.writer.write(self._topic, key, value, [])


class Listing:
    """The instruments of one market as last told. ``changed`` is called for each collected one that is not what it was."""

    def __init__(
        self,
        venue: Venue,
        log: InstrumentLog,
        changed: Callable[[Instrument, str], None],
        *,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._venue = venue
        self._log = log
        self._changed = changed
        self._clock_ns = clock_ns
        self._known: dict[str, Instrument] = {}
        self.changes = 0
        """Instruments that came, went or changed since the first listing."""

    def take(self, offered: Sequence[Instrument]) -> None:
        """A listing has come: write what is new in it, and say what became of instruments known before."""
        seen_micros = self._clock_ns() // 1000
        first = not self._known
        now = {one.wire_symbol: one for one in offered}
        for one in offered:
            before = self._known.get(one.wire_symbol)
            if one == before:
                continue
            self._log.write(self._venue, one, listed=True, seen_micros=seen_micros)
            self.changes += not first
            if before is not None:
                self._changed(one, _difference(before, one))
        for wire_symbol in self._known.keys() - now.keys():
            gone = self._known[wire_symbol]
            self._log.write(self._venue, gone, listed=False, seen_micros=seen_micros)
            self.changes += 1
            self._changed(gone, "is not listed any more")
        self._known = now


def _difference(before: Instrument, now: Instrument) -> str:
    if before.trading and not now.trading:
        return f"is not trading any more{f' ({now.status})' if now.status else ''}"
    if now.trading and not before.trading:
        return "is trading again"
    if before.unit != now.unit:
        return f"has another contract size: '{now.unit.text}' instead of '{before.unit.text}'"
    return "has new metadata"
