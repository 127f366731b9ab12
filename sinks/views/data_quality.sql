-- How whole the data of each instrument are that were received from since to until.
-- trades: stored, of them backfilled and polled; missing: as far as gaps that opened in the range count them; trades_percent: stored of all there were.
-- duplicates: trades stored twice (their own numbers say so). out_of_order: trades of the socket whose exchange time is before that of one
-- that came earlier. book_live_percent: part of the time from the first live top to the end of the last one in which a live
-- top held (tops_between). stale_s: time beyond 10 s in which nothing came of it (neither trade, nor spread, nor book).
-- gaps: of any stream, open_gaps of them not closed as far as gaps says (bookmill gaps tells what became of those), wrong_times: spells in
-- which exchange times were out of range. Latencies: receive_latency. Percentages are cut off after 18 digits.
CREATE OR REPLACE VIEW {database}.data_quality AS
WITH
    parseDateTime64BestEffort({since:String}, 6, 'UTC') AS range_begin,
    parseDateTime64BestEffort({until:String}, 6, 'UTC') AS range_end
SELECT
    exchange,
    market,
    symbol,
    ifNull(stored.trades, 0) AS trades,
    ifNull(stored.backfilled, 0) AS backfilled,
    ifNull(stored.polled, 0) AS polled,
    ifNull(stored.duplicates, 0) AS duplicates,
    ifNull(stored.out_of_order, 0) AS out_of_order,
    ifNull(lost.missing, 0) AS missing,
    if(trades + missing > 0, toDecimal256(trades * 100, 18) / (trades + missing), NULL) AS trades_percent,
    book.live_percent AS book_live_percent,
    heard.stale_s AS stale_s,
    ifNull(lost.gaps, 0) AS gaps,
    ifNull(lost.open_gaps, 0) AS open_gaps,
    ifNull(lost.wrong_times, 0) AS wrong_times,
    late.trades_p50_us AS trades_latency_p50_us,
    late.trades_p99_us AS trades_latency_p99_us,
    late.book_p50_us AS book_latency_p50_us,
    late.book_p99_us AS book_latency_p99_us
FROM
(
    SELECT
        exchange,
        market,
        symbol,
        if(
            count(receive_time) > 0, toDecimal64(ifNull(sumIf(quiet_us - 10000000, quiet_us > 10000000), 0), 6) / 1000000, NULL
        ) AS stale_s
    FROM
    (
        SELECT
            exchange,
            market,
            symbol,
            receive_time,
            toUnixTimestamp64Micro(receive_time) - toUnixTimestamp64Micro(lagInFrame(receive_time) OVER
            (
                PARTITION BY exchange, market, symbol ORDER BY receive_time ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
            )) AS quiet_us
        FROM
        (
            SELECT exchange, market, symbol, toNullable(receive_time) AS receive_time FROM {database}.trades
            WHERE receive_time >= range_begin AND receive_time < range_end
            UNION ALL
            SELECT exchange, market, symbol, receive_time FROM {database}.spreads
            WHERE receive_time >= range_begin AND receive_time < range_end
            UNION ALL
            SELECT exchange, market, symbol, receive_time FROM {database}.book_snapshots
            WHERE receive_time >= range_begin AND receive_time < range_end
            UNION ALL
            SELECT exchange, market, symbol, NULL FROM {database}.gaps  -- of which nothing else may be there
            WHERE opened_time >= range_begin AND opened_time < range_end
        )
    )
    GROUP BY exchange, market, symbol
) AS heard
LEFT JOIN
(
    SELECT
        exchange,
        market,
        symbol,
        countIf(cause != 'time') AS gaps,
        countIf(cause != 'time' AND isNull(closed_time)) AS open_gaps,
        countIf(cause = 'time') AS wrong_times,
        sumIf(ifNull(missed, 0), stream = 'trades') AS missing
    FROM {database}.gaps_now
    WHERE opened_time >= range_begin AND opened_time < range_end
    GROUP BY exchange, market, symbol
) AS lost USING (exchange, market, symbol)
LEFT JOIN
(
    SELECT
        exchange,
        market,
        symbol,
        count() AS trades,
        countIf(source = 'backfill') AS backfilled,
        countIf(source = 'poll') AS polled,
        trades - uniqExact(aggregated, trade_id) AS duplicates,
        countIf(source = 'ws' AND exchange_time < latest_before) AS out_of_order
    FROM
    (
        SELECT
            *,
            maxIf(exchange_time, source = 'ws') OVER
            (
                PARTITION BY exchange, market, symbol
                ORDER BY receive_time, source_offset, source_index
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ) AS latest_before
        FROM {database}.trades
        WHERE receive_time >= range_begin AND receive_time < range_end
    )
    GROUP BY exchange, market, symbol
) AS stored USING (exchange, market, symbol)
LEFT JOIN
(
    SELECT
        exchange,
        market,
        symbol,
        toDecimal256(sum(held_us) * 100, 18)
            / (toUnixTimestamp64Micro(max(held_until)) - toUnixTimestamp64Micro(min(held_from))) AS live_percent
    FROM {database}.tops_between(since = {since:String}, until = {until:String})
    WHERE origin = 'book' AND held_us > 0
    GROUP BY exchange, market, symbol
) AS book USING (exchange, market, symbol)
LEFT JOIN
(
    SELECT
        exchange,
        market,
        symbol,
        anyIf(p50_us, stream = 'trades') AS trades_p50_us,
        anyIf(p99_us, stream = 'trades') AS trades_p99_us,
        anyIf(p50_us, stream = 'book') AS book_p50_us,
        anyIf(p99_us, stream = 'book') AS book_p99_us
    FROM {database}.receive_latency(since = {since:String}, until = {until:String})
    GROUP BY exchange, market, symbol
) AS late USING (exchange, market, symbol)
SETTINGS join_use_nulls = 1
