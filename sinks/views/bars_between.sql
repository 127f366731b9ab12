-- Bars of so many seconds, made of stored trades; none where nobody traded.
CREATE OR REPLACE VIEW {database}.bars_between AS
SELECT
    exchange,
    market,
    symbol,
    fromUnixTimestamp64Micro(
        intDiv(toUnixTimestamp64Micro(trade_time), {seconds:UInt32} * 1000000) * {seconds:UInt32} * 1000000, 'UTC'
    ) AS open_time,
    argMin(price, (trade_time, source_offset, source_index)) AS open_price,
    max(price) AS high_price,
    min(price) AS low_price,
    argMax(price, (trade_time, source_offset, source_index)) AS close_price,
    sum(toDecimal256(quantity, 18)) AS volume,
    sum(quote_quantity) AS quote_volume,
    sumIf(toDecimal256(quantity, 18), side = 'BUY') AS buy_volume,
    sumIf(toDecimal256(quantity, 18), side = 'SELL') AS sell_volume,
    count() AS trades
FROM {database}.trades_between(since = {since:String}, until = {until:String})
GROUP BY exchange, market, symbol, open_time
