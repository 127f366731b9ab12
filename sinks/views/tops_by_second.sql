-- Best bid and ask of each venue (exchange and market) at each full second from since to until: the built book's, the exchange's own
-- where no book is live. Seconds in which a venue has neither, or gave no sign of life for 10 s, are left out.
CREATE OR REPLACE VIEW {database}.tops_by_second AS
SELECT
    symbol,
    exchange,
    market,
    second_time,
    top.1 AS bid_price,
    top.2 AS ask_price,
    top.3 AS mid
FROM
(
    SELECT
        symbol,
        exchange,
        market,
        fromUnixTimestamp(
            toUInt32(arrayJoin(range(
                toUInt64(intDiv(toUnixTimestamp64Micro(held_from) + 999999, 1000000)),
                toUInt64(intDiv(toUnixTimestamp64Micro(least(held_until, alive_time + INTERVAL 10 SECOND)) + 999999, 1000000))
            )))
        ) AS second_time,
        argMin((bid_price, ask_price, assumeNotNull(mid)), origin) AS top
    FROM {database}.tops_between(since = {since:String}, until = {until:String})
    WHERE isNotNull(mid)
    GROUP BY symbol, exchange, market, second_time
)
