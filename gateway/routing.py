"""Where the routes of the API stand, and how an application takes them in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from fastapi import APIRouter, FastAPI

__all__ = ["API", "take_in"]

API: Final = "/api/v1"
"""Before all paths but health, metrics, documentation and the dashboard."""


def take_in(app: FastAPI, routers: Iterable[APIRouter]) -> None:
    """Give ``app`` the routes of the routers, one by one. Routers that it includes whole are asked in turn, each with the scope made
    anew: of an answer from memory that was a tenth of the time (docs/decisions, 50)."""
    for router in routers:
        app.router.routes.extend(router.routes)
