"""Reading the settings, and saying in one sentence what is wrong with them."""

from __future__ import annotations

import difflib
import json
import os
import re
from collections.abc import Iterator
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import SettingsError

from bookmill.errors import ConfigurationError
from bookmill.settings import Settings, settings_file

__all__ = ["load"]

# Variables of the same prefix that are not settings: where the settings file and the recordings are.
_NOT_SETTINGS = frozenset(
    {"BOOKMILL_ADAPTERS", "BOOKMILL_CONFIG", "BOOKMILL_RECORDINGS", "BOOKMILL_SIMULATORS"}
)


def load() -> Settings:
    """Read environment and file; raises :class:`ConfigurationError` that names the key, its place and the nearest right one."""
    _check_environment_names()
    path = settings_file()
    if "BOOKMILL_CONFIG" in os.environ and not path.is_file():
        raise ConfigurationError(f"The settings file {path} (from BOOKMILL_CONFIG) does not exist.")
    try:
        return Settings()
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f" at line {where.line + 1}" if where else ""
        raise ConfigurationError(
            f"The settings file {path} is not YAML{line}: {getattr(error, 'problem', error)}."
        ) from error
    except SettingsError as error:
        raise ConfigurationError(
            f"A setting in the environment cannot be read: {error}.",
            hint="Lists and objects are written as JSON.",
        ) from error
    except ValidationError as error:
        raise ConfigurationError(_sentence(error)) from error
    except (OSError, UnicodeDecodeError, TypeError, ValueError) as error:
        raise ConfigurationError(
            f"The settings file {path} cannot be read: {error}.",
            hint="It has to be a YAML mapping of settings.",
        ) from error


def _sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    location = [str(part) for part in first["loc"]]
    key = ".".join(location)
    more = f" ({error.error_count() - 1} more after it.)" if error.error_count() > 1 else ""
    if first["type"] == "extra_forbidden":
        return f"Unknown setting '{key}'{_origin(location)}.{_nearest(location)}{more}"
    if first["type"] == "literal_error":
        return f"Setting '{key}'{_origin(location)} is wrong: {_none_of(first)}{more}"
    if first["type"].startswith("secret_"):
        return f"Setting '{key}'{_origin(location)} is wrong: {first['msg']}.{more}"
    return (
        f"Setting '{key}'{_origin(location)} is wrong: {first['msg'].lower()}, got {first['input']!r}.{more}"
    )


def _none_of(error: ErrorDetails) -> str:
    """``'books' is none of book, best, …``, and the nearest of them."""
    allowed = re.findall(r"'([^']*)'", error["ctx"]["expected"])
    given = str(error["input"])
    close = difflib.get_close_matches(given.lower(), {one.lower(): one for one in allowed}, n=1)
    said = f"{error['input']!r} is none of {', '.join(allowed)}."
    return (
        f"{said} Did you mean '{next(one for one in allowed if one.lower() == close[0])}'?" if close else said
    )


def _origin(location: list[str]) -> str:
    """Where the value stands: in a variable of its own, in one that holds more as JSON, or in the file."""
    for length in range(len(location), 0, -1):
        variable = "BOOKMILL_" + "__".join(location[:length]).upper()
        if variable in os.environ and _holds(os.environ[variable], location[length:]):
            return f" (environment {variable})"
    return f" (file {settings_file()})"


def _holds(text: str, path: list[str]) -> bool:
    if not path:
        return True
    try:
        held: Any = json.loads(text)
        for step in path:
            held = held[int(step)] if isinstance(held, list) else held[step]
    except (ValueError, LookupError, TypeError):
        return False
    return True


def _nearest(location: list[str]) -> str:
    known = list(_names(_model_at(location[:-1]) or Settings))
    close = difflib.get_close_matches(location[-1], known, n=1, cutoff=0.5)
    prefix = ".".join(location[:-1])
    if close:
        return f" Did you mean '{prefix + '.' if prefix else ''}{close[0]}'?"
    return f" Known here: {', '.join(sorted(known))}."


def _names(model: type[BaseModel]) -> Iterator[str]:
    yield from model.model_fields


def _model_at(location: list[str]) -> type[BaseModel] | None:
    model: Any = Settings
    for name in location:
        if isinstance(model, type) and issubclass(model, BaseModel):
            if name not in model.model_fields:
                return None
            model = model.model_fields[name].annotation
        else:
            model = get_args(model)[-1]
    return model if isinstance(model, type) and issubclass(model, BaseModel) else None


def _check_environment_names() -> None:
    """The library passes over unknown variables in silence; a mistyped one has to be said."""
    for variable in sorted(os.environ):
        if not variable.startswith("BOOKMILL_") or variable in _NOT_SETTINGS:
            continue
        top, *rest = variable.removeprefix("BOOKMILL_").lower().split("__")
        if top not in Settings.model_fields:
            close = difflib.get_close_matches(top, Settings.model_fields, n=1, cutoff=0.5)
            suffix = "__".join(["", *(part.upper() for part in rest)]) if rest else ""
            hint = f"Did you mean BOOKMILL_{close[0].upper()}{suffix}?" if close else ""
            raise ConfigurationError(f"Unknown setting in the environment: {variable}.", hint=hint)
