-- The spread by hour of the day (UTC, all days of the range together), else as in spread_statistics. A top belongs to the hour in which
-- it came.
CREATE OR REPLACE VIEW {database}.spread_by_hour AS
SELECT
    exchange,
    market,
    symbol,
    origin,
    toHour(held_from) AS hour,
    toDecimal64(sum(held_us), 6) / 1000000 AS live_s,
    divideDecimal(sum(toDecimal256(spread_bps, 18) * held_us), toDecimal256(sum(held_us), 0), 18) AS mean_bps,
    quantileExactWeighted(0.5)(assumeNotNull(spread_bps), held_us) AS p50_bps,
    max(spread_bps) AS max_bps
FROM {database}.tops_between(since = {since:String}, until = {until:String})
WHERE held_us > 0 AND isNotNull(spread_bps)
GROUP BY exchange, market, symbol, origin, hour
