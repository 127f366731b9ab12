"""An exchange is added by an adapter, a dialect and a name for each: Agora, which is made up, is nowhere else in the project."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from bookmill.errors import ConfigurationError
from tests.pairing import Pairing
from venues.interface import Route
from venues.messages import BookDiff, BookImage, Ticker, Trade
from venues.registry import exchanges, venue

ROOT = Path(__file__).resolve().parents[2]
ADAPTER = "agora.spot=tests.made_up.adapter:AgoraSpot"
DIALECT = "agora.spot=tests.made_up.simulated:spot"
PAGE = ROOT / "docs" / "adding-an-exchange.md"


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOOKMILL_ADAPTERS", ADAPTER)
    monkeypatch.setenv("BOOKMILL_SIMULATORS", DIALECT)


def test_everything_is_understood_and_the_books_are_true() -> None:
    pairing = Pairing("agora", "spot")
    pairing.play(3)
    pairing.assert_true()
    assert [one.symbol for one in pairing.instruments] == ["BTC-USDT", "ETH-USDT", "SOL-USDT"]
    assert (len(pairing.controls), pairing.strange, pairing.resubscriptions) == (3, [], 0)
    assert set(pairing.routes) == {route for plan in pairing.plans for route in plan.routes}
    kinds = Counter(type(message) for _, message in pairing.messages)
    assert kinds.keys() == {BookImage, BookDiff, Trade, Ticker}
    assert kinds[BookImage] == 3
    assert kinds[Trade] == sum(live.truth().trades for live in pairing.live.books.values())


def test_a_lost_change_is_noticed_and_a_new_image_heals_it() -> None:
    pairing = Pairing("agora", "spot")
    pairing.play(1)
    pairing.faults.disturb("book:btc_usdt", "drop")
    pairing.play(1)
    pairing.assert_true()
    assert pairing.books["btc_usdt"].counters.gaps == 1
    assert pairing.resubscriptions == 1


def test_a_change_that_comes_twice_is_no_loss() -> None:
    pairing = Pairing("agora", "spot")
    pairing.play(1)
    pairing.faults.disturb("book:btc_usdt", "duplicate", 3)
    pairing.play(1)
    pairing.assert_true()
    assert pairing.books["btc_usdt"].counters.old == 3
    assert pairing.resubscriptions == 0


def test_an_unknown_stream_is_refused_and_its_neighbours_flow() -> None:
    pairing = Pairing("agora", "spot")
    [connection] = pairing.connections
    [answer] = connection.session.receive(b'{"do":"follow","streams":["book:no_such","fills:btc_usdt"]}')
    control = pairing.venue.control(answer)
    assert control.kind == "error"
    assert control.error == "unknown: book:no_such"
    assert control.refused == (Route("book", "no_such"),)
    for text in (b"nonsense", b"[]", b'{"do":"dance"}', b'{"do":"follow","streams":7}'):
        [answer] = connection.session.receive(text)
        assert pairing.venue.control(answer).kind == "error"


def test_without_its_name_there_is_no_such_exchange(monkeypatch: pytest.MonkeyPatch) -> None:
    assert exchanges()["agora"] == ("spot",)
    monkeypatch.delenv("BOOKMILL_ADAPTERS")
    assert "agora" not in exchanges()
    with pytest.raises(ConfigurationError, match=r"There is no venue 'agora\.spot'\."):
        venue("agora", "spot")


def test_no_other_file_of_the_project_knows_it() -> None:
    rooms = ("bookmill", "venues", "schemas", "producers", "streams", "sinks", "simulator", "embedded")
    files = [
        path for room in rooms for path in (ROOT / room).rglob("*") if path.suffix in {".py", ".avsc", ".sql"}
    ]
    assert len(files) > 100
    assert not [path for path in files if "agora" in path.read_text(encoding="utf-8").lower()]


def unindented(text: str) -> str:
    """The formatter takes quoted code to the margin."""
    return "\n".join(line.strip() for line in text.splitlines())


def test_the_page_quotes_the_code_as_it_is() -> None:
    page = PAGE.read_text(encoding="utf-8")
    quoted = re.findall(r"^```python\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    sources = [
        unindented(path.read_text(encoding="utf-8"))
        for path in (ROOT / "tests/made_up/adapter.py", ROOT / "tests/made_up/simulated.py", Path(__file__))
    ]
    assert len(quoted) > 10
    assert [block for block in quoted if not any(unindented(block) in source for source in sources)] == []


def test_what_the_page_points_at_is_there() -> None:
    page = PAGE.read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)]+)\)", page)
    assert [target for target in targets if not (PAGE.parent / target).exists()] == []
    for name, value in (("ADAPTERS", ADAPTER), ("SIMULATORS", DIALECT)):
        assert f"export BOOKMILL_{name}={value}\n" in page
