"""``python -m bookmill.settings_page`` writes docs/settings.md from the settings themselves; a test holds it to them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from bookmill.settings import MarketSettings, Settings

__all__ = ["page"]

_HEAD = """# Settings

From the environment (`BOOKMILL_KAFKA__PARTITIONS=12`: names are joined with two underscores, lists and objects are JSON), over a
YAML file (`$BOOKMILL_CONFIG`, else `bookmill.yaml` in the working directory), over these defaults. An unknown or wrong key is an
error that names it and the nearest right one. Made by `python -m bookmill.settings_page > docs/settings.md`.
"""
_HOME = {
    "data_dir": "the user's data folder for bookmill",
    "cache_dir": "the user's cache folder for bookmill",
}


def page() -> str:
    """The page as Markdown."""
    return "\n".join([_HEAD, *_sections()]) + "\n"


def _sections() -> Iterator[str]:
    sections = {name: field.annotation for name, field in Settings.model_fields.items()}
    plain = {
        name
        for name, kind in sections.items()
        if not (isinstance(kind, type) and issubclass(kind, BaseModel))
    }
    yield from _table("", Settings, plain - {"exchanges"})
    for name, kind in sections.items():
        if name == "exchanges":
            yield f"\n## exchanges.&lt;exchange&gt;.&lt;market&gt;\n\n{MarketSettings.__doc__} Collected by default: binance spot and usdm.\n"
            yield from _table("exchanges.binance.spot.", MarketSettings, set(MarketSettings.model_fields))
        elif isinstance(kind, type) and issubclass(kind, BaseModel):
            yield f"\n## {name}\n\n{kind.__doc__}\n"
            yield from _table(f"{name}.", kind, set(kind.model_fields))


def _table(prefix: str, model: type[BaseModel], names: set[str]) -> Iterator[str]:
    yield "| setting | default | what |\n|---|---|---|"
    for name, field in model.model_fields.items():
        if name in names:
            yield f"| `{prefix}{name}` | {_default(name, field.default)} | {field.description or ''} |"


def _default(name: str, value: Any) -> str:
    if value is PydanticUndefined:
        return _HOME[name]
    if value is None:
        return "—"
    return f"`{', '.join(value) if isinstance(value, tuple) else value}`" if value != "" else "empty"


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201  the page is what it is for
