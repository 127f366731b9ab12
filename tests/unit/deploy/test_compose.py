"""The compose file and the Dockerfile, held against their schema, our settings and our commands: no engine is needed."""

from __future__ import annotations

import importlib.util
import json
import re
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from bookmill.settings import Settings
from bookmill.settings_loading import load

ROOT = Path(__file__).parents[3]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.kafka.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
SERVERS = {"kafka", "registry", "clickhouse"}
PARTS = sorted(set(SERVICES) - SERVERS)
COMMANDS = {point.name for point in entry_points(group="bookmill.commands")}


def test_compose_file_is_valid_by_the_compose_specification() -> None:
    # Found without importing the package: its schemas are all that is wanted.
    spec = importlib.util.find_spec("check_jsonschema")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    schemas = Path(spec.submodule_search_locations[0]) / "builtin_schemas" / "vendor"
    schema = json.loads((schemas / "compose-spec.json").read_text(encoding="utf-8"))
    jsonschema.validate(COMPOSE, schema)


def test_every_server_and_every_part_is_a_service() -> None:
    assert set(SERVICES) >= SERVERS
    assert {SERVICES[name]["command"][0] for name in PARTS} == {
        "produce",
        "worker",
        "sink",
        "watcher",
        "gateway",
        "simulate",
    }


def test_commands_exist() -> None:
    assert {SERVICES[name]["command"][0] for name in PARTS} <= COMMANDS


@pytest.mark.parametrize(
    "image",
    [
        *(service["image"] for service in SERVICES.values()),
        *re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE),
    ],
)
def test_images_have_full_version_tags(image: str) -> None:
    tag = image.rpartition(":")[2]
    assert re.match(r"\d+\.\d+\.\d+", tag), image


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_service_has_a_health_check_and_a_restart_policy(name: str) -> None:
    service = SERVICES[name]
    assert service["healthcheck"]["test"]
    assert service["restart"] == "unless-stopped"
    assert service["deploy"]["resources"]["limits"]["memory"]


@pytest.mark.parametrize("name", sorted(set(PARTS) - {"simulate"}))
def test_parts_wait_for_healthy_servers(name: str) -> None:
    waits = SERVICES[name]["depends_on"]
    assert set(waits) >= SERVERS
    assert all(wait["condition"] == "service_healthy" for wait in waits.values())


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_ports_are_bound_to_this_machine_only(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", ()))


@pytest.mark.parametrize("name", sorted(set(PARTS) - {"gateway"}))
def test_parts_can_be_scaled(name: str) -> None:
    assert "container_name" not in SERVICES[name]
    assert "ports" not in SERVICES[name]


@pytest.mark.parametrize("name", PARTS)
def test_variables_are_settings(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    environment = _image_environment() | SERVICES[name].get("environment", {})
    for variable, value in environment.items():
        if variable.startswith("BOOKMILL_"):
            monkeypatch.setenv(variable, value)
    settings = load()
    assert settings.status.port == 9400
    if name != "simulate":
        assert settings.kafka.bootstrap_servers == "kafka:9092"
        assert settings.clickhouse.url == "http://clickhouse:8123"
    if name == "produce-demo":
        assert settings.exchanges["binance"]["usdm"].websocket_url == "ws://simulate:9502"


def test_simulated_and_real_exchange_are_never_up_together_by_one_profile() -> None:
    profiles = {name: set(SERVICES[name].get("profiles", ())) for name in PARTS}
    assert not profiles["produce"] & profiles["simulate"]
    assert profiles["produce-demo"] == profiles["simulate"]


def test_health_checks_ask_the_port_the_image_serves() -> None:
    port = _image_environment()["BOOKMILL_STATUS__PORT"]
    for name in PARTS:
        asked = Settings().gateway.port if name == "gateway" else port
        assert f":{asked}/health" in SERVICES[name]["healthcheck"]["test"][-1], name


def test_nothing_looks_like_a_secret() -> None:
    text = yaml.safe_dump(COMPOSE) + DOCKERFILE
    assert not re.search(r"(?i)(password|secret|token)\S*\s*[:=]", text)


def test_dockerfile_installs_by_hash_and_does_not_run_as_root() -> None:
    assert "pip install --require-hashes -r requirements.lock" in DOCKERFILE
    assert (ROOT / "requirements.lock").is_file()
    final = DOCKERFILE.rpartition("\nFROM ")[2]
    assert re.search(r"^USER (?!root)", final, re.MULTILINE)
    assert 'ENTRYPOINT ["bookmill"]' in final


def test_dockerfile_copies_every_package_and_only_what_is_not_ignored() -> None:
    copied = {
        path.rstrip("/")
        for path in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
        for path in path.split()
    }
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}
    assert packages <= copied
    ignore = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert copied == {line[1:].rstrip("/") for line in ignore if line.startswith("!")}


def _image_environment() -> dict[str, str]:
    pairs = re.findall(r"(BOOKMILL_\w+)=(\S+)", DOCKERFILE)
    return dict(pairs)
