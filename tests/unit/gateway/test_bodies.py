"""ETags and compression."""

from __future__ import annotations

import pytest

from gateway.context import Context
from tests.unit.gateway.material import gateway, get, spread, trade


@pytest.fixture
def context() -> Context:
    found = gateway()
    found.live.take("spreads", spread(1))
    return found


def test_who_has_the_answer_is_told_so(context: Context) -> None:
    first = get(context, "/api/v1/prices")
    tag = first.headers["etag"]
    assert tag.startswith('W/"')
    for asked in (tag, f'"other", {tag}', "*", tag.removeprefix("W/")):
        again = get(context, "/api/v1/prices", {"If-None-Match": asked})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert "content-length" not in again.headers
    assert get(context, "/api/v1/prices", {"If-None-Match": '"other"'}).json() == first.json()


def test_another_answer_has_another_tag(context: Context) -> None:
    tag = get(context, "/api/v1/prices").headers["etag"]
    context.live.take("spreads", spread(2, "99"))
    answer = get(context, "/api/v1/prices", {"If-None-Match": tag})
    assert (answer.status_code, answer.headers["etag"] != tag) == (200, True)


def test_errors_have_no_tag(context: Context) -> None:
    assert "etag" not in get(context, "/api/v1/nothing").headers


def test_long_answers_are_compressed_for_who_takes_it(context: Context) -> None:
    for offset in range(100):
        context.live.take("trades", trade(offset))
    plain = get(context, "/api/v1/trades", {"Accept-Encoding": "identity"})
    packed = get(context, "/api/v1/trades", {"Accept-Encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == plain.content
    assert packed.headers["etag"] == plain.headers["etag"]
    assert int(packed.headers["content-length"]) * 4 < len(plain.content)
    assert "content-encoding" not in get(context, "/health/live", {"Accept-Encoding": "gzip"}).headers
