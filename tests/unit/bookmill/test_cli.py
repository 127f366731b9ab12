"""The command line: sub-commands are found in their rooms, help is quick and has examples, errors are one sentence."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points

import click
import pytest
from click.testing import CliRunner

from bookmill import cli as cli_module
from bookmill.errors import UnavailableError

COMMANDS = sorted(point.name for point in entry_points(group="bookmill.commands"))


def test_every_command_of_the_project_is_there() -> None:
    assert COMMANDS == [
        "alerts",
        "analyze",
        "bench",
        "check",
        "demo",
        "gaps",
        "gateway",
        "instruments",
        "keys",
        "platform",
        "produce",
        "rebuild",
        "replay",
        "simulate",
        "sink",
        "sql",
        "subscribe",
        "subscriptions",
        "unsubscribe",
        "up",
        "verify",
        "watcher",
        "worker",
    ]


@pytest.mark.parametrize("name", COMMANDS)
def test_help_says_what_it_does_with_examples(name: str) -> None:
    result = CliRunner().invoke(cli_module.cli, [name, "--help"])
    assert result.exit_code == 0
    assert "Example" in result.output
    assert f"bookmill {name}" in result.output


def test_the_list_of_commands_loads_no_client_library() -> None:
    code = "import sys; from bookmill.cli import cli; cli(['--help'], standalone_mode=False); print(sorted({'faust', 'confluent_kafka', 'chdb', 'clickhouse_connect', 'websockets'} & set(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.splitlines()[-1] == "[]"


def run_main(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> int:
    @click.command()
    def failing() -> None:
        raise error

    monkeypatch.setattr(cli_module, "cli", failing)
    monkeypatch.setattr(sys, "argv", ["bookmill"])
    with pytest.raises(SystemExit) as ended:
        cli_module.main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_an_error_is_one_sentence_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_main(monkeypatch, UnavailableError("Kafka does not answer at x:1.", hint="Start it.")) == 1
    assert capsys.readouterr().err == "bookmill: Kafka does not answer at x:1. Start it.\n"


def test_ctrl_c_is_no_traceback(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_main(monkeypatch, KeyboardInterrupt()) == 130
    assert "Traceback" not in capsys.readouterr().err


def test_a_bug_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ZeroDivisionError):
        run_main(monkeypatch, ZeroDivisionError())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["gaps", "--since", "soon"], "'soon' is no moment"),
        (["gaps", "--sinse", "1h"], "No such option: --sinse"),
        (["verify", "--processes", "no"], "'no' is not a valid integer"),
        (["gaps", "of", "binance"], "unexpected extra argument"),
        (["sql"], "Missing argument 'QUERY'."),
    ],
)
def test_a_word_that_is_no_good_is_one_sentence_and_status_1(
    words: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["bookmill", *words])
    with pytest.raises(SystemExit) as ended:
        cli_module.main()
    assert ended.value.code == 1
    shown = capsys.readouterr().err
    assert shown.startswith("bookmill: ")
    assert said in shown
    assert shown.endswith(f" See 'bookmill {words[0]} -h'.\n")
    assert shown.count("\n") == 1


def test_an_unknown_command_names_the_known_ones() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bookmill", "demoo"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "Did you mean 'demo'?" in done.stderr
    assert "Traceback" not in done.stderr
