"""Books as they were: the last snapshot before a moment, out of ClickHouse."""

from __future__ import annotations

from bookmill.archive import Archive
from bookmill.decimals import scaled_int
from schemas.fields import Event

__all__ = ["last_snapshot"]

_NAMES = ("exchange", "market", "symbol", "source", "state", "update_id")
_ARRAYS = ("bid_prices", "bid_quantities", "ask_prices", "ask_quantities")
_QUERY = (
    f"SELECT {', '.join(_NAMES)}, {', '.join(_ARRAYS)}, toUnixTimestamp64Micro(receive_time) AS received"  # noqa: S608  names of our own
    " FROM book_snapshots WHERE exchange = {exchange:String} AND market = {market:String} AND symbol = {symbol:String}"
    " AND receive_time <= fromUnixTimestamp64Micro({until:Int64})"
    " ORDER BY receive_time DESC, source_offset DESC, source_index DESC LIMIT 1"
)


async def last_snapshot(
    archive: Archive, exchange: str, market: str, symbol: str, until_us: int
) -> Event | None:
    """The event of ``book_snapshots`` that was the newest then (without its id); None where there was none."""
    rows = await archive.rows(
        _QUERY, {"exchange": exchange, "market": market, "symbol": symbol, "until": until_us}
    )
    if not rows:
        return None
    row = rows[0]
    return {
        **{name: row[name] for name in _NAMES},
        **{name: [scaled_int(text) for text in row[name]] for name in _ARRAYS},
        "update_id": int(row["update_id"]),
        "receive_time": int(row["received"]),
    }
