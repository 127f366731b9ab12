"""Errors of ClickHouse are told apart by their code, and what is waited for grows to a bound."""

from __future__ import annotations

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError

from bookmill.archive import first_sentence
from bookmill.errors import RefusedError, UnavailableError
from sinks.client import DataRefusedError, _translated
from sinks.faults import Verdict, verdict


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (None, Verdict.RETRY),
        (159, Verdict.RETRY),
        (241, Verdict.RETRY),
        (242, Verdict.RETRY),
        (252, Verdict.RETRY),
        (9999, Verdict.RETRY),
        (33, Verdict.DATA),
        (117, Verdict.DATA),
        (1001, Verdict.DATA),
        (60, Verdict.STOP),
        (81, Verdict.STOP),
        (497, Verdict.STOP),
        (516, Verdict.STOP),
    ],
)
def test_each_code_has_its_verdict(code: int | None, expected: Verdict) -> None:
    assert verdict(code) is expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [(None, UnavailableError), (252, UnavailableError), (117, DataRefusedError), (60, RefusedError)],
)
def test_foreign_exceptions_become_ours_with_their_cause(code: int | None, expected: type[Exception]) -> None:
    with pytest.raises(expected) as caught, _translated("http://127.0.0.1:1"):
        raise DatabaseError(
            "Received ClickHouse exception, server response: Code: 1. DB::Exception: No. (X)", code=code
        )
    assert type(caught.value) is expected
    assert isinstance(caught.value.__cause__, DatabaseError)
    assert "\n" not in str(caught.value)


def test_a_network_error_is_worth_another_try() -> None:
    with (
        pytest.raises(UnavailableError, match=r"does not answer at http://127\.0\.0\.1:1"),
        _translated("http://127.0.0.1:1"),
    ):
        raise OperationalError("Error executing HTTP request")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Received ClickHouse exception, code: 60, server response: Code: 60. DB::Exception: Table m.t does not"
            " exist. Maybe you meant m.u?. (UNKNOWN_TABLE)",
            "Table m.t does not exist",
        ),
        (
            "Code: 73. DB::Exception: Code: 73. DB::Exception: Unknown format Foo. (UNKNOWN_FORMAT)",
            "Unknown format Foo",
        ),
        (
            "Code: 117. DB::Exception: Bad: (at row 1)\n: While executing AvroRowInputFormat. (INCORRECT_DATA)",
            "Bad",
        ),
        ("plain words", "plain words"),
    ],
)
def test_clickhouse_is_quoted_with_one_sentence(text: str, expected: str) -> None:
    assert first_sentence(text) == expected
