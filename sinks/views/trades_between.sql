-- Trades that happened from since to until (exclusive), with when they did.
-- A trade of the socket happened when it was received: its time is of the same clock as the books'. One that was asked for
-- later (poll, backfill) happened when the exchange says; those received up to a day after until are looked at.
-- since and until, here and in all views: any form of parseDateTime64BestEffort, UTC unless it says otherwise.
CREATE OR REPLACE VIEW {database}.trades_between AS
WITH
    parseDateTime64BestEffort({since:String}, 6, 'UTC') AS range_begin,
    parseDateTime64BestEffort({until:String}, 6, 'UTC') AS range_end
SELECT
    exchange,
    market,
    symbol,
    if(source = 'ws', receive_time, ifNull(exchange_time, receive_time)) AS trade_time,
    price,
    quantity,
    toDecimal256(price, 18) * quantity AS quote_quantity,
    side,
    trade_id,
    source,
    source_offset,
    source_index
FROM {database}.trades
WHERE receive_time >= range_begin - INTERVAL 1 HOUR
  AND receive_time < range_end + INTERVAL 1 DAY
  AND trade_time >= range_begin
  AND trade_time < range_end
