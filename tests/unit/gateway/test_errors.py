"""Every error has the one form, whoever raises it."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.exceptions import HTTPException
from structlog.testing import capture_logs

from bookmill.errors import BookmillError, ConfigurationError, RefusedError, UnavailableError
from gateway.errors import ApiError, error_form
from tests.unit.gateway.material import gateway, get

FIELDS = {"status", "code", "message", "hint", "field"}


def error(path: str, method: str = "GET", **settings: Any) -> dict[str, Any]:
    answer = get(gateway(**settings), path, method=method)
    found: dict[str, Any] = answer.json()["error"]
    assert found.keys() == FIELDS
    assert found["status"] == answer.status_code
    assert found["message"].endswith(".")
    assert answer.headers["content-type"] == "application/json"
    return found


@pytest.mark.parametrize(
    ("raised", "status", "code"),
    [
        (ApiError(409, "conflict", "So it is."), 409, "conflict"),
        (UnavailableError("Nobody answers."), 503, "unavailable"),
        (RefusedError("It says no."), 502, "unavailable"),
        (ConfigurationError("That is none."), 400, "bad_request"),
        (BookmillError("Something else."), 500, "internal"),
    ],
)
def test_our_errors_have_a_status_and_a_code(raised: BookmillError, status: int, code: str) -> None:
    assert error_form(raised) == {
        "status": status,
        "code": code,
        "message": raised.message,
        "hint": None,
        "field": None,
    }


def test_a_path_that_is_none_is_met_with_the_nearest() -> None:
    found = error("/api/v1/price")
    assert (found["status"], found["code"]) == (404, "unknown_path")
    assert "/api/v1/prices" in found["hint"]


def test_a_method_that_is_none_is_met_with_those_that_are() -> None:
    answer = get(gateway(), "/api/v1/prices", method="PATCH")
    assert answer.headers["allow"] == "GET"
    found = answer.json()["error"]
    assert (found["status"], found["code"]) == (405, "method_not_allowed")
    assert "GET" in found["hint"]


@pytest.mark.parametrize("value", ["x", "0", "-1", "10001", "1' OR 1=1", "%00"])
def test_a_parameter_that_is_wrong_is_named(value: str) -> None:
    found = error(f"/api/v1/trades?limit={value}")
    assert (found["status"], found["code"], found["field"]) == (400, "bad_request", "limit")


def test_what_nobody_has_foreseen_is_logged_and_says_nothing_of_itself() -> None:
    context = gateway()

    def fails() -> int:
        raise ZeroDivisionError("a secret")

    context.clock = fails
    with capture_logs() as logged:
        answer = get(context, "/api/v1/prices")
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "internal"
    assert "secret" not in answer.text
    assert [(each["path"], each["exc_info"]) for each in logged] == [("/api/v1/prices", True)]


def test_an_error_of_the_framework_has_the_form_too(monkeypatch: pytest.MonkeyPatch) -> None:
    context = gateway()

    def fails() -> int:
        raise HTTPException(418, "A teapot")

    context.clock = fails
    found = get(context, "/api/v1/prices").json()["error"]
    assert (found["status"], found["code"], found["message"]) == (418, "bad_request", "A teapot.")
