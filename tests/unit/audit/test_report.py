"""What is found is said in words a reader can act on, and as one JSON object."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from audit.comparison import Compared
from audit.frame_counters import Hole
from audit.report import as_json, sentences, show
from audit.trade_numbers import Untold
from audit.verification import Findings

NAME = "binance.spot.BTC-USDT"


def findings(**more: object) -> Findings:
    found = Findings(
        [Compared("trades", NAME, expected=1000, stored=1000)], frames=Counter({NAME: 4000}), rebuilding_s=2.0
    )
    for name, value in more.items():
        setattr(found, name, value)
    return found


def test_nothing_wrong_is_said_in_one_sentence() -> None:
    found = findings()
    assert found.good
    assert list(sentences(found)) == [
        "Nothing is missing, double or different: 1,000 events of 1 instruments are what 4,000 raw records give (2,000 a second)."
    ]


def test_what_is_wrong_is_named_with_an_example() -> None:
    wrong = Compared(
        "trades", NAME, expected=10, stored=10, missing=1, double=1, example="raw.binance.spot/3/7/0"
    )
    found = findings(compared=[wrong], lost_frames=[Hole("raw.binance.spot", "c1", 3, ((5, 6), (9, 9)))])
    assert not found.good
    assert list(sentences(found)) == [
        "trades of binance.spot.BTC-USDT: 1 missing, 1 double; the first is raw.binance.spot/3/7/0",
        "raw.binance.spot: 3 frames of connection c1 were lost in its producer: 5-6, 9",
        "ClickHouse does not have what the raw topics give: 1 missing, 1 double, 3 frames lost before Kafka that nobody has written down.",
    ]


def test_trades_that_are_missing_without_a_gap_are_wrong() -> None:
    found = findings(untold=[Untold(NAME, 2, 5, 1007)])
    assert not found.good
    assert list(sentences(found)) == [
        "trades of binance.spot.BTC-USDT: 5 numbers are missing in 2 places that the ledger of gaps does not name; the first is 1007",
        "ClickHouse does not have what the raw topics give: 5 trades missing that no gap tells.",
    ]


def test_what_was_not_compared_is_never_passed_over() -> None:
    behind = Compared("book_snapshots", NAME, expected=5, stored=5, not_comparable=2)
    said = list(sentences(findings(compared=[behind], not_stored_yet=4, dead_letters=1, refused=1)))
    assert [sentence.split()[0] for sentence in said] == ["1", "1", "4", "2", "Nothing"]


def test_nothing_at_all_is_not_called_a_proof() -> None:
    assert list(sentences(Findings())) == [
        "There is nothing to compare yet: no events are both made and stored."
    ]


def test_a_table_has_a_line_for_each_instrument(capsys: pytest.CaptureFixture[str]) -> None:
    show(findings())
    heading, line, _ = capsys.readouterr().out.splitlines()
    assert " ".join(heading.split()) == (
        "instrument frames events stored missing double different extra not comparable"
    )
    assert line.split() == [NAME, "4,000", "1,000", "1,000", "0", "0", "0", "0", "0"]


def test_programs_get_the_same() -> None:
    said = json.loads(json.dumps(as_json(findings())))
    assert (said["good"], said["frames"], said["events"], said["frames_per_s"]) == (True, 4000, 1000, 2000)
    [instrument] = said["instruments"]
    assert (instrument["instrument"], instrument["stored"]) == (NAME, 1000)
    assert [table["table"] for table in instrument["tables"]] == ["trades"]
