-- Venues (exchange and market) of the same symbol beside each other, in the full seconds in which two or more of them have a live top.
-- mid_difference_bps: mean of (its mid - mean of all mids) / mean of all mids. best_bid_percent, best_ask_percent: part of those
-- seconds in which no venue bids more, or asks less. spread_bps: its mean spread, weighted by time, over all of the range.
-- latency_*: from the exchange's time to that of receipt, of its trades; two clocks, so it can be negative.
CREATE OR REPLACE VIEW {database}.venue_statistics AS
SELECT
    symbol,
    exchange,
    market,
    venues,
    seconds,
    mid_difference_bps,
    best_bid_percent,
    best_ask_percent,
    mean_bps AS spread_bps,
    latency_p50_us,
    latency_p99_us
FROM
(
    SELECT
        symbol,
        exchange,
        market,
        max(here) AS venues,
        count() AS seconds,
        sum(divideDecimal((toDecimal256(mid, 18) * here - mids) * 10000, mids, 18)) / count() AS mid_difference_bps,
        toDecimal256(countIf(bid_price = best_bid) * 100, 18) / count() AS best_bid_percent,
        toDecimal256(countIf(ask_price = best_ask) * 100, 18) / count() AS best_ask_percent
    FROM
    (
        SELECT
            *,
            count() OVER (PARTITION BY symbol, second_time) AS here,
            sum(toDecimal256(mid, 18)) OVER (PARTITION BY symbol, second_time) AS mids,
            max(bid_price) OVER (PARTITION BY symbol, second_time) AS best_bid,
            min(ask_price) OVER (PARTITION BY symbol, second_time) AS best_ask
        FROM {database}.tops_by_second(since = {since:String}, until = {until:String})
    )
    WHERE here > 1
    GROUP BY symbol, exchange, market
) AS compared
LEFT JOIN
(
    SELECT exchange, market, symbol, argMin(mean_bps, origin) AS mean_bps
    FROM {database}.spread_statistics(since = {since:String}, until = {until:String})
    GROUP BY exchange, market, symbol
) AS spread USING (exchange, market, symbol)
LEFT JOIN
(
    SELECT exchange, market, symbol, p50_us AS latency_p50_us, p99_us AS latency_p99_us
    FROM {database}.receive_latency(since = {since:String}, until = {until:String})
    WHERE stream = 'trades'
) AS latency USING (exchange, market, symbol)
SETTINGS join_use_nulls = 1
