"""Ports: the usual ones when free, else free ones that stay the same."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from bookmill.errors import PortInUseError
from embedded.ports import Port, choose_ports


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


@pytest.fixture
def free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_the_usual_port_is_taken_when_free(tmp_path: Path, free: int) -> None:
    assert choose_ports([Port("kafka", free, free)], tmp_path / "ports.json") == {"kafka": free}


def test_another_is_chosen_and_remembered_when_the_usual_one_is_in_use(tmp_path: Path, taken: int) -> None:
    wanted, memory = [Port("kafka", taken, taken)], tmp_path / "ports.json"
    chosen = choose_ports(wanted, memory)
    assert chosen["kafka"] != taken
    assert choose_ports(wanted, memory) == chosen


def test_a_remembered_port_that_is_in_use_now_is_replaced(tmp_path: Path, taken: int, free: int) -> None:
    memory = tmp_path / "ports.json"
    memory.write_text(f'{{"kafka": {taken}}}')
    assert choose_ports([Port("kafka", free, free)], memory) == {"kafka": free}


def test_a_port_the_user_asked_for_is_taken_or_refused(tmp_path: Path, taken: int, free: int) -> None:
    memory = tmp_path / "ports.json"
    assert choose_ports([Port("kafka", free, 9092)], memory) == {"kafka": free}
    with pytest.raises(PortInUseError, match=rf"Port {taken} \(platform\.kafka_port\)"):
        choose_ports([Port("kafka", taken, 9092)], memory)


def test_zero_is_any_and_no_port_is_given_twice(tmp_path: Path) -> None:
    chosen = choose_ports([Port(str(n), 0, 9092) for n in range(20)], tmp_path / "ports.json")
    assert len(set(chosen.values())) == 20


@pytest.mark.parametrize("text", ["", "[]", "no json", '{"kafka": "x"}'])
def test_a_broken_memory_is_no_memory(tmp_path: Path, text: str, free: int) -> None:
    (tmp_path / "ports.json").write_text(text)
    assert choose_ports([Port("kafka", free, free)], tmp_path / "ports.json") == {"kafka": free}
