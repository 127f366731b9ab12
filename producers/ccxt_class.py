"""One exchange's class out of ccxt, without the hundred others.

``import ccxt`` imports every exchange it knows, each several hundred kB, and its asynchronous half all of them again: 5.6 s of
processor time and 120 MB. One class and what it stands on takes 1.1 s. So the two packages are entered as bare modules while
that class is imported, with the few names its base asks of them.
"""

from __future__ import annotations

import importlib
import sys
import threading
from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType
from typing import Any

__all__ = ["ccxt_class"]

_PACKAGES = ("ccxt", "ccxt.async_support")
_NAMES_FROM = ("ccxt.base.errors", "ccxt.base.exchange")
_one_at_a_time = threading.Lock()


def ccxt_class(ccxt_id: str) -> type[Any]:
    """The asynchronous class of that exchange. It takes a second or two: not for an event loop's thread."""
    with _one_at_a_time:
        bare = [] if "ccxt" in sys.modules else _enter_bare()
        try:
            module = importlib.import_module(f"ccxt.async_support.{ccxt_id}")
        finally:
            for name in bare:  # whoever imports ccxt after us gets all of it
                del sys.modules[name]
    found: type[Any] = getattr(module, ccxt_id)
    return found


def _enter_bare() -> list[str]:
    entered: list[str] = []
    for name in _PACKAGES:
        sys.modules[name] = _bare(name)
        entered.append(name)
        if name == "ccxt":
            for source in _NAMES_FROM:
                public = vars(importlib.import_module(source))
                vars(sys.modules[name]).update(
                    {key: value for key, value in public.items() if isinstance(value, type)}
                )
    return entered


def _bare(name: str) -> ModuleType:
    """The package, found but not run."""
    parent, _, last = name.rpartition(".")
    spec = (
        spec_from_file_location(name, f"{sys.modules[parent].__path__[0]}/{last}/__init__.py")
        if parent
        else importlib.util.find_spec(name)
    )
    if spec is None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    return module_from_spec(spec)
