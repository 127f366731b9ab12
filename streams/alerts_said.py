"""What rules have said, as ClickHouse has it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from bookmill import settings_loading
from bookmill.addresses import resolve
from bookmill.archive import Archive

__all__ = ["said"]


async def said(since: datetime, rule: str, limit: int) -> Sequence[dict[str, Any]]:
    """Events of the table ``alerts``, newest first; ``rule`` empty: of all rules. Raises what the archive does."""
    settings = settings_loading.load()
    addresses = resolve(settings)
    async with Archive(
        settings.clickhouse, addresses.clickhouse, timeout_s=settings.gateway.query_timeout_s
    ) as archive:
        return await archive.rows(
            "SELECT * EXCEPT (source_topic, source_partition, source_offset, source_index, inserted_time)"
            " FROM alerts WHERE receive_time >= fromUnixTimestamp64Micro({since:Int64})"
            " AND ({rule:String} = '' OR rule = {rule:String})"
            " ORDER BY receive_time DESC, source_offset DESC, source_index DESC LIMIT {limit:UInt32}",
            {"since": int(since.timestamp()) * 1_000_000, "rule": rule, "limit": limit},
        )
