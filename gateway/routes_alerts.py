"""Alerts: the rules they are made by, and what has been alerted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from uuid import uuid4

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, Field

from bookmill.questions import Selection
from bookmill.times import iso
from gateway.answers import Answer, ListAnswer, answer, documented, list_answer
from gateway.choosing import Chosen
from gateway.context import InContext
from gateway.errors import ApiError
from gateway.event_models import event_model
from gateway.nearest import nearest
from gateway.paging import Paging
from gateway.routes_history import table_page
from gateway.routing import API
from gateway.security import caller
from gateway.spans import Within
from gateway.tables import TABLES
from schemas.alert_rules import KINDS, AlertRule, RuleId
from schemas.alert_store import StoredRule
from schemas.catalogue import ALERTS

__all__ = ["Deleted", "GivenRule", "RuleView", "router"]

router = APIRouter(prefix=API, tags=["alerts"], responses=documented(400, 503))

_SECRET = "**********"  # noqa: S105  what stands in its place
_Id = Annotated[str, Path(alias="id", max_length=64, examples=["btc-65k"])]


class GivenRule(AlertRule):
    """A rule as it is given: its id is made up, or is that of the path."""

    id: RuleId | None = None  # type: ignore[assignment]  # the one that is stored has one


class RuleView(AlertRule):
    """A rule as it is shown."""

    changed_by: str
    changed_time: str
    changed_time_us: int


class Deleted(BaseModel):
    """What was ended."""

    id: str = Field(examples=["btc-65k"])


@router.get("/alerts/rules", response_model=ListAnswer[RuleView])
async def rules(context: InContext) -> Response:
    """All rules, by id. Of a webhook only the host is shown: the rest may be a secret."""
    return list_answer([_shown(each) for each in context.alert_rules.all()])


@router.post(
    "/alerts/rules",
    status_code=201,
    response_model=Answer[RuleView],
    responses=documented(401, 403, 409),
)
async def make(context: InContext, request: Request, given: GivenRule) -> Response:
    """Make a rule. It is watched from now on, by any watcher that runs."""
    rule_id = given.id or f"rule-{uuid4().hex[:12]}"

    def new(known: StoredRule | None) -> AlertRule:
        if known is not None:
            raise ApiError(
                409,
                "conflict",
                f"There is a rule {rule_id!r} already.",
                hint=f"PUT /api/v1/alerts/rules/{rule_id} changes it.",
                field="id",
            )
        return _rule(given, rule_id, None)

    stored = await context.alert_rules.put(rule_id, new, changed_by=_who(request))
    return answer(_shown(stored), 201)


@router.get("/alerts/rules/{id}", response_model=Answer[RuleView], responses=documented(404))
async def rule(context: InContext, rule_id: _Id) -> Response:
    """One rule."""
    return answer(_shown(_require(context, rule_id)(context.alert_rules.get(rule_id))))


@router.put("/alerts/rules/{id}", response_model=Answer[RuleView], responses=documented(401, 403, 404))
async def change(context: InContext, request: Request, rule_id: _Id, given: GivenRule) -> Response:
    """Change a rule as a whole; what it had seen is forgotten. A webhook given back as it was shown stays what it is."""
    if given.id not in (None, rule_id):
        raise ApiError(400, "bad_request", "id: it is not that of the path.", field="id")
    require = _require(context, rule_id)
    stored = await context.alert_rules.put(
        rule_id, lambda known: _rule(given, rule_id, require(known)), changed_by=_who(request)
    )
    return answer(_shown(stored))


@router.delete("/alerts/rules/{id}", response_model=Answer[Deleted], responses=documented(401, 403, 404))
async def delete(context: InContext, rule_id: _Id) -> Response:
    """End a rule for good. What it has said stays."""
    await context.alert_rules.delete(rule_id, _require(context, rule_id))
    return answer({"id": rule_id})


@router.get(
    "/alerts",
    response_model=ListAnswer[event_model(ALERTS)],  # type: ignore[misc]  # made of its schema
    responses=documented(404),
)
async def alerts(
    context: InContext,
    span: Within,
    choice: Chosen,
    pages: Paging,
    rule: Annotated[str, Query(max_length=64, description="Only those of this rule.")] = "",
    kind: Annotated[
        Literal[tuple(KINDS)] | None,  # type: ignore[valid-type]  # made of the rules
        Query(description="Only those of rules of this kind."),
    ] = None,
    state: Annotated[
        Literal["fired", "cleared"] | None, Query(description="Only what began, or ended.")
    ] = None,
) -> Response:
    """What has been alerted, newest first."""
    selection = Selection(choice.exchanges, choice.markets, choice.symbols)
    where = {name: value for name, value in (("rule", rule), ("kind", kind), ("state", state)) if value}
    return await table_page(context, TABLES[ALERTS.name], span, selection, pages, where=where)


def _require(context: InContext, rule_id: str) -> Callable[[StoredRule | None], StoredRule]:
    def require(known: StoredRule | None) -> StoredRule:
        if known is None:
            raise ApiError(
                404,
                "unknown_rule",
                f"There is no rule {rule_id!r}.",
                hint=nearest(rule_id, context.live.alert_rules),
                field="id",
            )
        return known

    return require


def _rule(given: GivenRule, rule_id: str, known: StoredRule | None) -> AlertRule:
    said = {**given.model_dump(), "id": rule_id}
    if known is not None and given.webhook is not None and given.webhook == _masked(known.rule.webhook):
        said["webhook"] = known.rule.webhook
    return AlertRule.model_validate(said)


def _who(request: Request) -> str:
    return f"gateway {caller(request.scope).name}"


def _shown(stored: StoredRule) -> dict[str, Any]:
    return {
        **stored.rule.model_dump(mode="json"),
        "webhook": _masked(stored.rule.webhook),
        "changed_by": stored.changed_by,
        "changed_time": iso(stored.changed_micros),
        "changed_time_us": stored.changed_micros,
    }


def _masked(webhook: str | None) -> str | None:
    """Scheme and host; what follows lets whoever has it post there."""
    if webhook is None:
        return None
    parts = urlsplit(webhook)
    return f"{parts.scheme}://{parts.netloc}/{_SECRET}"
