"""Cases about books: frames of a :class:`BookScript` in, and the copy has to be what the script holds."""

from __future__ import annotations

from tests.conformance.material import BookScript, Levels, Material
from tests.conformance.reader import Reader

__all__ = [
    "checksum",
    "continuity",
    "duplicate",
    "gap",
    "join",
    "old_image",
    "restart",
    "unknown_delete",
]

_CHANGES: tuple[tuple[Levels, Levels], ...] = (
    ([("99.5", "1.5")], []),
    ([("99.0", "0.25"), ("98.5", "3")], [("101.0", "4")]),
    ([], [("101.5", "1"), ("102.0", "2")]),
    ([("99.5", "0")], [("101.0", "5")]),
    ([("99.0", "7"), ("98.0", "1")], [("100.5", "2")]),
    ([("99.0", "0")], [("100.5", "0"), ("100.0", "1")]),
)


def begun(material: Material) -> tuple[BookScript, Reader]:
    """A book of a few levels on both sides, and a live copy of it."""
    script, reader = material.script(material.wire_symbol), Reader(material)
    for bids, asks in _CHANGES[:2]:
        script.change(bids, asks)
    reader.image(script.image())
    reader.take(script.change([("97.0", "1")]))
    assert reader.stands_as(script)
    return script, reader


def join(material: Material) -> None:
    """Before an image there is no book. Where images are asked of REST, diffs before and after it wait for it."""
    script, reader = material.script(material.wire_symbol), Reader(material)
    reader.take(script.change([("99.5", "1")], [("101.0", "1")]))
    assert not reader.live
    reader.take(script.change([("99.0", "2")]))
    image = script.image()
    if not reader.in_band:
        reader.take(script.change([("98.0", "1")]), script.change([], [("101.0", "0"), ("102.0", "1")]))
        assert reader.book.needs_image
    reader.image(image)
    assert reader.stands_as(script)
    reader.take(script.change([("99.0", "3")]))
    assert reader.stands_as(script)


def continuity(material: Material) -> None:
    """Levels come, change and go, a best level is replaced by a better one and by a worse one; 200 changes deep."""
    script, reader = begun(material)
    for bids, asks in _CHANGES:
        reader.take(script.change(bids, asks))
        assert reader.stands_as(script)
    for number in range(200):
        price = f"{90 + number % 8}.5"
        quantity = str(number % 5)
        reader.take(script.change([(price, quantity)], [(f"{110 + number % 7}.5", quantity)]))
        assert reader.stands_as(script)
    counters = reader.book.counters
    assert (counters.gaps, counters.restarts, counters.checksum_failures) == (0, 0, 0)


def gap(material: Material) -> None:
    """With one diff missing the copy is not shown as the exchange's, until the next image."""
    script = material.script(material.wire_symbol)
    reader = Reader(material, counting=True)
    script.change([("99.5", "1")], [("101.0", "1")])
    reader.image(script.image())
    reader.take(script.change([("99.5", "2")]))
    script.change([("99.5", "3")])  # never arrives
    reader.take(script.change([("98.0", "1")]))
    assert not reader.live
    assert reader.book.needs_image
    reader.image(script.image())
    reader.take(script.change([("97.0", "1")]))
    assert reader.stands_as(script)


def duplicate(material: Material) -> None:
    """A diff repeated at once is harmless; where diffs are numbered, so are older ones, as overlapping connections bring them."""
    script, reader = begun(material)
    one = script.change([("99.5", "9")], [("101.0", "0")])
    reader.take(one, one)
    assert reader.stands_as(script)
    if material.ids:
        two = script.change([("99.5", "8")], [("101.0", "1")])
        reader.take(two, one, two)
        assert reader.stands_as(script)
        assert reader.book.counters.gaps == 0
    reader.take(script.change([("98.5", "1")]))
    assert reader.stands_as(script)


def restart(material: Material) -> None:
    """Whatever the exchange does to its count, the book is right again after what it sends then (and an image, if one is needed)."""
    script, reader = begun(material)
    reader.take(*script.restart())
    if not reader.live:
        reader.image(script.image())
    assert reader.stands_as(script)
    reader.take(script.change([("96.0", "1")]), script.change([("96.0", "2")]))
    assert reader.stands_as(script)


def checksum(material: Material) -> None:
    """Frames whose sums are known agree; a copy that differs in one quantity is found out by the next frame."""
    for frames in material.checksum_frames:
        reader = Reader(material)
        reader.take(*frames)
        assert reader.live
        assert reader.book.counters.checksum_failures == 0
    assert material.checksum_frames
    assert material.checked_script is not None
    script, reader = material.checked_script(material.wire_symbol), Reader(material)
    script.change([("99.5", "1"), ("99.0", "2")], [("101.0", "1")])
    reader.take(script.image(), script.change([("98.0", "1")]))
    assert reader.stands_as(script)
    best = reader.book.book.bids.best()[0]
    assert best is not None
    reader.book.book.apply([(best, 7)], [])
    reader.take(script.change([], [("102.0", "1")]))
    assert (reader.live, reader.book.reason, reader.book.counters.checksum_failures) == (False, "checksum", 1)
    reader.take(script.image(), script.change([("97.0", "1")]))
    assert reader.stands_as(script)


def unknown_delete(material: Material) -> None:
    """Levels outside of the image are removed like others, and nothing comes of it."""
    script, reader = begun(material)
    reader.take(script.change([("12.5", "0")], [("1234.5", "0"), ("101.0", "6")]))
    assert reader.stands_as(script)


def old_image(material: Material) -> None:
    """An answer that comes before the first diff that waits cannot be joined; the diff goes on waiting for one that can."""
    script, reader = material.script(material.wire_symbol), Reader(material)
    script.change([("99.5", "1")], [("101.0", "1")])
    old = script.image()
    script.change([("99.5", "2")])  # before the socket was open
    reader.take(script.change([("99.0", "1")]))
    reader.image(old)
    assert (reader.live, reader.book.needs_image, reader.book.reason) == (False, True, "old")
    reader.image(script.image())
    assert reader.stands_as(script)
    reader.take(script.change([("99.0", "2")]))
    assert reader.stands_as(script)
