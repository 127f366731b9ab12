"""Which prefix of a partition's batches is stored, whatever order the reports come in."""

from __future__ import annotations

from streams.output import Deliveries


def test_the_position_moves_over_the_stored_prefix_only() -> None:
    deliveries = Deliveries(10)
    first, second = deliveries.expect(20, 2), deliveries.expect(30, 1)
    second()
    first()
    assert (deliveries.position, deliveries.waiting) == (10, 2)
    first()
    assert (deliveries.position, deliveries.waiting) == (30, 0)


def test_a_batch_without_events_is_stored_at_once_but_in_its_turn() -> None:
    deliveries = Deliveries(0)
    report = deliveries.expect(5, 1)
    deliveries.expect(9, 0)
    assert deliveries.position == 0
    report()
    assert deliveries.position == 9
    deliveries.expect(12, 0)
    assert deliveries.position == 12
