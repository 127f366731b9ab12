"""Cursors: good for the list they were made for and no other, and never more than a bad request."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest

from gateway.errors import ApiError
from gateway.paging import Pages
from gateway.spans import Span
from gateway.tables import TABLES, Place

QUERY = b"/api/v1/trades"
KEY = (1_767_607_200_000_000, 912, 0, "raw.binance.spot", 3)
PLACE = Place(Span(5, None), KEY)


def cursor(place: object = PLACE, query: bytes = QUERY) -> str:
    return Pages(10, "", query).cursor(place)


def place(given: str, query: bytes = QUERY, form: type[Any] = Place) -> Any:
    return Pages(10, given, query).place(form)


def test_a_cursor_brings_back_its_place() -> None:
    assert place(cursor()) == PLACE
    assert place("") is None
    assert set(cursor()) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"), (
        "as it is in an address"
    )


@pytest.mark.parametrize(
    "given",
    [
        "x",
        "====",
        "é",
        "%00",
        "a" * 1000,
        cursor()[:-1],
        cursor()[1:],
        cursor() + "A",
        cursor(query=b"/api/v1/other"),
        " ",
    ],
)
def test_what_is_no_cursor_of_this_list_is_a_bad_request(given: str) -> None:
    with pytest.raises(ApiError) as caught:
        place(given)
    assert (caught.value.status, caught.value.code, caught.value.field) == (400, "bad_cursor", "cursor")


@pytest.mark.parametrize(
    "forged",
    [
        [],
        [[None, None]],
        [[-1, None], list(KEY)],
        [[2**62, None], list(KEY)],
        [["x", None], list(KEY)],
        [[None, None], [*KEY, 1]],
        [[None, None], KEY[:3]],
        [[None, None], ["x", *KEY[1:]]],
        [[None, None], [KEY[0], -1, *KEY[2:]]],
        [[None, None], [2**60, *KEY[1:]]],
        [[None, None], [*KEY[:2], 2**32, *KEY[3:]]],
        [[None, None], [*KEY[:3], 7, 3]],
        [[None, None], [*KEY[:3], "x" * 301, 3]],
    ],
)
def test_one_that_somebody_made_up_reaches_no_query(forged: Any) -> None:
    with pytest.raises(ApiError) as caught:
        TABLES["trades"].require_place(place(cursor(forged)))
    assert caught.value.code == "bad_cursor"


def test_a_made_up_text_within_its_bounds_is_bound_and_no_part_of_the_query() -> None:
    evil = "'; DROP TABLE trades; --"
    found = TABLES["trades"].require_place(place(cursor([[None, None], [*KEY[:3], evil, 3]])))
    assert found is not None
    question = TABLES["trades"].page(found.span, _everything(), limit=1, after=found.key)
    assert evil not in question.text
    assert evil in question.parameters.values()


def test_every_table_has_a_place_of_its_rows() -> None:
    row = {
        "receive_time_us": 7,
        "event_id": "raw.binance.spot/3/00000000000000000912/000002",
        "seen_time_us": 8,
        "exchange": "binance",
        "market": "spot",
        "symbol": "BTC-USDT",
    }
    for name, table in TABLES.items():
        found = Place(Span(), table.key(row))
        assert table.require_place(place(cursor(found))) == found
        expected = (
            (8, "binance", "spot", "BTC-USDT")
            if name == "instruments"
            else (7, 912, 2, "raw.binance.spot", 3)
        )
        assert found.key == expected


def test_nonsense_of_the_right_checksum_is_a_bad_request() -> None:
    pages = Pages(10, "", QUERY)
    body = b"\xc1"
    given = base64.urlsafe_b64encode(pages._mark(body) + body).decode()
    with pytest.raises(ApiError):
        place(given)
    with pytest.raises(msgspec.DecodeError):
        msgspec.msgpack.decode(body)


def _everything() -> Any:
    from bookmill.questions import Selection

    return Selection()
