"""The settings of one market of one exchange."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, PositiveInt, SecretStr
from pydantic_core import PydanticCustomError

from bookmill.settings_base import Section

__all__ = ["Channel", "MarketSettings"]

Channel = Literal["book", "best", "trades", "ticker", "klines", "derivatives", "liquidations"]

_PROXY_SCHEMES = ("http", "https", "socks5", "socks5h")


def _proxy(given: SecretStr) -> SecretStr:
    """A proxy's address, or an error that does not repeat it: it may hold a password."""
    try:
        parts = urlsplit(given.get_secret_value())
        port = parts.port
    except ValueError:
        raise PydanticCustomError("secret_url", "it is no URL with a port number") from None
    if parts.scheme not in _PROXY_SCHEMES:
        raise PydanticCustomError(
            "secret_url", "its scheme is '{scheme}', known are http, https, socks5", {"scheme": parts.scheme}
        )
    if not parts.hostname or port is None:
        raise PydanticCustomError("secret_url", "it needs host and port, like socks5://127.0.0.1:1080")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise PydanticCustomError("secret_url", "nothing may stand behind its port")
    if (parts.username is None) != (parts.password is None):
        raise PydanticCustomError("secret_url", "user and password go together")
    return given


class MarketSettings(Section):
    """What to collect on one market of one exchange. Addresses left out are the exchange's own."""

    enabled: bool = True
    """Whether it is collected at all."""
    symbols: tuple[str, ...] = ("BTC-USDT", "ETH-USDT")
    """Instruments as BASE-QUOTE, or as the exchange spells them."""
    channels: tuple[Channel, ...] = (
        "book",
        "best",
        "trades",
        "ticker",
        "klines",
        "derivatives",
        "liquidations",
    )
    """What is collected, as far as the exchange has it."""
    depth: PositiveInt | None = None
    """Levels a side of the books that are streamed, where the exchange offers several depths; its most where not set."""
    kline_intervals: tuple[str, ...] = ("1m",)
    """Bars that are collected: `1m`, `5m`, `1h`, `1d` …, as far as the exchange has them."""
    trades: Literal["trade", "aggTrade"] = "trade"
    """`trade`: each trade; `aggTrade`: fills of one taker order at one price folded into one."""
    source: Literal["socket", "poll"] = "socket"
    """`socket`: listen, as the market's adapter does; `poll`: ask over REST again and again, which works for every exchange ccxt knows (then the exchange is named as ccxt names it)."""
    websocket_url: str | None = None
    """Instead of the exchange's own, without path."""
    rest_url: str | None = None
    """Instead of the exchange's own, without path."""
    proxy: Annotated[SecretStr, AfterValidator(_proxy)] | None = None
    """`http://`, `https://` (CONNECT) or `socks5://` (it resolves the names) with `host:port` and, where it asks for them, `user:password@`: sockets and REST go through it and no other way."""

    api_key: SecretStr | None = None
    """Sent with REST calls that want one, and no others: Binance's `historicalTrades` of USD-M, by which trades older than the last thousand are fetched. It needs no permission at all."""
