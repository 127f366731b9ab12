"""What the log shows, and what it must not."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import structlog

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


def _fail(password: str) -> None:
    raise LookupError(str(len(password)))
