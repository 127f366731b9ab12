"""The numbered cases every market has to pass, in order; ``test_conformance`` runs each against each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.conformance import book_cases, connection_cases, fault_cases, number_cases
from tests.conformance.material import Material

__all__ = ["CASES", "Case"]


@dataclass(frozen=True)
class Case:
    """``title`` says what holds when it passes."""

    title: str
    check: Callable[[Material], None]


CASES: Mapping[str, Case] = {
    "C01": Case("a frame is routed by a few bytes, and as the plan has it", connection_cases.routing),
    "C02": Case("frames of every channel say what the documents say they say", number_cases.decoding),
    "C03": Case("a book begins with an image, and joins it", book_cases.join),
    "C04": Case("diff by diff the book stays the exchange's", book_cases.continuity),
    "C05": Case("a lost diff is noticed, and an image heals it", book_cases.gap),
    "C06": Case("a diff that comes twice changes nothing", book_cases.duplicate),
    "C07": Case("the exchange may start its count anew", book_cases.restart),
    "C08": Case("a book that is not the exchange's fails its checksum", book_cases.checksum),
    "C09": Case("removing a level that is not there is normal", book_cases.unknown_delete),
    "C10": Case("a connection is kept alive as the exchange wants it", connection_cases.keep_alive),
    "C11": Case("plans stay within the exchange's limits and leave nothing out", connection_cases.limits),
    "C12": Case("a subscription that is refused is named, the others live", connection_cases.refusal),
    "C13": Case("a snapshot older than the waiting diffs is asked for again", book_cases.old_image),
    "C14": Case("quantities become base units, exactly", number_cases.units),
    "C15": Case("the side of a trade is the taker's", number_cases.sides),
    "C16": Case("times become microseconds since the epoch", number_cases.times),
    "C17": Case("symbols of any script and shape are kept", connection_cases.odd_symbols),
    "C18": Case("numbers in scientific notation are exact", number_cases.scientific),
    "C19": Case("zero is zero in every spelling", number_cases.zeros),
    "C20": Case("a frame that is broken costs itself and nothing else", fault_cases.malformed),
    "C21": Case("a trade that REST tells is the trade that the stream brought", number_cases.past_trades),
}
