"""The state machine of a subscription: every state and every event, as docs/reliability.md shows them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from producers.subscription import TABLE, Action, Event, State, follow

ROOT = Path(__file__).resolve().parents[3]

EXPECTED = """
            wanted      changed     unwanted    revoked      delivers         told        expired     refused
idle        start>starting start>starting >idle  >idle        >idle            >idle       >idle       >idle
starting    >starting   change>starting stop>idle wait>leaving tell>collecting >starting   >starting   show>refused
collecting  >collecting change>starting stop>idle wait>leaving >collecting     >collecting >collecting show>refused
leaving     >starting   change>starting stop>idle >leaving    >leaving         stop>idle   stop>idle   stop>idle
refused     start>starting start>starting >idle  >idle        >refused         >refused    >refused    >refused
"""

CELLS = [
    (state, event, cell)
    for header, *rows in [EXPECTED.strip().splitlines()]
    for state, *cells in map(str.split, rows)
    for event, cell in zip(header.split(), cells)
]


@pytest.mark.parametrize(("state", "event", "cell"), CELLS)
def test_every_cell(state: str, event: str, cell: str) -> None:
    action, afterwards = cell.split(">")
    assert follow(State(state), Event(event)) == (Action(action or "nothing"), State(afterwards))


def test_the_table_is_whole() -> None:
    assert set(TABLE) == set(State)
    assert all(set(row) == set(Event) for row in TABLE.values())
    assert len(CELLS) == len(State) * len(Event)


def test_the_page_shows_the_same() -> None:
    page = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    section = page.partition("## Subscription")[2].partition("\n## ")[0]
    table = section[section.index("\n| state |") + 1 :].partition("\n\n")[0]
    rows = [
        [re.sub(r"[*`]", "", cell).strip() for cell in line.strip("|").split("|")]
        for line in table.splitlines()
    ]
    head = [Event(name) for name in rows[0][1:]]
    assert {State(row[0]) for row in rows[2:]} == set(State)
    for state, *cells in rows[2:]:
        for event, cell in zip(head, cells, strict=True):
            action, afterwards = follow(State(state), event)
            said = cell.split(" → ")
            if action is Action.NOTHING:
                assert not said[0].isalpha()
            else:
                assert said[0] == action.value
            assert said[1:] == ([] if afterwards is State(state) else [afterwards.value])
