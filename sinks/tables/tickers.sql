-- The last 24 hours as the exchanges sum them up: one row each time an exchange says it.
-- Columns are named as the Avro fields and hold exactly what those say. Codecs, LowCardinality and no Enum: as in trades.sql.
-- Events are kept for 365 days after they were stored, not after they happened: a replayed old recording stays.
CREATE TABLE IF NOT EXISTS {database}.tickers
(
    exchange             LowCardinality(String) CODEC(ZSTD(1))
        COMMENT 'Exchange, lower case: binance.',
    market               LowCardinality(String) CODEC(ZSTD(1))
        COMMENT 'Market of the exchange: spot, usdm, coinm, linear, inverse, swap, futures or option.',
    symbol               LowCardinality(String) CODEC(ZSTD(1))
        COMMENT 'Instrument as BASE-QUOTE: BTC-USDT.',
    source               String CODEC(ZSTD(3))
        COMMENT 'How the raw record came in: ws (the socket), poll (asked over REST while no socket served it) or backfill (asked over REST later, to fill a gap).',
    last_price           Decimal(38, 18) CODEC(ZSTD(1))
        COMMENT 'Price of the last trade, in quote units per base unit.',
    open_price           Nullable(Decimal(38, 18)) CODEC(ZSTD(1))
        COMMENT 'First price of the 24 hours; null where the frame does not say it.',
    high_price           Nullable(Decimal(38, 18)) CODEC(ZSTD(1))
        COMMENT 'Highest price of the 24 hours; null where the frame does not say it.',
    low_price            Nullable(Decimal(38, 18)) CODEC(ZSTD(1))
        COMMENT 'Lowest price of the 24 hours; null where the frame does not say it.',
    volume               Nullable(Decimal(38, 18)) CODEC(ZSTD(1))
        COMMENT 'What was traded in the 24 hours, in base units; null where the frame does not say it.',
    quote_volume         Nullable(Decimal(38, 18)) CODEC(ZSTD(1))
        COMMENT 'What was traded in the 24 hours, in quote units; null where the frame does not say it.',
    trades               Nullable(Int64) CODEC(ZSTD(1))
        COMMENT 'How many trades the 24 hours had; null where the frame does not say it.',
    price_change         Nullable(Decimal(38, 18)) CODEC(ZSTD(1))
        COMMENT 'last_price - open_price, exact; null where open_price is.',
    price_change_percent Nullable(Decimal(38, 18)) CODEC(ZSTD(1))
        COMMENT 'price_change / open_price * 100, rounded half to even at 18 digits; null where open_price is null or 0.',
    exchange_time        Nullable(DateTime64(6, 'UTC')) CODEC(Delta, ZSTD(1))
        COMMENT 'When the exchange says it happened, microseconds since the epoch, UTC; null where the frame carries no time.',
    receive_time         DateTime64(6, 'UTC') CODEC(Delta, T64, ZSTD(1))
        COMMENT 'When the raw frame was received, microseconds since the epoch, UTC.',
    source_topic         String CODEC(ZSTD(3))
        COMMENT 'Event id, part 1: topic of the raw record that was being processed.',
    source_partition     UInt32 CODEC(ZSTD(1))
        COMMENT 'Event id, part 2: partition of that raw record; the event stands in the same partition of its own topic.',
    source_offset        UInt64 CODEC(DoubleDelta, ZSTD(1))
        COMMENT 'Event id, part 3: offset of that raw record. Ids of one source partition only grow.',
    source_index         UInt32 CODEC(ZSTD(1))
        COMMENT 'Event id, part 4: index among the events of that raw record, from 0.',
    inserted_time        DateTime('UTC') DEFAULT now() CODEC(ZSTD(1))
        COMMENT 'When the row was stored, UTC.',
    event_id             String ALIAS concat(source_topic, '/', toString(source_partition), '/', leftPad(toString(source_offset), 20, '0'), '/', leftPad(toString(source_index), 6, '0'))
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
COMMENT 'The last 24 hours of one instrument, as the exchange sums them up.'
