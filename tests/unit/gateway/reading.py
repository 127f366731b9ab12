"""Reading events in tests, with a registry that knows our own schemas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from confluent_kafka.schema_registry import Schema, SchemaRegistryClient

from schemas.catalogue import Topic
from schemas.decoding import Decoder


class KnownSchemas:
    """The part of a registry that is asked."""

    def __init__(self, ids: Mapping[Topic, int]) -> None:
        self._texts = {number: topic.schema_text for topic, number in ids.items()}

    def get_schema(self, schema_id: int) -> Any:
        return Schema(self._texts[schema_id], "AVRO")


def decoder(ids: Mapping[Topic, int]) -> Decoder:
    """A decoder of values that were written with these schema ids."""
    return Decoder(cast("SchemaRegistryClient", KnownSchemas(ids)), "http://registry")
