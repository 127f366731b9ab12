"""One subscription as its producer sees it: states, events, and what follows. Pure: no clock, no I/O.

A producer has the subscriptions of its partitions of ``control.subscriptions``. When a partition goes to another producer, the
one that had it goes on collecting until the other says that all streams of the instrument deliver, or until its patience ends: so there is
always one that collects, for a while two, and the worker drops what came twice. :data:`TABLE` has every state and every
event; docs/reliability.md shows it, and a test holds the two together.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping

__all__ = ["TABLE", "Action", "Event", "State", "follow"]


class State(enum.Enum):
    """Where a subscription is, in this producer."""

    IDLE = "idle"
    """It is another's, or not wanted: nothing is collected."""
    STARTING = "starting"
    """Ours and wanted; not all of its streams deliver yet."""
    COLLECTING = "collecting"
    """Ours, and all of its streams deliver."""
    LEAVING = "leaving"
    """Another's since a moment ago: collected until the other delivers."""
    REFUSED = "refused"
    """Ours and wanted, and it cannot be collected: no such market or instrument. It is shown."""


class Event(enum.Enum):
    """What can happen to it."""

    WANTED = "wanted"
    """Our partition says on, with the channels at hand (or nothing is collected)."""
    CHANGED = "changed"
    """Our partition says on, with other channels than those collected."""
    UNWANTED = "unwanted"
    """Our partition says off."""
    REVOKED = "revoked"
    """Its partition belongs to another producer."""
    DELIVERS = "delivers"
    """All of its streams deliver here."""
    TOLD = "told"
    """Another producer says that they deliver there."""
    EXPIRED = "expired"
    """So long after the partition went nobody has said it."""
    REFUSED = "refused"
    """It cannot be collected here."""


class Action(enum.Enum):
    """What the producer does then."""

    NOTHING = "nothing"
    START = "start"
    """Begin to collect."""
    CHANGE = "change"
    """Begin with the other channels, then end the ones before."""
    STOP = "stop"
    """Collect no longer."""
    TELL = "tell"
    """Say on ``control.requests`` that it is collected here."""
    WAIT = "wait"
    """Go on, and begin to count the patience."""
    SHOW = "show"
    """Stop what was begun; health and log say why."""


_Cell = tuple[Action, State]

_IDLE, _STARTING, _COLLECTING, _LEAVING, _REFUSED = State
_NOTHING, _START, _CHANGE, _STOP, _TELL, _WAIT, _SHOW = Action

# fmt: off
TABLE: Mapping[State, Mapping[Event, _Cell]] = {
    State.IDLE: {
        Event.WANTED:   (_START, _STARTING),
        Event.CHANGED:  (_START, _STARTING),
        Event.UNWANTED: (_NOTHING, _IDLE),
        Event.REVOKED:  (_NOTHING, _IDLE),
        Event.DELIVERS: (_NOTHING, _IDLE),
        Event.TOLD:     (_NOTHING, _IDLE),
        Event.EXPIRED:  (_NOTHING, _IDLE),
        Event.REFUSED:  (_NOTHING, _IDLE),
    },
    State.STARTING: {
        Event.WANTED:   (_NOTHING, _STARTING),
        Event.CHANGED:  (_CHANGE, _STARTING),
        Event.UNWANTED: (_STOP, _IDLE),
        Event.REVOKED:  (_WAIT, _LEAVING),
        Event.DELIVERS: (_TELL, _COLLECTING),
        Event.TOLD:     (_NOTHING, _STARTING),
        Event.EXPIRED:  (_NOTHING, _STARTING),
        Event.REFUSED:  (_SHOW, _REFUSED),
    },
    State.COLLECTING: {
        Event.WANTED:   (_NOTHING, _COLLECTING),
        Event.CHANGED:  (_CHANGE, _STARTING),
        Event.UNWANTED: (_STOP, _IDLE),
        Event.REVOKED:  (_WAIT, _LEAVING),
        Event.DELIVERS: (_NOTHING, _COLLECTING),
        Event.TOLD:     (_NOTHING, _COLLECTING),
        Event.EXPIRED:  (_NOTHING, _COLLECTING),
        Event.REFUSED:  (_SHOW, _REFUSED),
    },
    State.LEAVING: {
        Event.WANTED:   (_NOTHING, _STARTING),
        Event.CHANGED:  (_CHANGE, _STARTING),
        Event.UNWANTED: (_STOP, _IDLE),
        Event.REVOKED:  (_NOTHING, _LEAVING),
        Event.DELIVERS: (_NOTHING, _LEAVING),
        Event.TOLD:     (_STOP, _IDLE),
        Event.EXPIRED:  (_STOP, _IDLE),
        Event.REFUSED:  (_STOP, _IDLE),
    },
    State.REFUSED: {
        Event.WANTED:   (_START, _STARTING),
        Event.CHANGED:  (_START, _STARTING),
        Event.UNWANTED: (_NOTHING, _IDLE),
        Event.REVOKED:  (_NOTHING, _IDLE),
        Event.DELIVERS: (_NOTHING, _REFUSED),
        Event.TOLD:     (_NOTHING, _REFUSED),
        Event.EXPIRED:  (_NOTHING, _REFUSED),
        Event.REFUSED:  (_NOTHING, _REFUSED),
    },
}
# fmt: on


def follow(state: State, event: Event) -> _Cell:
    """What is done, and the state afterwards."""
    return TABLE[state][event]
