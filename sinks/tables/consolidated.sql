-- Best bid and ask over all exchanges: one row each time the best of a symbol changed, of spot markets, perpetuals, futures and options apart.
-- Columns are named as the Avro fields and hold exactly what those say. Codecs and LowCardinality: as in spreads.sql.
-- Events are kept for 365 days after they were stored, not after they happened: a replayed old recording stays.
CREATE TABLE IF NOT EXISTS {database}.consolidated
(
    symbol           LowCardinality(String) CODEC(ZSTD(1))
        COMMENT 'Instrument as BASE-QUOTE: BTC-USDT.',
    kind             LowCardinality(String) CODEC(ZSTD(1))
        COMMENT 'What is traded: spot, perpetual, future or option. Only markets of one kind are compared.',
    bid_price        Nullable(Decimal(38, 18)) CODEC(ZSTD(1))
        COMMENT 'Highest bid of any live book; null while there is none.',
    bid_quantity     Nullable(Decimal(38, 18)) CODEC(ZSTD(1))
        COMMENT 'Quantity at that bid on its exchange, in base units; null while there is none.',
    bid_exchange     Nullable(String) CODEC(ZSTD(1))
        COMMENT 'Exchange of that bid: of equal prices the one with more behind it; null while there is none.',
    bid_market       Nullable(String) CODEC(ZSTD(1))
        COMMENT 'Market of that bid; null while there is none.',
    ask_price        Nullable(Decimal(38, 18)) CODEC(ZSTD(1))
        COMMENT 'Lowest ask of any live book; null while there is none.',
    ask_quantity     Nullable(Decimal(38, 18)) CODEC(ZSTD(1))
        COMMENT 'Quantity at that ask on its exchange, in base units; null while there is none.',
    ask_exchange     Nullable(String) CODEC(ZSTD(1))
        COMMENT 'Exchange of that ask: of equal prices the one with more behind it; null while there is none.',
    ask_market       Nullable(String) CODEC(ZSTD(1))
        COMMENT 'Market of that ask; null while there is none.',
    mid              Nullable(Decimal(38, 18)) CODEC(ZSTD(1))
        COMMENT '(bid_price + ask_price) / 2, rounded half to even at 18 digits; null while a side is empty.',
    spread           Nullable(Decimal(38, 18)) CODEC(ZSTD(1))
        COMMENT 'ask_price - bid_price, exact: negative while the best bid of one exchange is above the best ask of another; null while a side is empty.',
    spread_bps       Nullable(Decimal(38, 18)) CODEC(ZSTD(1))
        COMMENT 'spread / mid * 10000 in basis points, rounded half to even at 18 digits; null while a side is empty or where the mid is 0.',
    cross_bps        Nullable(Decimal(38, 18)) CODEC(ZSTD(1))
        COMMENT 'How far the best bid of any exchange is above the best ask of any other, in basis points of the middle between the two: positive where one could buy here and sell there; null while fewer than two live books have what it takes.',
    venues           UInt32 CODEC(ZSTD(1))
        COMMENT 'Live books that have a bid or an ask; 0: none is left, and nothing is known of this symbol now.',
    receive_time     DateTime64(6, 'UTC') CODEC(Delta, T64, ZSTD(1))
        COMMENT 'The newest time of receipt of any frame of this symbol and kind that was known then, microseconds since the epoch, UTC.',
    source_topic     String CODEC(ZSTD(3))
        COMMENT 'Event id, part 1: topic of the record that changed it, tops.',
    source_partition UInt32 CODEC(ZSTD(1))
        COMMENT 'Event id, part 2: partition of that record; the event stands in the same partition of its own topic.',
    source_offset    UInt64 CODEC(DoubleDelta, ZSTD(1))
        COMMENT 'Event id, part 3: offset of that record. Ids of one source partition only grow.',
    source_index     UInt32 CODEC(ZSTD(1))
        COMMENT 'Event id, part 4: index among the events of that record, from 0.',
    inserted_time    DateTime('UTC') DEFAULT now() CODEC(ZSTD(1))
        COMMENT 'When the row was stored, UTC.',
    event_id         String ALIAS concat(source_topic, '/', toString(source_partition), '/', leftPad(toString(source_offset), 20, '0'), '/', leftPad(toString(source_index), 6, '0'))
        COMMENT 'The event id as it stands in the record header event_id.'
)
ENGINE = MergeTree
PARTITION BY toDate(receive_time)
ORDER BY (symbol, kind, receive_time, source_offset, source_index)
TTL inserted_time + INTERVAL 365 DAY
SETTINGS
    -- a batch that is sent again within so many inserts is recognised by its token and not stored twice
    non_replicated_deduplication_window = 10000,
    -- whole parts are dropped, nothing is rewritten to forget single rows
    ttl_only_drop_parts = 1
COMMENT 'The best bid and ask of one symbol over all live books of one kind of market, each time it changed.'
