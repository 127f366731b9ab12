"""What OKX's frames without market data say (protocol page, section 5.1)."""

from __future__ import annotations

import re

from venues.adapter import UNREADABLE
from venues.interface import Control, Route
from venues.okx import wire

__all__ = ["explain"]

_CLOSING = "64008"
# `…channel:bbo-tbt,instId:ETH-USD-SWAP doesn't exist…`: the words before and behind vary.
_REFUSED = re.compile(r"channel:\s*([\w-]+),\s*instId:\s*(\S+?)\s+doesn't exist")


def explain(frame: bytes) -> Control:
    """A pong, an acknowledgement (one per argument), an error (the other arguments still flow), or the notice before a cut.

    ``refused`` is in the exchange's own words: its channel and instrument.
    """
    if frame == b"pong":
        return Control("alive")
    try:
        answer = wire.read_answer(frame)
    except UNREADABLE as error:
        return Control("unknown", str(error))
    said = f"{answer.code} {answer.msg}".strip()
    if answer.event in ("subscribe", "unsubscribe"):
        return Control("ack")
    if answer.event == "notice" and answer.code == _CLOSING:
        return Control("shutdown")
    if answer.event == "error":
        found = _REFUSED.search(answer.msg)
        return Control("error", said, refused=(Route(*found.groups()),) if found else ())
    return Control("unknown", said or None)
