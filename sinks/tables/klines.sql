-- Bars (candles) as they grew: one row each time an exchange told one. How a bar ended is in its last row:
-- argMax(close_price, receive_time) by exchange, market, symbol, interval and open_time, which is how rows are ordered.
-- Columns are named as the Avro fields and hold exactly what those say. Codecs, LowCardinality and no Enum: as in trades.sql.
-- Events are kept for 365 days after they were stored, not after they happened: a replayed old recording stays.
CREATE TABLE IF NOT EXISTS {database}.klines
(
    exchange         LowCardinality(String) CODEC(ZSTD(1))
        COMMENT 'Exchange, lower case: binance.',
    market           LowCardinality(String) CODEC(ZSTD(1))
        COMMENT 'Market of the exchange: spot, usdm, coinm, linear, inverse, swap, futures or option.',
    symbol           LowCardinality(String) CODEC(ZSTD(1))
        COMMENT 'Instrument as BASE-QUOTE: BTC-USDT.',
    source           String CODEC(ZSTD(3))
        COMMENT 'How the raw record came in: ws (the socket), poll (asked over REST while no socket served it) or backfill (asked over REST later, to fill a gap).',
    interval         LowCardinality(String) CODEC(ZSTD(1))
        COMMENT 'Length of the bar: 1m, 1h, 1d.',
    open_time        DateTime64(6, 'UTC') CODEC(Delta, T64, ZSTD(1))
        COMMENT 'When the bar begins, microseconds since the epoch, UTC.',
    open_price       Decimal(38, 18) CODEC(ZSTD(1))
        COMMENT 'First price of the bar, in quote units per base unit.',
    high_price       Decimal(38, 18) CODEC(ZSTD(1))
        COMMENT 'Highest price of the bar so far.',
    low_price        Decimal(38, 18) CODEC(ZSTD(1))
        COMMENT 'Lowest price of the bar so far.',
    close_price      Decimal(38, 18) CODEC(ZSTD(1))
        COMMENT 'Last price of the bar so far.',
    volume           Nullable(Decimal(38, 18)) CODEC(ZSTD(1))
        COMMENT 'What was traded in the bar so far, in base units; null where the frame does not say it.',
    quote_volume     Nullable(Decimal(38, 18)) CODEC(ZSTD(1))
        COMMENT 'What was traded in the bar so far, in quote units; null where the frame does not say it.',
    trades           Nullable(Int64) CODEC(ZSTD(1))
        COMMENT 'How many trades the bar has so far; null where the frame does not say it.',
    closed           Nullable(Bool) CODEC(ZSTD(1))
        COMMENT 'True in the last event of a bar; null where the exchange does not say it.',
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
    event_id         String ALIAS concat(source_topic, '/', toString(source_partition), '/', leftPad(toString(source_offset), 20, '0'), '/', leftPad(toString(source_index), 6, '0'))
        COMMENT 'The event id as it stands in the record header event_id.'
)
ENGINE = MergeTree
PARTITION BY toDate(receive_time)
ORDER BY (exchange, market, symbol, interval, open_time, receive_time, source_offset, source_index)
TTL inserted_time + INTERVAL 365 DAY
SETTINGS
    -- a batch that is sent again within so many inserts is recognised by its token and not stored twice
    non_replicated_deduplication_window = 10000,
    -- whole parts are dropped, nothing is rewritten to forget single rows
    ttl_only_drop_parts = 1
COMMENT 'One bar (candle) of one instrument as it stands; a bar has an event each time the exchange tells it, the last one holds.'
