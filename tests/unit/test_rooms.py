"""The rooms keep to themselves: who may import whom (docs/architecture.md) is held here, from the code itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ALLOWED = {
    "bookmill": set(),
    "venues": {"bookmill"},
    "schemas": {"bookmill"},
    "producers": {"bookmill", "venues", "schemas"},
    "streams": {"bookmill", "venues", "schemas"},
    "sinks": {"bookmill", "schemas"},
    "analysis": {"bookmill"},
    "gateway": {"bookmill", "schemas", "analysis"},
    "audit": {"bookmill", "venues", "schemas", "streams", "sinks"},
    "simulator": {"bookmill"},
    "embedded": {"bookmill"},
}
"""Beside these, bench/, tests/ and deploy/ may import any room, and no room imports them."""

MODULES = sorted(path for room in ALLOWED for path in (ROOT / room).rglob("*.py"))


def imported_rooms(path: Path) -> set[str]:
    """First names of all modules a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_only_the_rooms_it_may(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0]
    rooms = {"bench", "tests", "deploy", *ALLOWED}
    assert imported_rooms(path) & rooms <= ALLOWED[room] | {room}


@pytest.mark.parametrize("room", sorted(ALLOWED))
def test_every_room_has_modules(room: str) -> None:
    assert len([path for path in MODULES if path.relative_to(ROOT).parts[0] == room]) > 1


@pytest.mark.parametrize(
    "name",
    [
        "venues",
        "bookmill/book.py",
        "streams/synchronizer.py",
        "streams/overlap.py",
        "streams/crossing.py",
        "streams/book_gaps.py",
        "streams/book_updates.py",
        "streams/gaps.py",
        "streams/trade_flow.py",
        "streams/trades.py",
        "streams/emitter.py",
        "streams/instrument.py",
        "streams/instrument_book.py",
        "streams/partition.py",
    ],
)
def test_the_deterministic_path_has_no_clock_no_socket_no_kafka(name: str) -> None:
    target = ROOT / name
    for path in [target] if target.suffix else sorted(target.rglob("*.py")):
        forbidden = {
            "time",
            "datetime",
            "random",
            "socket",
            "asyncio",
            "confluent_kafka",
            "aiokafka",
            "faust",
            "httpx2",
        }
        assert not imported_rooms(path) & forbidden, path


_REGISTERED = {"command", "get", "post", "put", "delete", "websocket"}


def _top_level(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for node in body:
        yield node
        if isinstance(node, ast.Try | ast.If):
            yield from _top_level(node.body)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_public_names_are_listed_and_exist(path: Path) -> None:
    """Functions and classes without an underscore are in ``__all__``, and what is there exists."""
    listed: set[str] | None = None
    public: set[str] = set()
    others: set[str] = set()
    for node in _top_level(ast.parse(path.read_text(encoding="utf-8")).body):
        match node:
            case ast.FunctionDef(name=name, decorator_list=[ast.Call(func=ast.Attribute(attr=attr)), *_]) | (
                ast.AsyncFunctionDef(name=name, decorator_list=[ast.Call(func=ast.Attribute(attr=attr)), *_])
            ) if attr in _REGISTERED:
                others.add(name)  # a sub-command, a route: its group knows it
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                (others if name.startswith("_") else public).add(name)
            case ast.Assign(targets=[ast.Name(id="__all__")], value=value):
                listed = set(ast.literal_eval(value))
            case ast.Assign(targets=targets):
                others |= {target.id for target in targets if isinstance(target, ast.Name)}
            case ast.AnnAssign(target=ast.Name(id=name)):
                others.add(name)
            case ast.ImportFrom(names=aliases):
                others |= {alias.asname or alias.name for alias in aliases}
    if listed is None:
        assert path.name in {"__init__.py", "__main__.py"} or path.name.startswith("_"), (
            f"{path} has no __all__"
        )
    else:
        assert public <= listed <= public | others
