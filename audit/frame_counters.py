"""Which frames of each connection are in the raw topic: a number that is in none of its partitions was lost inside a producer.

A producer that is killed takes with it what Kafka had not acknowledged, of some partitions more than of others. The next one says
so in every stream before its first frame (``lost``: ``start``, ``joined``), and one that lives says what it could not deliver
(``undelivered``): what was told so is in the ledger, and no defect of the log.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from audit.raw_log import Batch

__all__ = ["FrameCounters", "Hole", "holes"]

_MOST = 1 << 30
"""No connection counts further; a header that says so was not written by a producer."""

_SHOWN = 5
_IN_FLIGHT = 200_000
"""So many frames at most are in a producer and not in Kafka: what is missing further back was not in it when it was killed."""
_BEGINNINGS = frozenset({b"start", b"joined"})


@dataclass
class _Seen:
    bits: bytearray = field(default_factory=bytearray)
    low: int = _MOST
    high: int = -1
    last_ns: int = 0
    """When its last frame was received."""
    told: bool = False
    """Whether it says itself that frames were not delivered."""


@dataclass(frozen=True)
class Hole:
    """Frames of a connection that no partition has: how many, and the first ranges of them (both ends included). ``told``: producers
    have written down that frames are missing there.
    """

    topic: str
    connection: str
    frames: int
    ranges: tuple[tuple[int, int], ...]
    told: bool = False


class FrameCounters:
    """The counters of one span: one bit a frame, by connection.

    Only between ``since_ms`` and ``until_ms`` (when records were written) all partitions are complete, so only numbers between the
    lowest and the highest of that time are looked for.
    """

    def __init__(self, since_ms: int, until_ms: int) -> None:
        self._since_ms = since_ms
        self._until_ms = until_ms
        self.seen: dict[bytes, _Seen] = {}
        self.begun_ns = 0
        """When a producer last said that it begins."""

    def note(self, batch: Batch) -> None:
        """Note the records of a batch; records without good headers are the worker's dead letters."""
        numbers: defaultdict[bytes, list[int]] = defaultdict(list)
        for record in batch.records:
            try:
                (_, received), (_, kind), _, (_, named), (_, frame), *_ = record.headers
                connection, received_ns = bytes(named), int(received)
                numbers[connection].append(int(frame))
            except (IndexError, ValueError, TypeError):
                continue
            seen = self.seen.setdefault(connection, _Seen())
            seen.last_ns = max(seen.last_ns, received_ns)
            if kind == b"lost":
                if record.value in _BEGINNINGS:
                    self.begun_ns = max(self.begun_ns, received_ns)
                seen.told |= record.value == b"undelivered"
        inside = self._since_ms <= batch.first_ms and batch.last_ms <= self._until_ms
        for connection, some in numbers.items():
            self._note(connection, [number for number in some if 0 <= number < _MOST], inside=inside)

    def _note(self, connection: bytes, numbers: list[int], *, inside: bool) -> None:
        if not numbers:
            return
        seen = self.seen[connection]
        bits, highest = seen.bits, max(numbers)
        if highest >> 3 >= len(bits):
            bits.extend(bytes(max((highest >> 3) + 1 - len(bits), len(bits))))
        for number in numbers:
            bits[number >> 3] |= 1 << (number & 7)
        if inside:
            seen.low, seen.high = min(seen.low, *numbers), max(seen.high, highest)


def holes(topic: str, counters: Iterable[FrameCounters]) -> list[Hole]:
    """What is missing of each connection over all partitions of a raw topic."""
    together: dict[bytes, _Seen] = {}
    begun_ns = 0
    for one in counters:
        begun_ns = max(begun_ns, one.begun_ns)
        for connection, seen in one.seen.items():
            known = together.setdefault(connection, _Seen())
            known.low, known.high = min(known.low, seen.low), max(known.high, seen.high)
            known.last_ns, known.told = max(known.last_ns, seen.last_ns), known.told or seen.told
            bits = int.from_bytes(known.bits, "little") | int.from_bytes(seen.bits, "little")
            known.bits = bytearray(bits.to_bytes(max(len(known.bits), len(seen.bits)), "little"))
    found = []
    for connection, seen in sorted(together.items()):
        if seen.high < seen.low:
            continue
        width = seen.high + 1 - seen.low
        bits = (int.from_bytes(seen.bits, "little") >> seen.low) & ((1 << width) - 1)
        if missing := width - bits.bit_count():
            ranges = tuple(_first_ranges(bits, width, seen.low))
            ended = begun_ns > seen.last_ns and seen.high - ranges[0][0] <= _IN_FLIGHT
            name = connection.decode("utf-8", "replace")
            found.append(Hole(topic, name, missing, ranges, told=seen.told or ended))
    return found


def _first_ranges(bits: int, width: int, low: int) -> Iterator[tuple[int, int]]:
    """The first ranges of zeros among the lowest ``width`` bits; ``low`` is the number of bit 0."""
    absent = ~bits & ((1 << width) - 1)
    base = low
    for _ in range(_SHOWN):
        if not absent:
            return
        zeros = (absent & -absent).bit_length() - 1
        absent >>= zeros
        length = (~absent & (absent + 1)).bit_length() - 1
        yield base + zeros, base + zeros + length - 1
        absent >>= length
        base += zeros + length
