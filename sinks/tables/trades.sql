-- Trades as the exchanges printed them: one row a trade.
-- Columns are named as the Avro fields and hold exactly what those say.
--
-- Codecs chosen by measured bytes a row on recorded Binance events: 21.2 with the default codecs,
-- 9.1 with ZSTD alone, 8.0 with these.
-- LowCardinality is for what people group by: it makes an insert slower by a quarter of a microsecond a value (of 3), and a
-- String with few values takes hardly more room. No Enum: a symbol that a later schema adds must not be refused.
-- Events are kept for 365 days after they were stored, not after they happened: a replayed old recording stays.
CREATE TABLE IF NOT EXISTS {database}.trades
(
    exchange         LowCardinality(String) CODEC(ZSTD(1))
        COMMENT 'Exchange, lower case: binance.',
    market           LowCardinality(String) CODEC(ZSTD(1))
        COMMENT 'Market of the exchange: spot, usdm, coinm, linear, inverse, swap, futures or option.',
    symbol           LowCardinality(String) CODEC(ZSTD(1))
        COMMENT 'Instrument as BASE-QUOTE: BTC-USDT.',
    source           String CODEC(ZSTD(3))
        COMMENT 'How the raw record came in: ws (the socket), poll (asked over REST while no socket served it) or backfill (asked over REST later, to fill a gap).',
    trade_id         String CODEC(ZSTD(3))
        COMMENT 'The exchange''s own id of the trade, as text; of the aggregate where aggregated is true.',
    price            Decimal(38, 18) CODEC(ZSTD(1))
        COMMENT 'Price in quote units per base unit.',
    quantity         Decimal(38, 18) CODEC(ZSTD(1))
        COMMENT 'Quantity in base units; of an inverse contract the quotient of contracts times size and price, rounded half to even at 18 digits.',
    side             String CODEC(ZSTD(3))
        COMMENT 'Side of the taker: BUY lifted the ask, SELL hit the bid.',
    aggregated       Bool CODEC(ZSTD(1))
        COMMENT 'True where the exchange folds the fills of one taker order at one price into one record (aggTrade).',
    exchange_time    Nullable(DateTime64(6, 'UTC')) CODEC(Delta, ZSTD(1))
        COMMENT 'When the exchange says it happened, microseconds since the epoch, UTC; null where the frame carries no time.',
    receive_time     DateTime64(6, 'UTC') CODEC(Delta, T64, ZSTD(1))
        COMMENT 'When the raw frame was received, microseconds since the epoch, UTC.',
    source_topic     String CODEC(ZSTD(3))
        COMMENT 'Event id, part 1: topic of the raw record that was being processed.',
    source_partition UInt32 CODEC(ZSTD(1))
        COMMENT 'Event id, part 2: partition of that raw record; the event stands in the same partition of its own topic.',
    source_offset    UInt64 CODEC(DoubleDelta, ZSTD(1))
        COMMENT 'Event id, part 3: offset of that raw record. Ids of one source partition only grow.',
    source_index     UInt32 CODEC(ZSTD(1))
        COMMENT 'Event id, part 4: index among the events of that raw record, from 0.',
    inserted_time    DateTime('UTC') DEFAULT now() CODEC(ZSTD(1))
        COMMENT 'When the row was stored, UTC.',
    notional         Decimal(76, 36) ALIAS toDecimal256(price, 18) * quantity
        COMMENT 'price * quantity, exact; the plain product of two Decimal(38, 18) overflows.',
    event_id         String ALIAS concat(source_topic, '/', toString(source_partition), '/', leftPad(toString(source_offset), 20, '0'), '/', leftPad(toString(source_index), 6, '0'))
        COMMENT 'The event id as it stands in the record header event_id.'
)
ENGINE = MergeTree
PARTITION BY toDate(receive_time)
ORDER BY (exchange, market, symbol, receive_time, source_offset, source_index)
TTL inserted_time + INTERVAL 365 DAY
SETTINGS
    -- a batch that is sent again within so many inserts is recognised by its token and not stored twice
    non_replicated_deduplication_window = 10000,
    -- whole parts are dropped, nothing is rewritten to forget single rows
    ttl_only_drop_parts = 1
COMMENT 'One trade as the exchange printed it.'
--;
-- since contracts are traded
ALTER TABLE {database}.trades
    ADD COLUMN IF NOT EXISTS contracts Nullable(Decimal(38, 18)) CODEC(ZSTD(1))
        COMMENT 'The exchange''s own quantity, in contracts, where it trades contracts; null where quantity is its own.'
    AFTER quantity
