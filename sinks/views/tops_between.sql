-- Best bid and ask of live books (origin book) and as the exchanges told them (ticker), with how long each held.
-- A top holds until the next one or until its book is lost (gaps); until the last event that shows its book alive (a
-- spreads or book_snapshots row) and 60 s more, where nothing else ends it; never beyond since and until. The one that held
-- at since is found if it came up to 60 s before.
-- alive_time: that last event. order_flow: what the change from the top before adds to the order flow, in base units (Cont, Kukanov, Stoikov: The Price
-- Impact of Order Book Events, 2014): what was added at the best bid or taken off the best ask, less what was taken off the
-- bid or added at the ask. Null where there is no top before it.
CREATE OR REPLACE VIEW {database}.tops_between AS
WITH
    parseDateTime64BestEffort({since:String}, 6, 'UTC') AS range_begin,
    parseDateTime64BestEffort({until:String}, 6, 'UTC') AS range_end
SELECT
    exchange,
    market,
    symbol,
    origin,
    event_time AS top_time,
    bid_price,
    bid_quantity,
    ask_price,
    ask_quantity,
    mid,
    spread,
    spread_bps,
    if(
        event_time < range_begin OR isNull(bid_before) OR isNull(ask_before) OR isNull(bid_price) OR isNull(ask_price),
        NULL,
        if(bid_price >= bid_before, bid_quantity, 0) - if(bid_price <= bid_before, bid_quantity_before, 0)
            - if(ask_price <= ask_before, ask_quantity, 0) + if(ask_price >= ask_before, ask_quantity_before, 0)
    ) AS order_flow,
    alive_time,
    greatest(event_time, range_begin) AS held_from,
    greatest(held_from, least(next_time, alive_time + INTERVAL 60 SECOND, range_end)) AS held_until,
    toUInt64(toUnixTimestamp64Micro(held_until) - toUnixTimestamp64Micro(held_from)) AS held_us
FROM
(
    SELECT
        *,
        leadInFrame(event_time, 1, range_end) OVER following AS next_time,
        ifNull(leadInFrame(toNullable(event_before)) OVER following, last_time) AS alive_time,
        lagInFrame(bid_price) OVER before AS bid_before,
        lagInFrame(bid_quantity) OVER before AS bid_quantity_before,
        lagInFrame(ask_price) OVER before AS ask_before,
        lagInFrame(ask_quantity) OVER before AS ask_quantity_before
    FROM
    (
        SELECT
            *,
            lagInFrame(event_time) OVER
            (
                PARTITION BY exchange, market, symbol, origin
                ORDER BY event_time, kind, source_offset, source_index
                ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
            ) AS event_before,
            max(event_time) OVER (PARTITION BY exchange, market, symbol, origin) AS last_time
        FROM
        (
            SELECT
                exchange, market, symbol, origin, 0 AS kind, receive_time AS event_time, source_offset, source_index,
                state = 'live' AS live,
                if(live, bid_price, NULL) AS bid_price,
                if(live, bid_quantity, NULL) AS bid_quantity,
                if(live, ask_price, NULL) AS ask_price,
                if(live, ask_quantity, NULL) AS ask_quantity,
                if(live, mid, NULL) AS mid,
                if(live, spread, NULL) AS spread,
                if(live, spread_bps, NULL) AS spread_bps
            FROM {database}.spreads
            WHERE receive_time >= range_begin - INTERVAL 60 SECOND AND receive_time < range_end
            UNION ALL
            SELECT
                exchange, market, symbol, 'book', 1, receive_time, source_offset, source_index,
                false, NULL, NULL, NULL, NULL, NULL, NULL, NULL
            FROM {database}.book_snapshots
            WHERE state = 'live' AND receive_time >= range_begin - INTERVAL 60 SECOND AND receive_time < range_end
            UNION ALL
            SELECT
                exchange, market, symbol, 'book', 2, opened_time, source_offset, source_index,
                false, NULL, NULL, NULL, NULL, NULL, NULL, NULL
            FROM {database}.gaps
            WHERE stream = 'book' AND cause != 'time' AND phase = 'opened'
              AND receive_time >= range_begin - INTERVAL 60 SECOND
              AND opened_time >= range_begin - INTERVAL 60 SECOND AND opened_time < range_end
        )
    )
    WHERE kind != 1
    WINDOW
        following AS
        (
            PARTITION BY exchange, market, symbol, origin
            ORDER BY event_time, kind, source_offset, source_index
            ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING
        ),
        before AS
        (
            PARTITION BY exchange, market, symbol, origin
            ORDER BY event_time, kind, source_offset, source_index
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        )
)
WHERE live AND (held_us > 0 OR event_time >= range_begin)
