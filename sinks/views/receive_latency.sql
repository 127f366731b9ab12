-- From the exchange's time to that of receipt, of events that came over the socket and carry both, in microseconds. Two clocks: where the
-- exchange's is ahead of ours it is negative. stream: trades, book (changes of the best bid and ask of a built book) or best (the
-- exchange's own best bid and ask). Percentiles are exact, each the latency of some event.
CREATE OR REPLACE VIEW {database}.receive_latency AS
WITH
    parseDateTime64BestEffort({since:String}, 6, 'UTC') AS range_begin,
    parseDateTime64BestEffort({until:String}, 6, 'UTC') AS range_end
SELECT
    exchange,
    market,
    symbol,
    stream,
    count() AS events,
    min(latency_us) AS min_us,
    quantilesExact(0.5, 0.9, 0.99)(latency_us)[1] AS p50_us,
    quantilesExact(0.5, 0.9, 0.99)(latency_us)[2] AS p90_us,
    quantilesExact(0.5, 0.9, 0.99)(latency_us)[3] AS p99_us,
    max(latency_us) AS max_us
FROM
(
    SELECT
        exchange, market, symbol, 'trades' AS stream,
        toUnixTimestamp64Micro(receive_time) - toUnixTimestamp64Micro(assumeNotNull(exchange_time)) AS latency_us
    FROM {database}.trades
    WHERE source = 'ws' AND isNotNull(exchange_time) AND receive_time >= range_begin AND receive_time < range_end
    UNION ALL
    SELECT
        exchange, market, symbol, if(origin = 'book', 'book', 'best'),
        toUnixTimestamp64Micro(receive_time) - toUnixTimestamp64Micro(assumeNotNull(exchange_time))
    FROM {database}.spreads
    WHERE source = 'ws' AND isNotNull(exchange_time) AND receive_time >= range_begin AND receive_time < range_end
)
GROUP BY exchange, market, symbol, stream
