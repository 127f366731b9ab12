"""Whether what is stored is what happened: every trade once, every book as it was, every gap written down. Sentences, or none."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tests.chaos.tables import BookRow, Entry, Place, TradeRow
from tests.chaos.truth import Truth, fingerprint

__all__ = ["SLACK_S", "Verdict", "judge_books", "judge_ids", "judge_letters", "judge_tops", "judge_trades"]

_SHOWN = 5
SLACK_S = 2.0
"""Between the moment a trade was made and that in which a frame that was not lost would have been received."""

_COUNTED = ("binance", "okx", "kraken")
"""Exchanges whose trade ids are the numbers by which their trades are counted; others name a gap's time."""


@dataclass
class Verdict:
    """``problems``: what must not be. ``facts``: figures for whoever reads. ``doubted``: between which raw records something is wrong."""

    problems: list[str] = field(default_factory=list)
    facts: Counter[str] = field(default_factory=Counter)
    doubted: list[tuple[Place, Place]] = field(default_factory=list)

    def wrong(self, what: str, cases: Sequence[object]) -> None:
        """Note that there are such cases, if there are."""
        if cases:
            shown = ", ".join(str(case) for case in cases[:_SHOWN])
            self.problems.append(f"{len(cases)} {what}: {shown}{' …' if len(cases) > _SHOWN else ''}")

    def add(self, other: Verdict) -> None:
        """Together with another one."""
        self.problems += other.problems
        self.facts += other.facts
        self.doubted += other.doubted


def judge_trades(
    truths: Mapping[str, Truth], rows: Iterable[TradeRow], ledger: Iterable[Entry] | None
) -> Verdict:
    """Each trade that was made is there once, to the digit, or lies in a gap of the ledger; and none that was not made.

    ``ledger`` None: there is none to look in, and what is missing is only counted.
    """
    verdict = Verdict()
    found = _compare(truths, rows, verdict)
    entries: dict[str, list[Entry]] = {}
    for entry in ledger or ():
        if entry.stream == "trades" and not entry.complete:
            entries.setdefault(entry.name, []).append(entry)
    missing = [
        (name, identity, made.at_s)
        for name, truth in truths.items()
        for identity, made in truth.trades.items()
        if made.number >= truth.since and (name, identity) not in found
    ]
    unsaid = [
        f"{name} {identity}"
        for name, identity, at_s in missing
        if not any(_covers(entry, name, identity, at_s) for entry in entries.get(name, ()))
    ]
    if ledger is not None:
        verdict.wrong("trades are missing, and no gap of the ledger says so", unsaid)
    verdict.facts["trades made"] = sum(len(truth.trades) for truth in truths.values())
    verdict.facts["trades missing, in the ledger"] = len(missing) - len(unsaid)
    verdict.facts["trades missing, unsaid"] = len(unsaid)
    return verdict


def _compare(
    truths: Mapping[str, Truth], rows: Iterable[TradeRow], verdict: Verdict
) -> Counter[tuple[str, str]]:
    """Each row with the trade it tells of; how often each trade is told of."""
    found: Counter[tuple[str, str]] = Counter()
    foreign, different = [], []
    for row in rows:
        found[row.name, row.trade_id] += 1
        verdict.facts[f"trades by {row.source}"] += 1
        truth = truths.get(row.name)
        made = truth and truth.trades.get(row.trade_id)
        if not truth or not made:
            foreign.append(f"{row.name} {row.trade_id}")
            continue
        own = made.size if truth.contracts else None
        if (row.price, row.quantity, row.contracts, row.side) != (made.price, made.quantity, own, made.side):
            different.append(f"{row} was {made}")
    verdict.wrong("trades are there that were never made", foreign)
    verdict.wrong("trades are there more than once", [key for key, count in found.items() if count > 1])
    verdict.wrong("trades are not what they were", different)
    return found


def _covers(entry: Entry, name: str, identity: str, at_s: float) -> bool:
    if entry.first_id is not None and entry.last_id is not None and name.startswith(_COUNTED):
        return entry.first_id <= int(identity) <= entry.last_id
    return entry.since_s - SLACK_S <= at_s <= entry.until_s + SLACK_S


def judge_books(truths: Mapping[str, Truth], rows: Iterable[BookRow]) -> Verdict:
    """Each live book that is stored was the exchange's own, they stand in order, and the last is as the exchange left it."""
    verdict = Verdict()
    places: dict[str, dict[int, list[int]]] = {}
    for name, truth in truths.items():
        at = places[name] = {}
        for number, book in enumerate(truth.books):
            at.setdefault(book, []).append(number)
    reached = dict.fromkeys(truths, 0)
    last: dict[str, BookRow] = {}
    jumps: dict[str, tuple[Place, Place]] = {}
    doubted: dict[str, tuple[Place, Place]] = {}
    never, behind = [], []
    for row in rows:
        verdict.facts[f"books {row.state}"] += 1
        if row.name not in truths:
            never.append(row.name)
            continue
        before = last.get(row.name, row)
        last[row.name] = row
        if row.state != "live":
            continue
        numbers = places[row.name].get(fingerprint(row.bids, row.asks))
        if numbers is None:
            never.append(f"{row.name} {row.bids[:1]} {row.asks[:1]}")
            continue
        next_one = bisect_left(numbers, reached[row.name])
        if next_one == len(numbers):
            behind.append(f"{row.name} book {numbers[-1]} behind book {reached[row.name]}")
            doubted.setdefault(row.name, (jumps[row.name][0], row.place))
        elif numbers[next_one] > reached[row.name]:
            reached[row.name] = numbers[next_one]
            jumps[row.name] = before.place, row.place
    verdict.wrong("stored books never were the exchange's", never)
    verdict.wrong("stored books stand behind later ones", behind)
    verdict.doubted += doubted.values()
    left = [
        f"{name} ({last[name].state if name in last else 'no row'})"
        for name, truth in truths.items()
        if name not in last
        or last[name].state != "live"
        or fingerprint(last[name].bids, last[name].asks) != fingerprint(*truth.last)
    ]
    verdict.wrong("books did not end as the exchange's", left)
    return verdict


def judge_tops(truths: Mapping[str, Truth], rows: Iterable[BookRow]) -> Verdict:
    """Each best price of a built book that is called live was the exchange's own."""
    verdict = Verdict()
    never = []
    for row in rows:
        verdict.facts[f"tops {row.state}"] += 1
        if row.state == "live" and fingerprint(row.bids, row.asks) not in truths[row.name].tops:
            never.append(f"{row.name} {row.bids} {row.asks}")
    verdict.wrong("best prices never were the exchange's", never)
    return verdict


def judge_ids(repeated: Sequence[tuple[str, int]]) -> Verdict:
    """No two rows have one event id."""
    verdict = Verdict()
    verdict.wrong("event ids stand in several rows", repeated)
    return verdict


def judge_letters(letters: Sequence[bytes], torn: set[bytes], raw_torn: int, raw_letters: int) -> Verdict:
    """Dead letters are the frames that were torn on the way, and nothing else; each torn frame in the raw log has become one.

    ``letters``: values of all dead letters. ``raw_torn``: torn frames in the raw topics; ``raw_letters``: of how many raw records
    there is a dead letter.
    """
    verdict = Verdict()
    verdict.facts["dead letters"] = len(letters)
    verdict.wrong(
        "dead letters are no frames that were torn", [one[:200] for one in letters if one not in torn]
    )
    if raw_torn != raw_letters:
        verdict.problems.append(
            f"{raw_torn} torn frames are in the raw topics, {raw_letters} have dead letters"
        )
    return verdict
