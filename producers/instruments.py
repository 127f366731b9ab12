"""From the symbols of the settings to the exchange's instruments: by its own metadata, never by guessing."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from venues.messages import Instrument

__all__ = ["Choice", "choose"]


@dataclass(frozen=True)
class Choice:
    """``instruments`` to collect, in order; ``unknown``: a sentence for each name that is none of the market's."""

    instruments: Sequence[Instrument]
    unknown: Mapping[str, str]


def choose(names: Iterable[str], offered: Sequence[Instrument], market: str) -> Choice:
    """Find each name (BASE-QUOTE or the exchange's own spelling, any case); ``market`` is for the sentences."""
    known = {one.wire_symbol.upper(): one for one in offered} | {one.symbol.upper(): one for one in offered}
    found: dict[str, Instrument] = {}
    unknown: dict[str, str] = {}
    for name in names:
        instrument = known.get(name.strip().upper())
        if instrument is None:
            unknown[name] = f"{market} has no instrument '{name}'.{_nearest(name, offered)}"
        else:
            found[instrument.wire_symbol] = instrument
    return Choice(tuple(found.values()), unknown)


def _nearest(name: str, offered: Sequence[Instrument]) -> str:
    wanted = name.strip().upper()
    close = difflib.get_close_matches(wanted, [one.symbol.upper() for one in offered], n=1, cutoff=0.5)
    return f" Did you mean '{close[0]}'?" if close else ""
