"""API keys: made once, shown once, kept as hashes in one file that the gateway reads again when it changes.

A key is 256 random bits, so its plain SHA-256 is as good as the key itself is to guess: a slow hash protects what people make up, and
here would only let everybody who sends a wrong key keep the gateway busy.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import os
import re
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, get_args

import msgspec
import structlog

from bookmill.errors import ConfigurationError, UnavailableError
from bookmill.settings import Settings

__all__ = ["SCOPES", "Key", "KeyFile", "KeyRing", "Scope", "keys_file"]

_log = structlog.get_logger(__name__)

Scope = Literal["read", "control"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
"""What a key may do; who may control may read."""

_PREFIX = "bm_"
_BYTES = 32
_LONGEST = 200
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_LOOK_S = 1.0


class Key(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One key as it is kept. ``sha256``: of the key itself, in hex; ``made_us``: when it was made."""

    name: str
    scopes: tuple[Scope, ...]
    sha256: str
    made_us: int

    def may(self, scope: Scope) -> bool:
        """Whether it is good for that."""
        return scope in self.scopes or (scope == "read" and "control" in self.scopes)


class _Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    keys: tuple[Key, ...] = ()


def keys_file(settings: Settings) -> Path:
    """Where keys are kept."""
    return settings.gateway.keys_file or settings.data_dir / "gateway-keys.json"


class KeyFile:
    """The file. Written whole and at once, readable for its owner only; a file that is not there has no keys.

    Every method raises :class:`ConfigurationError` where it cannot be read or written as such a file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> Sequence[Key]:
        """All keys, by name."""
        try:
            kept = msgspec.json.decode(self.path.read_bytes(), type=_Kept)
        except FileNotFoundError:
            return ()
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise ConfigurationError(
                f"The keys in {self.path} cannot be read: {error}.",
                hint="Put it right, or take it away and make keys anew.",
            ) from error
        return sorted(kept.keys, key=lambda key: key.name)

    def add(self, name: str, scopes: Iterable[Scope]) -> str:
        """Make a key and return it: it is kept nowhere."""
        if not _NAME.fullmatch(name):
            raise ConfigurationError(
                f"'{name}' is no name for a key.", hint="Take letters, digits, dots, dashes and underscores."
            )
        made = _PREFIX + secrets.token_urlsafe(_BYTES)
        with self._changing() as keys:
            if any(key.name == name for key in keys):
                raise ConfigurationError(
                    f"There is a key '{name}' already.", hint=f"'bookmill keys revoke {name}' ends it."
                )
            chosen = tuple(scope for scope in SCOPES if scope in set(scopes))
            keys.append(Key(name, chosen, _hash(made), time.time_ns() // 1000))
        return made

    def revoke(self, name: str) -> None:
        """End a key."""
        with self._changing() as keys:
            left = [key for key in keys if key.name != name]
            if len(left) == len(keys):
                there = ", ".join(key.name for key in keys)
                raise ConfigurationError(
                    f"There is no key '{name}'.", hint=f"There are {there}." if there else "There is none."
                )
            keys[:] = left

    @contextmanager
    def _changing(self) -> Iterator[list[Key]]:
        """The keys, to be changed by one process at a time; written when the block ends well."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.with_name(f"{self.path.name}.lock").open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                keys = list(self.read())
                yield keys
                self._write(keys)
        except OSError as error:
            raise ConfigurationError(
                f"The keys in {self.path} cannot be written: {error.strerror or error}."
            ) from error

    def _write(self, keys: Sequence[Key]) -> None:
        text = msgspec.json.format(msgspec.json.encode(_Kept(tuple(keys))), indent=2)
        beside = self.path.with_name(f".{self.path.name}.{secrets.token_hex(8)}")
        try:
            with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(text + b"\n")
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self.path)
        finally:
            beside.unlink(missing_ok=True)


class KeyRing:
    """The keys as the gateway knows them: looked at again once a second at most. ``problem``: why none is good now."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.problem = ""
        self._file = KeyFile(path)
        self._clock = clock
        self._looked_s = -_LOOK_S
        self._seen: tuple[int, int, int] | None = None
        self._keys: Sequence[Key] = ()

    def find(self, given: str) -> Key | None:
        """The key of which this is the text; None where there is none. Takes the same time whichever is right, or none.

        Raises :class:`UnavailableError` where the file cannot be read: then nobody is let in with what it once said.
        """
        self._look()
        if self.problem:
            raise UnavailableError(
                "Keys cannot be checked now.", hint="The gateway's log and its /health say why."
            )
        found: Key | None = None
        hashed = _hash(given[:_LONGEST])
        for key in self._keys:
            if hmac.compare_digest(key.sha256.encode(), hashed.encode()):
                found = key
        return found

    def _look(self) -> None:
        now_s = self._clock()
        if now_s - self._looked_s < _LOOK_S:
            return
        self._looked_s = now_s
        seen = _state(self._file.path)
        if seen == self._seen and not self.problem:
            return
        try:
            self._keys = self._file.read()
        except ConfigurationError as error:
            if error.message != self.problem:
                _log.error("keys cannot be read", reason=error.message)
            self.problem, self._keys = error.message, ()
        else:
            self.problem, self._seen = "", seen
            _log.info("keys are read", count=len(self._keys))


def _state(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()
