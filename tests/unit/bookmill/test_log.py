"""What the log shows, and what it must not."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator

import pytest
import structlog

from bookmill.errors import UnavailableError
from bookmill.log import configure
from bookmill.settings import LogSettings


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.parametrize("form", ["console", "json"])
def test_an_error_nobody_expected_shows_where_it_was_and_no_variables(
    form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(LogSettings.model_validate({"format": form}))
    try:
        _fail("".join(("hunter", "2")))
    except LookupError:
        logging.getLogger("streams").exception("this went wrong")
    shown = capsys.readouterr().err
    assert "this went wrong" in shown
    assert "LookupError" in shown
    assert "_fail" in shown
    assert "hunter2" not in shown


@pytest.mark.parametrize("form", ["console", "json"])
def test_an_error_of_ours_is_told_in_its_sentence(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure(LogSettings.model_validate({"format": form}))
    for log in (logging.getLogger("faust"), structlog.get_logger("streams")):
        try:
            _go_away()
        except UnavailableError:
            log.exception("crashed")
    shown = capsys.readouterr().err
    assert shown.count("crashed") == 2
    assert shown.count("Kafka does not answer.") == 2
    assert "Traceback" not in shown
    assert "LookupError" not in shown


@pytest.mark.parametrize("form", ["console", "json"])
def test_a_task_that_a_crash_elsewhere_ended_does_not_show_where_it_stood(
    form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(LogSettings.model_validate({"format": form}))
    try:
        _cancelled()
    except asyncio.CancelledError:
        logging.getLogger("faust").exception("Crashed")
    shown = capsys.readouterr().err
    assert "Crashed" in shown
    assert "Traceback" not in shown


def _cancelled() -> None:
    raise asyncio.CancelledError


def _go_away() -> None:
    raise UnavailableError("Kafka does not answer.") from LookupError("why")


def _fail(password: str) -> None:
    raise LookupError(str(len(password)))
