"""What the documentation says of events: models made of their Avro schemas, with the words that stand there."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model

from schemas.catalogue import Topic
from schemas.fields import SOURCE, fields

__all__ = ["Exact", "Model", "Moment", "MomentUs", "aged_model", "event_model"]

Exact = Annotated[str, Field(examples=["64250.1"])]
"""A decimal, as the shortest plain text."""

Moment = Annotated[str, Field(examples=["2026-01-05T10:00:00.123456Z"])]
MomentUs = Annotated[
    int, Field(examples=[1767607200123456], description="The same in microseconds since the epoch.")
]

_PLAIN: dict[str, Any] = {"string": str, "int": int, "long": int, "boolean": bool}
_EXAMPLES: dict[str, Any] = {
    "instrument": "binance.spot.BTC-USDT",
    "exchange": "binance",
    "market": "spot",
    "symbol": "BTC-USDT",
    "event_id": "raw.binance.spot/3/00000000000000000912/000000",
}


class Model(BaseModel):
    """What is answered has these fields and no others; a test holds the answers to it."""

    model_config = ConfigDict(extra="forbid")


class _Aged(Model):
    age_ms: int = Field(description="Milliseconds since the frame was received.")
    stale: bool = Field(description="Older than `gateway.stale_after_s`.")


@cache
def event_model(topic: Topic) -> type[Model]:
    """The form of one event of a topic, as :func:`gateway.presenting.present` makes it."""
    return create_model(topic.schema["name"], __base__=Model, __doc__=topic.schema["doc"], **_parts(topic))


@cache
def aged_model(topic: Topic) -> type[Model]:
    """The same with its age."""
    name = f"Live{topic.schema['name']}"
    return create_model(name, __base__=(event_model(topic), _Aged), __doc__=topic.schema["doc"])


def _parts(topic: Topic) -> dict[str, Any]:
    described = {each["name"]: each for each in topic.schema["fields"]}
    parts: dict[str, Any] = {}
    if "exchange" in described:
        parts["instrument"] = (str, _field("instrument", "The three below, joined."))
    for each in fields(topic):
        name, doc = each.name, described[each.name].get("doc", "")
        if each.kind == "time":
            parts[name] = (_maybe(Moment, each.optional), _field(name, doc))
            parts[f"{name}_us"] = (_maybe(MomentUs, each.optional), ...)
        else:
            parts[name] = (_type(each.kind, described[name]["type"], each.optional), _field(name, doc))
    if set(SOURCE) <= described.keys():
        parts["event_id"] = (
            str,
            _field("event_id", "Which record it comes from; its dedupe key everywhere."),
        )
    return parts


def _type(kind: str, avro: Any, optional: bool) -> Any:  # noqa: FBT001  of the field
    if kind == "decimal":
        return _maybe(Exact, optional)
    if kind == "decimals":
        return list[Exact]
    if isinstance(avro, list):
        avro = next(each for each in avro if each != "null")
    if isinstance(avro, dict) and avro["type"] == "enum":
        return _maybe(Literal[tuple(avro["symbols"])], optional)
    if isinstance(avro, dict) and avro["type"] == "array":
        return list[str]
    return _maybe(_PLAIN[avro if isinstance(avro, str) else avro["type"]], optional)


def _maybe(kind: Any, optional: bool) -> Any:  # noqa: FBT001  same
    return kind | None if optional else kind


def _field(name: str, doc: str) -> Any:
    example = _EXAMPLES.get(name)
    return Field(description=doc, examples=[example]) if example is not None else Field(description=doc)
