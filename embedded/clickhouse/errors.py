"""ClickHouse's errors as its HTTP interface shows them: a code in a header, a message in the body, a fitting status."""

from __future__ import annotations

import re
from http import HTTPStatus

__all__ = ["ClickHouseError", "status_of"]

# src/Server/HTTP/exceptionCodeToHTTPStatus.cpp of ClickHouse.
_BAD_REQUEST = {6, 25, 26, 27, 38, 41, 42, 43, 53, 62, 69, 70, 72, 117, 130, 321, 377, 378, 441, 457}
_NOT_FOUND = {36, 46, 47, 50, 56, 60, 63, 68, 73, 78, 81, 115, 336}
_STATUS = {
    48: HTTPStatus.NOT_IMPLEMENTED,
    192: HTTPStatus.FORBIDDEN,
    193: HTTPStatus.FORBIDDEN,
    194: HTTPStatus.UNAUTHORIZED,
    209: HTTPStatus.SERVICE_UNAVAILABLE,
    381: HTTPStatus.LENGTH_REQUIRED,
    439: HTTPStatus.SERVICE_UNAVAILABLE,
    497: HTTPStatus.FORBIDDEN,
    516: HTTPStatus.FORBIDDEN,
    **dict.fromkeys(_BAD_REQUEST, HTTPStatus.BAD_REQUEST),
    **dict.fromkeys(_NOT_FOUND, HTTPStatus.NOT_FOUND),
}
_CODE = re.compile(r"Code: (\d+)")


class ClickHouseError(Exception):
    """A refused request: ``code`` is ClickHouse's, the text is what clients show."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code

    @classmethod
    def of(cls, error: BaseException) -> ClickHouseError:
        """From an exception of the engine, whose text begins with the code more or less."""
        text = str(error)
        found = _CODE.search(text)
        if not found:
            return cls(1002, f"Code: 1002. DB::Exception: {text} (UNKNOWN_EXCEPTION)")
        # What chdb says before the server's own words ("Streaming insert append failed: ") is of no use here.
        message = text[min(i for i in (found.start(), text.find("std::exception")) if i >= 0) :]
        if not message.startswith("Code:"):
            message = f"Code: {found[1]}. DB::Exception: {message}"
        return cls(int(found[1]), message)

    @classmethod
    def own(cls, code: int, name: str, message: str) -> ClickHouseError:
        """One that this server raises itself, in ClickHouse's form."""
        return cls(code, f"Code: {code}. DB::Exception: {message} ({name})")


def status_of(code: int) -> HTTPStatus:
    """The HTTP status a ClickHouse server answers with for an error code."""
    return _STATUS.get(code, HTTPStatus.INTERNAL_SERVER_ERROR)
