"""What is collected: asking for instruments and ending them, one by one or by exchange."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from bookmill.settings_markets import Channel
from bookmill.times import iso
from gateway.answers import Answer, ListAnswer, answer, documented, list_answer
from gateway.choosing import Chosen
from gateway.context import Context, InContext
from gateway.errors import ApiError
from gateway.history_models import SubscriptionView
from gateway.nearest import nearest
from gateway.outcomes import Outcome
from gateway.routing import API
from gateway.security import caller
from schemas.subscriptions import Desired, instrument_key

__all__ = ["Wanted", "router"]

router = APIRouter(prefix=API, tags=["control"], responses=documented(400, 401, 403, 503))

_LONGEST_WAIT_S = 60.0
_Wait = Annotated[
    float,
    Query(ge=0, le=_LONGEST_WAIT_S, description="Seconds to wait for the state to be reached."),
]
_Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]


class Wanted(BaseModel):
    """An instrument to be collected."""

    model_config = ConfigDict(extra="forbid")

    exchange: Annotated[_Name, StringConstraints(to_lower=True)] = Field(examples=["binance"])
    market: Annotated[_Name, StringConstraints(to_lower=True)] = Field(examples=["spot"])
    symbol: Annotated[_Name, StringConstraints(to_upper=True)] = Field(examples=["SOL-USDT"])
    channels: list[Channel] = Field(
        default=[],
        max_length=20,
        description="Only these; what the producers' settings say where none is named.",
        examples=[["book", "trades"]],
    )


@router.get("/subscriptions", response_model=ListAnswer[SubscriptionView])
async def subscriptions(context: InContext, choice: Chosen) -> Response:
    """What shall be collected and what not any more, who collects it, and whether it is so."""
    found = await context.control.all()
    return list_answer(
        [
            _shown(one)
            for one in found
            if choice.takes(one.desired.exchange, one.desired.market, one.desired.symbol)
        ]
    )


@router.post(
    "/subscriptions",
    response_model=Answer[SubscriptionView],
    responses={202: {"model": Answer[SubscriptionView]}, **documented(404)},
)
async def subscribe(context: InContext, request: Request, wanted: Wanted, wait: _Wait = 5.0) -> Response:
    """Collect an instrument from now on, over restarts of everything. Answers with the state that was reached: 200 when it is collected,
    202 with `why` while it is not."""
    _require_instrument(context, wanted.exchange, wanted.market, wanted.symbol)
    desired = _desired(request, (wanted.exchange, wanted.market, wanted.symbol), wanted.channels, on=True)
    [outcome] = await context.control.write([desired], wait)
    return _answered(outcome)


@router.delete(
    "/subscriptions/{exchange}/{market}/{symbol}",
    response_model=Answer[SubscriptionView],
    responses={202: {"model": Answer[SubscriptionView]}, **documented(404)},
)
async def unsubscribe(
    context: InContext, request: Request, exchange: str, market: str, symbol: str, wait: _Wait = 5.0
) -> Response:
    """Collect an instrument no longer. Answers 200 when it has stopped, 202 with `why` while it has not."""
    if instrument_key(exchange, market, symbol) not in context.live.subscriptions:
        key = instrument_key(exchange, market, symbol)
        raise ApiError(
            404,
            "unknown_instrument",
            f"Nobody has asked for {key[:100]}.",
            hint=nearest(key, context.live.subscriptions),
            field="symbol",
        )
    desired = _desired(request, (exchange, market, symbol), (), on=False)
    [outcome] = await context.control.write([desired], wait)
    return _answered(outcome)


@router.post(
    "/collectors/{exchange}/stop",
    response_model=ListAnswer[SubscriptionView],
    responses=documented(404),
)
async def stop(context: InContext, request: Request, exchange: str, wait: _Wait = 5.0) -> Response:
    """Collect nothing of an exchange any more. Answers with what was ended, and how each stands; `start` begins just these again."""
    _require_exchange(context, exchange)
    return list_answer([_shown(one) for one in await context.control.stop(exchange, _who(request), wait)])


@router.post(
    "/collectors/{exchange}/start",
    response_model=ListAnswer[SubscriptionView],
    responses=documented(404),
)
async def start(context: InContext, exchange: str, wait: _Wait = 5.0) -> Response:
    """Collect again what `stop` has ended. Answers with what was begun, and how each stands."""
    _require_exchange(context, exchange)
    return list_answer([_shown(one) for one in await context.control.start(exchange, wait)])


def _desired(
    request: Request, instrument: tuple[str, str, str], channels: list[Channel] | tuple[()], *, on: bool
) -> Desired:
    asked_by = f"gateway {_who(request)}"
    return Desired(*instrument, on, tuple(dict.fromkeys(channels)), asked_by, time.time_ns() // 1000)


def _who(request: Request) -> str:
    return caller(request.scope).name


def _require_instrument(context: Context, exchange: str, market: str, symbol: str) -> None:
    """Only what the exchange itself lists."""
    _require_exchange(context, exchange)
    listed = {
        key: event
        for key, event in context.live.listings.items()
        if (event["exchange"], event["market"]) == (exchange, market)
    }
    markets = {event["market"] for event in context.live.listings.values() if event["exchange"] == exchange}
    if not listed and market in context.settings.exchanges.get(exchange, {}):
        raise ApiError(
            503,
            "not_ready",
            f"What {exchange}.{market} has is not known yet.",
            hint="A producer of that market tells it as soon as it runs.",
        )
    if not listed:
        raise ApiError(
            404,
            "unknown_exchange",
            f"Nothing is known of a market {market!r} of {exchange}.",
            hint=nearest(market, markets),
            field="market",
        )
    found = listed.get(instrument_key(exchange, market, symbol))
    if found is None:
        raise ApiError(
            404,
            "unknown_instrument",
            f"{exchange}.{market} has no instrument {symbol!r}.",
            hint=nearest(symbol, {event["symbol"] for event in listed.values()}),
            field="symbol",
        )
    if not found["listed"]:
        raise ApiError(
            404, "unknown_instrument", f"{exchange}.{market} lists {symbol} no more.", field="symbol"
        )


def _require_exchange(context: Context, exchange: str) -> None:
    known = {
        *context.settings.exchanges,
        *(
            event["exchange"]
            for events in (context.live.listings, context.live.subscriptions)
            for event in events.values()
        ),
    }
    if exchange not in known:
        raise ApiError(
            404,
            "unknown_exchange",
            f"Nothing is known of an exchange {exchange[:40]!r}.",
            hint=nearest(exchange, known),
            field="exchange",
        )


def _answered(outcome: Outcome) -> Response:
    return answer(_shown(outcome), 202 if outcome.state == "pending" else 200)


def _shown(outcome: Outcome) -> Mapping[str, Any]:
    desired = outcome.desired
    return {
        "instrument": desired.key,
        "exchange": desired.exchange,
        "market": desired.market,
        "symbol": desired.symbol,
        "on": desired.on,
        "channels": list(desired.channels),
        "asked_by": desired.asked_by,
        "asked_time": iso(desired.asked_micros),
        "asked_time_us": desired.asked_micros,
        "collector": outcome.collector,
        "state": outcome.state,
        "why": outcome.why,
    }
