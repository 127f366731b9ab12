"""API keys: shown once, kept as hashes, readable for their owner only, and good until they are revoked."""

from __future__ import annotations

import json
import os
import stat
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner

from bookmill.errors import ConfigurationError, UnavailableError
from bookmill.settings import GatewaySettings, Settings
from gateway.keys import KeyFile, KeyRing, keys_file
from gateway.keys_command import keys as command


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "keys.json"


def test_a_key_opens_what_its_scopes_say_and_no_other_text_does(path: Path) -> None:
    reader = KeyFile(path).add("desk", ["read"])
    operator = KeyFile(path).add("operator", ["control"])
    ring = KeyRing(path)
    assert len({reader, operator}) == 2
    assert len(reader) > 40
    found = ring.find(reader)
    assert found is not None
    assert (found.name, found.may("read"), found.may("control")) == ("desk", True, False)
    found = ring.find(operator)
    assert found is not None
    assert (found.may("read"), found.may("control")) == (True, True)
    for wrong in ("", "bm_", reader[:-1], reader + "x", reader.upper(), "\udcff", "a" * 100_000):
        assert ring.find(wrong) is None


def test_the_file_has_hashes_only_and_is_its_owners_alone(path: Path) -> None:
    old = os.umask(0)
    try:
        made = KeyFile(path).add("desk", ["read"])
    finally:
        os.umask(old)
    text = path.read_text(encoding="utf-8")
    assert made not in text
    assert made.removeprefix("bm_") not in text
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir() if each != path] == ["keys.json.lock"]


def test_a_gateway_notices_new_and_revoked_keys_within_a_second(path: Path) -> None:
    clock = Clock()
    ring = KeyRing(path, clock=clock)
    assert ring.find("anything") is None, "there is no file yet"
    made = KeyFile(path).add("desk", ["read"])
    assert ring.find(made) is None, "it was looked at just now"
    clock.now_s += 1.0
    assert ring.find(made) is not None
    KeyFile(path).revoke("desk")
    clock.now_s += 1.0
    assert ring.find(made) is None


@pytest.mark.parametrize(
    "broken",
    [
        "{",
        "[]",
        '{"keys":[{"name":"x"}]}',
        '{"keys":[{"name":"x","scopes":["root"],"sha256":"","made_us":0}]}',
    ],
)
def test_a_file_that_cannot_be_read_lets_nobody_in_until_it_is_put_right(path: Path, broken: str) -> None:
    clock = Clock()
    made = KeyFile(path).add("desk", ["read"])
    good = path.read_bytes()
    ring = KeyRing(path, clock=clock)
    assert ring.find(made) is not None
    path.write_text(broken, encoding="utf-8")
    clock.now_s += 1.0
    with pytest.raises(UnavailableError, match="cannot be checked"):
        ring.find(made)
    assert "cannot be read" in ring.problem
    with pytest.raises(ConfigurationError):
        KeyFile(path).add("other", ["read"])
    assert path.read_text(encoding="utf-8") == broken, "it is not written over"
    path.write_bytes(good)
    clock.now_s += 1.0
    assert ring.find(made) is not None
    assert ring.problem == ""


def test_names_are_unique_and_plain(path: Path) -> None:
    file = KeyFile(path)
    file.add("desk", ["read"])
    with pytest.raises(ConfigurationError, match="already"):
        file.add("desk", ["control"])
    for name in ("", "a b", "a/b", "-x", "é", "x" * 65):
        with pytest.raises(ConfigurationError, match="no name"):
            file.add(name, ["read"])
    with pytest.raises(ConfigurationError, match=r"There is no key 'desk2'\. There are desk\."):
        file.revoke("desk2")


def test_keys_made_at_the_same_time_are_all_kept(path: Path) -> None:
    threads = [
        threading.Thread(target=KeyFile(path).add, args=(f"key{number}", ["read"])) for number in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [key.name for key in KeyFile(path).read()] == sorted(f"key{number}" for number in range(16))


def test_keys_stand_in_the_data_folder_unless_told(tmp_path: Path) -> None:
    assert keys_file(Settings(data_dir=tmp_path)) == tmp_path / "gateway-keys.json"
    other = tmp_path / "other.json"
    assert keys_file(Settings(data_dir=tmp_path, gateway=GatewaySettings(keys_file=other))) == other


def test_the_command_shows_a_key_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOOKMILL_GATEWAY__KEYS_FILE", str(tmp_path / "keys.json"))
    runner = CliRunner()
    added = runner.invoke(command, ["add", "desk", "--scope", "control"])
    assert added.exit_code == 0
    made = added.stdout.strip()
    assert KeyRing(tmp_path / "keys.json").find(made) is not None
    listed = runner.invoke(command, ["list", "--json"])
    assert json.loads(listed.stdout)["scopes"] == ["control"]
    assert made not in listed.output
    table = runner.invoke(command, ["list"])
    assert "desk" in table.stdout
    assert runner.invoke(command, ["revoke", "desk"]).exit_code == 0
    assert runner.invoke(command, ["list", "--json"]).stdout == ""
    assert runner.invoke(command, ["add", "desk", "--scope", "root"]).exit_code == 2
