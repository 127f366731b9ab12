"""How the updates of OKX's books follow a snapshot and each other, and the checksum of older frames (protocol page, sections 5.3, 2.4, 12)."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from venues.adapter import Following
from venues.interface import Levels, Verdict
from venues.messages import BookDiff, Checksum
from venues.numbers import plain_text

__all__ = ["CHECKED_LEVELS", "OkxContinuity"]

CHECKED_LEVELS = 25
_MEMORY = 1 << 15


class OkxContinuity(Following):
    """``prevSeqId`` is the last ``seqId``. That holds for a heartbeat (``seqId == prevSeqId``, nothing in it) and for the reset
    of a maintenance (``seqId`` smaller, counting goes on from there): both apply.

    Frames of 2022 have no ids; their time stands for one, what is not older than the book applies, and the checksum tells.
    """

    checked_levels = CHECKED_LEVELS

    def __init__(self) -> None:
        self._texts = _Texts()

    def follow(self, last_id: int, diff: BookDiff) -> Verdict:
        """``prevSeqId`` is the last id; an update seen before is old."""
        if diff.previous_id == last_id:
            return Verdict.APPLY
        if diff.previous_id is None and diff.last_id >= last_id:
            return Verdict.APPLY
        return Verdict.OLD if diff.last_id <= last_id else Verdict.GAP

    def agrees(self, bids: Levels, asks: Levels, checksum: Checksum) -> bool:
        """CRC32, signed, of ``bid:size:ask:size:…`` over the 25 best; what one side has more follows in order."""
        bid_texts, ask_texts = self._side(bids), self._side(asks)
        both = min(len(bid_texts), len(ask_texts))
        parts = [""] * (2 * both)
        parts[0::4], parts[1::4] = bid_texts[0:both:2], bid_texts[1:both:2]
        parts[2::4], parts[3::4] = ask_texts[0:both:2], ask_texts[1:both:2]
        parts += bid_texts[both:] or ask_texts[both:]
        crc = zlib.crc32(":".join(parts).encode())
        return crc == checksum.value & 0xFFFF_FFFF

    def _side(self, levels: Levels) -> Sequence[str]:
        """Price, size, price, size … as texts."""
        prices, sizes = levels
        text = self._texts.__getitem__
        count = min(len(prices), CHECKED_LEVELS)
        texts = [""] * (2 * count)
        texts[0::2] = map(text, prices[:count])
        texts[1::2] = map(text, sizes[:count])
        return texts


class _Texts(dict[int, str]):
    """Decimal text by scaled int, as the exchange writes it: plain and as short as can be. Bounded."""

    def __missing__(self, scaled: int) -> str:
        if len(self) >= _MEMORY:
            self.clear()
        text = self[scaled] = plain_text(scaled)
        return text
