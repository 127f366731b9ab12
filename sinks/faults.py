"""What an error of ClickHouse means for the batch it was given: wait, halve, or stop. One table, by exception code.

Source of the numbers: ClickHouse ``src/Common/ErrorCodes.cpp`` (they are never reused there).
"""

from __future__ import annotations

from enum import Enum

__all__ = ["Verdict", "verdict"]


class Verdict(Enum):
    """What to do about a failed insert."""

    RETRY = "retry"
    """The state of the server, not of the data: the same batch again, later."""

    DATA = "data"
    """Some record of the batch cannot be stored: halve it until that one stands alone."""

    STOP = "stop"
    """Nothing can be stored until somebody changes something: say what, and stop."""


_DATA = {
    6: "CANNOT_PARSE_TEXT",
    25: "CANNOT_PARSE_ESCAPE_SEQUENCE",
    26: "CANNOT_PARSE_QUOTED_STRING",
    27: "CANNOT_PARSE_INPUT_ASSERTION_FAILED",
    32: "ATTEMPT_TO_READ_AFTER_EOF",
    33: "CANNOT_READ_ALL_DATA",
    38: "CANNOT_PARSE_DATE",
    41: "CANNOT_PARSE_DATETIME",
    53: "TYPE_MISMATCH",
    69: "ARGUMENT_OUT_OF_BOUND",
    70: "CANNOT_CONVERT_TYPE",
    72: "CANNOT_PARSE_NUMBER",
    117: "INCORRECT_DATA",
    128: "TOO_LARGE_ARRAY_SIZE",
    131: "TOO_LARGE_STRING_SIZE",
    190: "SIZES_OF_ARRAYS_DONT_MATCH",
    321: "VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE",
    349: "CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN",
    407: "DECIMAL_OVERFLOW",
    469: "VIOLATED_CONSTRAINT",
    691: "UNKNOWN_ELEMENT_OF_ENUM",
    # Exceptions of the Avro library come out under this one.
    1001: "STD_EXCEPTION",
}

_STOP = {
    16: "NO_SUCH_COLUMN_IN_TABLE",
    60: "UNKNOWN_TABLE",
    73: "UNKNOWN_FORMAT",
    81: "UNKNOWN_DATABASE",
    115: "UNKNOWN_SETTING",
    164: "READONLY",
    192: "UNKNOWN_USER",
    193: "WRONG_PASSWORD",
    194: "REQUIRED_PASSWORD",
    452: "SETTING_CONSTRAINT_VIOLATION",
    497: "ACCESS_DENIED",
    516: "AUTHENTICATION_FAILED",
}


def verdict(code: int | None) -> Verdict:
    """What to do after exception ``code`` (None: the network failed, or something between us and ClickHouse answered).

    A code that is in no table (too many parts, out of memory, read-only replica, and all that is new) is retried: waiting
    loses nothing and shows in health, while a dead letter by mistake would have to be brought back by hand.
    """
    if code in _DATA:
        return Verdict.DATA
    if code in _STOP:
        return Verdict.STOP
    return Verdict.RETRY
