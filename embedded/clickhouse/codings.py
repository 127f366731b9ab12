"""Content codings of HTTP bodies: gzip, deflate, zstd, lz4 (frames) and br, as ClickHouse takes and gives them."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any, Protocol

import cramjam

from embedded.clickhouse.errors import ClickHouseError

__all__ = ["CODINGS", "Compressor", "choose_coding", "compressor", "decompress"]

_GZIP_WBITS = 31
_LEVEL = 1  # both ends are on one machine


class Compressor(Protocol):
    """Takes a body piece by piece."""

    def compress(self, data: bytes, /) -> bytes:
        """The compressed bytes that are ready."""

    def flush(self) -> bytes:
        """The rest."""


class _Cramjam:
    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def compress(self, data: bytes, /) -> bytes:
        self._inner.compress(data)
        return bytes(self._inner.flush())

    def flush(self) -> bytes:
        return bytes(self._inner.finish())


_COMPRESSORS: dict[str, Callable[[], Compressor]] = {
    "zstd": lambda: _Cramjam(cramjam.zstd.Compressor(_LEVEL)),
    "lz4": lambda: _Cramjam(cramjam.lz4.Compressor(_LEVEL)),
    "gzip": lambda: zlib.compressobj(_LEVEL, wbits=_GZIP_WBITS),
    "deflate": lambda: zlib.compressobj(_LEVEL),
    "br": lambda: _Cramjam(cramjam.brotli.Compressor(_LEVEL)),
}
_DECOMPRESSORS: dict[str, Callable[[bytes], Any]] = {
    "zstd": cramjam.zstd.decompress,
    "lz4": cramjam.lz4.decompress,
    "gzip": cramjam.gzip.decompress,
    "deflate": zlib.decompress,
    "br": cramjam.brotli.decompress,
}
CODINGS = tuple(_COMPRESSORS)


def choose_coding(accept_encoding: str) -> str:
    """The first coding of an ``Accept-Encoding`` header that can be given; empty for none."""
    for item in accept_encoding.split(","):
        name, _, parameter = item.strip().lower().partition(";")
        if name in _COMPRESSORS and parameter.replace(" ", "") not in {"q=0", "q=0.0"}:
            return name
    return ""


def compressor(coding: str) -> Compressor:
    """A new compressor for one of :data:`CODINGS`."""
    return _COMPRESSORS[coding]()


def decompress(coding: str, body: bytes) -> bytes:
    """The body of a request with that ``Content-Encoding``; raises :class:`ClickHouseError` when it is not in it."""
    coding = coding.strip().lower()
    if coding not in _DECOMPRESSORS:
        raise ClickHouseError.own(48, "NOT_IMPLEMENTED", f"Unknown http content encoding {coding}")
    try:
        return bytes(_DECOMPRESSORS[coding](body))
    except (cramjam.DecompressionError, zlib.error) as error:
        raise ClickHouseError.own(
            354, "ZLIB_INFLATE_FAILED", f"The request body is not valid {coding}: {error}"
        ) from error
