"""Recordings of an exchange's frames, checked and read. Frames are kept byte for byte.

A recording of one instrument has its frames and, where its book needs one, a REST snapshot: the line that is no frame of a
stream. A session log has all a client heard: acknowledgements are passed over, REST replies tell of the instruments, and the
frames of one instrument are taken. Several files are one recording, in the order given.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from bookmill.errors import FrameError, RecordingError
from producers.recording_lines import Advanced, Entry, entries
from venues.interface import Venue
from venues.messages import Instrument

__all__ = ["Line", "Summary", "check", "read"]

_is_json = msgspec.json.Decoder(msgspec.Raw).decode


@dataclass(frozen=True, slots=True)
class Line:
    """One recorded frame; ``channel`` is None for the REST snapshot."""

    time_ns: int
    channel: str | None
    frame: bytes


@dataclass(frozen=True)
class Summary:
    """What a checked recording contains. ``others``: frames of instruments that were not asked for, passed over."""

    wire_symbol: str
    unit: str
    frames: int
    snapshots: int
    others: int = 0


@dataclass
class _Found:
    """``frames`` by wire symbol with the first place of each; ``instruments`` by symbol, from REST replies."""

    session: bool = False
    snapshots: int = 0
    frames: dict[str, int] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    instruments: dict[str, Instrument] = field(default_factory=dict)


def check(paths: Sequence[Path], venue: Venue, symbol: str, unit: str | None, advanced: Advanced) -> Summary:
    """Read all of it once; raises :class:`RecordingError`, naming file and line, for anything that cannot be replayed.

    ``unit``: what the venue's quantities are, as ``venues.units`` writes it; None: as the recording's metadata say.
    """
    found = _Found()
    for path in paths:
        for entry in entries(path, advanced):
            _look_at(entry, f"{path}, line {entry.number}", venue, found)
    names = ", ".join(map(str, paths))
    if not found.frames:
        raise RecordingError(f"There is no frame of a stream in {names}.")
    instrument = found.instruments.get(symbol)
    wire_symbol = _wire_symbol(found, instrument, symbol, names)
    if unit is None:
        if instrument is None and venue.contracts:
            raise RecordingError(
                f"{venue.exchange}.{venue.market} trades contracts, and {names} does not say how large they are.",
                hint="Give the file with the exchange's list of instruments too, or --unit 0.01 (base units a contract) or"
                " --unit /100 (quote currency a contract).",
            )
        unit = instrument.unit.text if instrument else ""
    frames = found.frames[wire_symbol]
    return Summary(wire_symbol, unit, frames, found.snapshots, sum(found.frames.values()) - frames)


def read(paths: Sequence[Path], venue: Venue, wire_symbol: str, advanced: Advanced) -> Iterator[Line]:
    """The lines of a recording that was checked, in order."""
    for path in paths:
        for entry in entries(path, advanced):
            if entry.time_ns is None:
                raise RecordingError(f"{path}, line {entry.number}: it has changed since it was checked.")
            route = venue.route(entry.frame) if entry.url is None else None
            if route is None:
                if entry.url is None and _is_snapshot(entry.frame, venue):
                    yield Line(entry.time_ns, None, entry.frame)
            elif route.wire_symbol == wire_symbol:
                yield Line(entry.time_ns, route.channel, entry.frame)


def _look_at(entry: Entry, where: str, venue: Venue, found: _Found) -> None:
    if entry.time_ns is None:
        raise RecordingError(f"{where}: there is no receive time before the frame.")
    if entry.url is not None:
        found.session = True
        found.instruments |= _instruments(entry.frame, venue)
        return
    frame = entry.frame
    try:
        _ = frame.isascii() or frame.decode()
        _is_json(frame)
    except (UnicodeDecodeError, msgspec.DecodeError) as error:
        raise RecordingError(f"{where}: the frame is not JSON in UTF-8: {error}.") from error
    route = venue.route(frame)
    if route is not None:
        found.frames[route.wire_symbol] = found.frames.get(route.wire_symbol, 0) + 1
        found.places.setdefault(route.wire_symbol, where)
        return
    if venue.control(frame).kind != "unknown":
        found.session = True
        return
    try:
        venue.decode_snapshot(frame)
    except FrameError as error:
        raise RecordingError(f"{where}: neither a frame of a stream nor a snapshot. {error}") from error
    found.snapshots += 1


def _is_snapshot(frame: bytes, venue: Venue) -> bool:
    return venue.control(frame).kind == "unknown"


def _instruments(body: bytes, venue: Venue) -> Mapping[str, Instrument]:
    """What a REST reply tells of this market; most replies of a session tell of other things."""
    try:
        return {one.symbol: one for one in venue.parse_instruments(body)}
    except FrameError:
        return {}


def _wire_symbol(found: _Found, instrument: Instrument | None, symbol: str, names: str) -> str:
    """The instrument that is meant: the only one, or in a session log the one of that name."""
    if not found.session:
        (first, _), *others = found.places.items()
        if others:
            other, where = others[0]
            raise RecordingError(
                f"The recording {names} has frames of several instruments: {first}, and {other} at {where}.",
                hint="Give one instrument's files at a time.",
            )
        return first
    wanted = instrument.wire_symbol if instrument else symbol
    if wanted in found.frames:
        return wanted
    raise RecordingError(
        f"There is no frame of {symbol} in {names}; there are frames of {', '.join(sorted(found.frames)[:8])}.",
        hint="Give the file with the exchange's list of instruments too, or write the symbol as the exchange does.",
    )
