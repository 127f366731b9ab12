"""Every market of every exchange, case by case (``cases.py``): frames its documents show, through its adapter and a book.

A market is done when its row is green. What a case cannot be for a market is said with the reason, and checked where it can be.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from bookmill.errors import FrameError
from tests.conformance.cases import CASES
from tests.conformance.markets import MARKETS
from tests.conformance.material import Material
from tests.conformance.table import CAPABILITIES, page
from venues.registry import VENUES

MATERIAL = {one.name: one for one in MARKETS}
PAGE = Path(__file__).resolve().parents[2] / "docs" / "venues.md"


@pytest.mark.parametrize("number", CASES)
@pytest.mark.parametrize("name", MATERIAL)
def test_case(name: str, number: str) -> None:
    material = MATERIAL[name]
    if number in material.not_applicable:
        pytest.skip(f"not applicable: {material.not_applicable[number]}")
    CASES[number].check(material)


def test_every_market_has_material_and_no_other() -> None:
    assert list(MATERIAL) == list(VENUES)


@pytest.mark.parametrize("material", MARKETS, ids=MATERIAL)
def test_what_is_called_not_applicable_is_not(material: Material) -> None:
    venue = material.venue()
    assert set(material.not_applicable) <= set(CASES)
    assert all(len(reason) > 20 for reason in material.not_applicable.values())
    in_band = venue.snapshot_request(material.wire_symbol, None) is None
    replies = any(control.reply for control in material.controls)
    assert ("C08" in material.not_applicable) == (venue.continuity.checked_levels == 0)
    assert ("C13" in material.not_applicable) == in_band
    assert ("C10" in material.not_applicable) == (venue.keep_alive is None and not replies)
    assert bool(venue.resubscribe(material.wire_symbol)) == in_band
    if in_band:
        with pytest.raises(FrameError):
            venue.decode_snapshot(material.script(material.wire_symbol).image())


@pytest.mark.parametrize("material", MARKETS, ids=MATERIAL)
def test_evidence_is_given_for_all_there_is(material: Material) -> None:
    venue = material.venue()
    said = set(material.evidence)
    assert said <= set(CAPABILITIES)
    assert said >= {*venue.channels, "images", "continuity", "instruments", "limits"}
    assert ("checksum" in said) == (venue.continuity.checked_levels > 0)


@pytest.mark.parametrize("material", [one for one in MARKETS if one.recorded], ids=lambda one: one.name)
def test_what_rests_on_a_recording_is_in_it_and_decodes(material: Material) -> None:
    venue = material.venue()
    found = set()
    assert material.recorded is not None
    for channel, frame in material.recorded():
        route = venue.route(frame)
        assert route is not None
        if venue.decode(route.channel, frame):
            found.add(channel)
    claimed = {channel for channel in venue.channels if material.evidence[channel] == "recording"}
    assert found == claimed


def test_the_page_of_venues_is_current() -> None:
    """``python -m tests.conformance.table > docs/venues.md`` makes it."""
    assert PAGE.read_text(encoding="utf-8") == page()
