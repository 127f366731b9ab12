"""Settings: environment over file over defaults; what is wrong is named, with the nearest right one; secrets stay secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from bookmill.errors import ConfigurationError
from bookmill.settings_loading import load
from bookmill.settings_page import page


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import os

    for name in [name for name in os.environ if name.startswith("BOOKMILL_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def write(text: str) -> None:
    Path("bookmill.yaml").write_text(text, encoding="utf-8")


def test_defaults_collect_binance() -> None:
    settings = load()
    assert set(settings.exchanges["binance"]) == {"spot", "usdm"}
    assert settings.exchanges["binance"]["spot"].symbols == ("BTC-USDT", "ETH-USDT")
    assert settings.clickhouse.database == "market"


def test_the_environment_wins_over_the_file_and_the_file_over_defaults(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write("kafka:\n  partitions: 12\n  topic_prefix: file.\n")
    monkeypatch.setenv("BOOKMILL_KAFKA__TOPIC_PREFIX", "env.")
    kafka = load().kafka
    assert (kafka.partitions, kafka.topic_prefix) == (12, "env.")


def test_lists_in_the_environment_are_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOOKMILL_EXCHANGES", '{"binance": {"spot": {"symbols": ["SOL-USDT"]}}}')
    assert load().exchanges["binance"]["spot"].symbols == ("SOL-USDT",)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("kafkaa: {}\n", "Unknown setting 'kafkaa' (file bookmill.yaml). Did you mean 'kafka'?"),
        (
            "kafka:\n  partition: 3\n",
            "Unknown setting 'kafka.partition' (file bookmill.yaml). Did you mean 'kafka.partitions'?",
        ),
        (
            "exchanges:\n  binance:\n    spot:\n      symbol: [x]\n",
            "Did you mean 'exchanges.binance.spot.symbols'?",
        ),
        ("kafka:\n  partitions: many\n", "Setting 'kafka.partitions' (file bookmill.yaml) is wrong"),
        ("kafka: [1\n", "is not YAML at line 2"),
        ("- a\n- b\n", "cannot be read"),
        (
            "log:\n  level: infos\n",
            "Setting 'log.level' (file bookmill.yaml) is wrong: 'infos' is none of debug, info, warning, error."
            " Did you mean 'info'?",
        ),
        ("log:\n  level: 7\n", "7 is none of debug, info, warning, error."),
        ("exchanges:\n  okx:\n    spot:\n      channels: [book, Best]\n", "Did you mean 'best'?"),
    ],
)
def test_what_is_wrong_in_the_file_is_named(text: str, sentence: str) -> None:
    write(text)
    with pytest.raises(ConfigurationError) as raised:
        load()
    assert sentence in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("BOOKMILL_KAFKAA__PARTITIONS", "3", "Did you mean BOOKMILL_KAFKA__PARTITIONS?"),
        ("BOOKMILL_KAFKA__PARTITON", "3", "kafka.partiton"),
        ("BOOKMILL_KAFKA__PARTITIONS", "x", "(environment BOOKMILL_KAFKA__PARTITIONS)"),
        ("BOOKMILL_EXCHANGES", "{", "JSON"),
        (
            "BOOKMILL_EXCHANGES",
            '{"okx": {"spot": {"channels": ["book", "trade"]}}}',
            "Setting 'exchanges.okx.spot.channels.1' (environment BOOKMILL_EXCHANGES) is wrong: 'trade' is none of",
        ),
        (
            "BOOKMILL_EXCHANGES__OKX__SPOT__CHANNELS",
            '["boook"]',
            "'exchanges.okx.spot.channels.0' (environment BOOKMILL_EXCHANGES__OKX__SPOT__CHANNELS) is wrong",
        ),
    ],
)
def test_what_is_wrong_in_the_environment_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, sentence: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as raised:
        load()
    assert sentence in str(raised.value)


def test_a_settings_file_that_was_named_must_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOOKMILL_CONFIG", "nowhere.yaml")
    with pytest.raises(ConfigurationError, match=r"nowhere\.yaml"):
        load()


def test_secrets_are_masked_when_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOOKMILL_CLICKHOUSE__PASSWORD", "hunter2")
    monkeypatch.setenv("BOOKMILL_KAFKA__SASL_PASSWORD", "hunter2")
    settings = load()
    assert "hunter2" not in repr(settings)
    assert "hunter2" not in settings.model_dump_json()
    assert settings.clickhouse.password is not None
    assert settings.clickhouse.password.get_secret_value() == "hunter2"


def test_the_page_of_settings_is_up_to_date_and_says_what_each_is() -> None:
    written = (Path(__file__).resolve().parents[3] / "docs" / "settings.md").read_text(encoding="utf-8")
    assert written == page()
    assert "|  |" not in written


@pytest.mark.parametrize(
    ("proxy", "sentence"),
    [
        ("ftp://me:hush@proxy:1", "its scheme is 'ftp', known are http, https, socks5."),
        ("proxy:1080", "its scheme is 'proxy', known are http, https, socks5."),
        ("socks5://me:hush@proxy", "it needs host and port, like socks5://127.0.0.1:1080."),
        ("http://me:hush@proxy:99999", "it is no URL with a port number."),
        ("http://proxy:1/hush", "nothing may stand behind its port."),
        ("http://me@proxy:1", "user and password go together."),
    ],
)
def test_a_wrong_proxy_is_named_without_its_password(proxy: str, sentence: str) -> None:
    write(f"exchanges:\n  binance:\n    spot:\n      proxy: {proxy}\n")
    with pytest.raises(ConfigurationError) as caught:
        load()
    key = "Setting 'exchanges.binance.spot.proxy' (file bookmill.yaml) is wrong: "
    assert caught.value.message == key + sentence
    assert "hush" not in str(caught.value)


def test_a_proxy_is_masked_when_printed() -> None:
    write("exchanges:\n  binance:\n    spot:\n      proxy: socks5://me:hush@proxy:1080\n")
    settings = load()
    proxy = settings.exchanges["binance"]["spot"].proxy
    assert proxy is not None
    assert proxy.get_secret_value() == "socks5://me:hush@proxy:1080"
    assert "hush" not in f"{settings!r} {settings.model_dump_json()}"
