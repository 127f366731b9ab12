-- How wide the spread of each instrument was from since to until, by origin (book: the built book's, ticker: the exchange's own).
-- Each spread counts for as long as it held (tops_between), times of no live book do not count. mean_spread (quote units) and mean_bps are
-- cut off after 18 digits; percentiles are exact, each a spread that was there: mean and percentiles weighted by time, all in basis points.
CREATE OR REPLACE VIEW {database}.spread_statistics AS
SELECT
    exchange,
    market,
    symbol,
    origin,
    count() AS tops,
    toDecimal64(sum(held_us), 6) / 1000000 AS live_s,
    divideDecimal(sum(toDecimal256(spread, 18) * held_us), toDecimal256(sum(held_us), 0), 18) AS mean_spread,
    divideDecimal(sum(toDecimal256(spread_bps, 18) * held_us), toDecimal256(sum(held_us), 0), 18) AS mean_bps,
    min(spread_bps) AS min_bps,
    quantilesExactWeighted(0.05, 0.25, 0.5, 0.75, 0.95, 0.99)(assumeNotNull(spread_bps), held_us)[1] AS p5_bps,
    quantilesExactWeighted(0.05, 0.25, 0.5, 0.75, 0.95, 0.99)(assumeNotNull(spread_bps), held_us)[2] AS p25_bps,
    quantilesExactWeighted(0.05, 0.25, 0.5, 0.75, 0.95, 0.99)(assumeNotNull(spread_bps), held_us)[3] AS p50_bps,
    quantilesExactWeighted(0.05, 0.25, 0.5, 0.75, 0.95, 0.99)(assumeNotNull(spread_bps), held_us)[4] AS p75_bps,
    quantilesExactWeighted(0.05, 0.25, 0.5, 0.75, 0.95, 0.99)(assumeNotNull(spread_bps), held_us)[5] AS p95_bps,
    quantilesExactWeighted(0.05, 0.25, 0.5, 0.75, 0.95, 0.99)(assumeNotNull(spread_bps), held_us)[6] AS p99_bps,
    max(spread_bps) AS max_bps
FROM {database}.tops_between(since = {since:String}, until = {until:String})
WHERE held_us > 0 AND isNotNull(spread_bps)
GROUP BY exchange, market, symbol, origin
