"""The REST weight of one address at an exchange, shared by all processes that call from there.

An exchange counts what comes from an address, whichever process it comes from. So all spend from one account, each call is
written into it before it is made, and each process says there what it waits for: one whose call can wait does not spend
while another waits with one that cannot. What the exchange answers, used weight and refusals, holds for all at once.

A killed process leaves nothing behind but what it has spent: that it waits it has to say again and again.
"""

from __future__ import annotations

import math
import sqlite3
from urllib.parse import urlsplit

from producers.budget import WINDOW_S, WeightBudget
from producers.ledger import STEP_S, Ledger
from producers.priorities import Priority
from venues.interface import Venue

__all__ = ["Account", "account_name"]

_WAITS_S = 2.0
"""Who has not said for so long that it waits does not wait any more."""
_TURN_S = 0.1
"""When to ask again while another process goes first."""


def account_name(venue: Venue, address: str, proxy: str | None) -> str:
    """Of a weight pool of the exchange and the way out to it.

    Another address than the exchange's own (a mirror, a simulation) counts for itself. A proxy is named by its host and
    port: who calls through it shares its address, under whichever user name.
    """
    pool = f"{venue.exchange}.{venue.limits.weight_pool}" if venue.limits.weight_pool else venue.exchange
    asked = urlsplit(address).netloc.rpartition("@")[2]
    at = "" if asked == urlsplit(venue.rest_url).netloc else f" at {asked}"
    by = f" by {urlsplit(proxy).netloc.rpartition('@')[2]}" if proxy else ""
    return f"{pool}{at}{by}"


class Account:
    """One caller's place in the account ``name`` of ``ledger``: of ``limit`` weight a minute all together may spend ``share``.

    All methods raise :class:`UnavailableError` where the ledger fails; then nothing is spent. They take a fraction of a millisecond,
    and a second where another process holds the file.
    """

    def __init__(self, ledger: Ledger, name: str, limit: int, share: float) -> None:
        self.name = name
        self.own_limit = int(limit * share)
        self._ledger = ledger
        self._waiter = ledger.waiter()
        self._limit = limit
        self._share = share

    def ask(self, weight: int, priority: Priority) -> float:
        """Spend and return 0.0, or wait so many seconds and ask again; infinite where the share never allows it at once.

        Who waits is taken into account by others for two seconds: ask again before, however long the wait.
        """
        with self._ledger.change() as (db, now_s):
            db.execute("DELETE FROM waiting WHERE until_s <= ?", (now_s,))
            db.execute("DELETE FROM spent WHERE until_s <= ?", (now_s,))
            wait_s = self._budget(db, now_s).wait_s(weight, now_s)
            if math.isinf(wait_s):
                return wait_s
            if self._others_first(db, priority):
                wait_s = max(wait_s, _TURN_S)
            if wait_s > 0.0:
                db.execute(
                    "INSERT OR REPLACE INTO waiting VALUES (?, ?, ?, ?, ?)",
                    (self.name, self._waiter, priority.urgency, priority.rank, now_s + _WAITS_S),
                )
                return wait_s
            until_s = math.ceil((now_s + WINDOW_S) / STEP_S) * STEP_S
            db.execute(
                "INSERT INTO spent VALUES (?, ?, ?)"
                " ON CONFLICT (account, until_s) DO UPDATE SET weight = weight + excluded.weight",
                (self.name, until_s, weight),
            )
            self._leave(db)
            return 0.0

    def leave(self) -> None:
        """What was waited for is not wanted any longer."""
        with self._ledger.change() as (db, _):
            self._leave(db)

    def observe(self, used: int) -> None:
        """The exchange says how much of its running minute is used, by all of us and everybody else at this address."""
        with self._ledger.change() as (db, now_s):
            budget = self._budget(db, now_s)
            budget.observe(used, now_s)
            self._tell(db, budget)

    def block(self, seconds: float) -> None:
        """The exchange refuses: nobody asks anything for so long."""
        with self._ledger.change() as (db, now_s):
            budget = self._budget(db, now_s)
            budget.block(seconds, now_s)
            self._tell(db, budget)

    def used(self) -> int:
        """Weight that all together have spent in the last minute."""
        with self._ledger.look() as (db, now_s):
            return self._budget(db, now_s).used(now_s)

    def blocked_s(self) -> float:
        """Seconds until a refusal ends; 0.0 without one."""
        with self._ledger.look() as (db, now_s):
            return self._budget(db, now_s).blocked_s(now_s)

    def _others_first(self, db: sqlite3.Connection, priority: Priority) -> bool:
        """Whether another waits with what goes before. Names do not count here: equals need not wait for each other."""
        found = db.execute(
            "SELECT 1 FROM waiting WHERE account = ? AND waiter <> ? AND (urgency, rank) < (?, ?) LIMIT 1",
            (self.name, self._waiter, priority.urgency, priority.rank),
        )
        return found.fetchone() is not None

    def _budget(self, db: sqlite3.Connection, now_s: float) -> WeightBudget:
        spent = db.execute(
            "SELECT until_s, weight FROM spent WHERE account = ? AND until_s > ? ORDER BY until_s",
            (self.name, now_s),
        ).fetchall()
        told = db.execute(
            "SELECT foreign_weight, foreign_until_s, blocked_until_s FROM told WHERE account = ?",
            (self.name,),
        ).fetchone()
        foreign, foreign_until_s, blocked_until_s = told or (0, -math.inf, -math.inf)
        return WeightBudget(
            self._limit,
            self._share,
            spent=spent,
            foreign=foreign,
            foreign_until_s=foreign_until_s,
            blocked_until_s=blocked_until_s,
        )

    def _tell(self, db: sqlite3.Connection, budget: WeightBudget) -> None:
        db.execute(
            "INSERT OR REPLACE INTO told VALUES (?, ?, ?, ?)",
            (self.name, budget.foreign, budget.foreign_until_s, budget.blocked_until_s),
        )

    def _leave(self, db: sqlite3.Connection) -> None:
        db.execute("DELETE FROM waiting WHERE account = ? AND waiter = ?", (self.name, self._waiter))
