-- How each instrument was traded from since to until.
-- Exact: sums; the cut-off quotients vwap, mean_size and trade_imbalance (18 digits); size percentiles, each the size of some trade;
-- order_flow, what tops_between.order_flow sums up to, in base units.
-- Real numbers (Float64): volatility, the square root of the sum of squared log returns of one-minute bars, a minute without
-- trades being a return of 0; volatility_annualised, the same scaled to 365 days; book_imbalance, the mean over time of
-- (bid_quantity - ask_quantity) / (bid_quantity + ask_quantity) at the top.
CREATE OR REPLACE VIEW {database}.trading_statistics AS
SELECT
    exchange,
    market,
    symbol,
    trades,
    buy_trades,
    sell_trades,
    volume,
    buy_volume,
    sell_volume,
    quote_volume,
    if(volume = 0, NULL, divideDecimal(quote_volume, divisor, 18)) AS vwap,
    if(volume = 0, NULL, divideDecimal(buy_volume - sell_volume, divisor, 18)) AS trade_imbalance,
    order_flow,
    book_imbalance,
    min_size,
    divideDecimal(volume, toDecimal256(trades, 0), 18) AS mean_size,
    sizes[1] AS size_p50,
    sizes[2] AS size_p90,
    sizes[3] AS size_p95,
    sizes[4] AS size_p99,
    max_size,
    volatility_minutes,
    volatility,
    volatility * sqrt(365 * 1440 / volatility_minutes) AS volatility_annualised
FROM
(
    SELECT
        exchange,
        market,
        symbol,
        count() AS trades,
        countIf(side = 'BUY') AS buy_trades,
        countIf(side = 'SELL') AS sell_trades,
        sum(toDecimal256(quantity, 18)) AS volume,
        if(volume = 0, toDecimal256(1, 18), volume) AS divisor,
        sumIf(toDecimal256(quantity, 18), side = 'BUY') AS buy_volume,
        sumIf(toDecimal256(quantity, 18), side = 'SELL') AS sell_volume,
        sum(quote_quantity) AS quote_volume,
        min(quantity) AS min_size,
        max(quantity) AS max_size,
        quantilesExact(0.5, 0.9, 0.95, 0.99)(quantity) AS sizes
    FROM {database}.trades_between(since = {since:String}, until = {until:String})
    GROUP BY exchange, market, symbol
) AS traded
LEFT JOIN
(
    SELECT
        exchange,
        market,
        symbol,
        dateDiff('minute', min(open_time), max(open_time)) AS minutes,
        if(minutes > 0, minutes, NULL) AS volatility_minutes,
        if(minutes > 0, sqrt(sum(pow(log(toFloat64(close_price) / toFloat64(close_before)), 2))), NULL) AS volatility
    FROM
    (
        SELECT
            *,
            lagInFrame(toNullable(close_price)) OVER
            (
                PARTITION BY exchange, market, symbol
                ORDER BY open_time
                ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
            ) AS close_before
        FROM {database}.bars_between(since = {since:String}, until = {until:String}, seconds = 60)
    )
    GROUP BY exchange, market, symbol
) AS moved USING (exchange, market, symbol)
LEFT JOIN
(
    SELECT
        exchange,
        market,
        symbol,
        sum(toDecimal256(order_flow, 18)) AS order_flow,
        sum(held_us * toFloat64(bid_quantity - ask_quantity) / toFloat64(bid_quantity + ask_quantity))
            / nullIf(sumIf(held_us, isNotNull(spread)), 0) AS book_imbalance
    FROM {database}.tops_between(since = {since:String}, until = {until:String})
    WHERE origin = 'book'
    GROUP BY exchange, market, symbol
) AS quoted USING (exchange, market, symbol)
SETTINGS join_use_nulls = 1
