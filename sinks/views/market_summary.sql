-- What each instrument did from since to until: prices, volume, and its last live top.
-- change_percent and vwap are cut off after 18 digits; volume in base units, quote_volume in quote units, both exact.
CREATE OR REPLACE VIEW {database}.market_summary AS
WITH
    parseDateTime64BestEffort({since:String}, 6, 'UTC') AS range_begin,
    parseDateTime64BestEffort({until:String}, 6, 'UTC') AS range_end
SELECT
    exchange,
    market,
    symbol,
    first_price,
    last_price,
    change,
    change_percent,
    high_price,
    low_price,
    volume,
    quote_volume,
    ifNull(trades, 0) AS trades,
    vwap,
    first_time,
    last_time,
    top.1 AS bid_price,
    top.2 AS ask_price,
    top.3 AS spread,
    top.4 AS spread_bps,
    top.5 AS top_time
FROM
(
    SELECT exchange, market, symbol
    FROM {database}.trades_between(since = {since:String}, until = {until:String})
    UNION DISTINCT
    SELECT exchange, market, symbol
    FROM {database}.spreads
    WHERE state = 'live' AND receive_time >= range_begin AND receive_time < range_end
) AS known
LEFT JOIN
(
    SELECT
        exchange,
        market,
        symbol,
        argMin(price, (trade_time, source_offset, source_index)) AS first_price,
        argMax(price, (trade_time, source_offset, source_index)) AS last_price,
        last_price - first_price AS change,
        if(
            first_price = 0,
            NULL,
            divideDecimal(toDecimal256(change, 18) * 100, if(first_price = 0, toDecimal256(1, 18), first_price), 18)
        ) AS change_percent,
        max(price) AS high_price,
        min(price) AS low_price,
        sum(toDecimal256(quantity, 18)) AS volume,
        sum(quote_quantity) AS quote_volume,
        count() AS trades,
        if(volume = 0, NULL, divideDecimal(quote_volume, if(volume = 0, toDecimal256(1, 18), volume), 18)) AS vwap,
        min(trade_time) AS first_time,
        max(trade_time) AS last_time
    FROM {database}.trades_between(since = {since:String}, until = {until:String})
    GROUP BY exchange, market, symbol
) AS traded USING (exchange, market, symbol)
LEFT JOIN
(
    -- the built book's, the exchange's own where there is no book
    SELECT
        exchange,
        market,
        symbol,
        argMax(
            (bid_price, ask_price, spread, spread_bps, toNullable(receive_time)),
            (origin = 'book', receive_time, source_offset, source_index)
        ) AS top
    FROM {database}.spreads
    WHERE state = 'live' AND receive_time >= range_begin AND receive_time < range_end
    GROUP BY exchange, market, symbol
) AS topped USING (exchange, market, symbol)
SETTINGS join_use_nulls = 1
