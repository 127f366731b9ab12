-- Best bid and ask: one row each time the top of a built book changed (origin book), one for each best-bid-ask frame of the
-- exchange (origin ticker).
-- Columns are named as the Avro fields and hold exactly what those say.
--
-- Codecs chosen by measured bytes a row on recorded Binance events: 25.8 with the default codecs,
-- 13.1 with ZSTD alone, 11.6 with these.
-- LowCardinality is for what people group by: it makes an insert slower by a quarter of a microsecond a value (of 3), and a
-- String with few values takes hardly more room. No Enum: a symbol that a later schema adds must not be refused.
-- Events are kept for 365 days after they were stored, not after they happened: a replayed old recording stays.
CREATE TABLE IF NOT EXISTS {database}.spreads
(
    exchange         LowCardinality(String) CODEC(ZSTD(1))
        COMMENT 'Exchange, lower case: binance.',
    market           LowCardinality(String) CODEC(ZSTD(1))
        COMMENT 'Market of the exchange: spot, usdm, coinm, linear, inverse, swap, futures or option.',
    symbol           LowCardinality(String) CODEC(ZSTD(1))
        COMMENT 'Instrument as BASE-QUOTE: BTC-USDT.',
    origin           String CODEC(ZSTD(3))
        COMMENT 'book: from the built book, one event for each applied diff after which price or quantity of the best bid or ask differs from the event before. ticker: the exchange''s own best-bid-ask frame, one event a frame.',
    source           String CODEC(ZSTD(3))
        COMMENT 'How the raw record came in: ws (the socket), poll (asked over REST while no socket served it) or backfill (asked over REST later, to fill a gap).',
    state            String CODEC(ZSTD(3))
        COMMENT 'Whether the book behind the event can be trusted: only live can. An exchange''s own best bid and ask is live.',
    update_id        Int64 CODEC(Delta, T64, ZSTD(1))
        COMMENT 'The exchange''s update id at which this top stands; equal ids of both origins have equal tops.',
    bid_price        Nullable(Decimal(38, 18)) CODEC(ZSTD(1))
        COMMENT 'Best bid; null while nobody bids.',
    bid_quantity     Nullable(Decimal(38, 18)) CODEC(ZSTD(1))
        COMMENT 'Quantity at the best bid, in base units; null while nobody bids.',
    ask_price        Nullable(Decimal(38, 18)) CODEC(ZSTD(1))
        COMMENT 'Best ask; null while nobody asks.',
    ask_quantity     Nullable(Decimal(38, 18)) CODEC(ZSTD(1))
        COMMENT 'Quantity at the best ask, in base units; null while nobody asks.',
    mid              Nullable(Decimal(38, 18)) CODEC(ZSTD(1))
        COMMENT '(bid_price + ask_price) / 2, rounded half to even at 18 digits; null while a side is empty.',
    spread           Nullable(Decimal(38, 18)) CODEC(ZSTD(1))
        COMMENT 'ask_price - bid_price, exact; null while a side is empty.',
    spread_bps       Nullable(Decimal(38, 18)) CODEC(ZSTD(1))
        COMMENT 'spread / mid * 10000 in basis points, rounded half to even at 18 digits; null while a side is empty or where the mid is 0.',
    exchange_time    Nullable(DateTime64(6, 'UTC')) CODEC(ZSTD(1))
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
ORDER BY (exchange, market, symbol, receive_time, source_offset, source_index)
TTL inserted_time + INTERVAL 365 DAY
SETTINGS
    -- a batch that is sent again within so many inserts is recognised by its token and not stored twice
    non_replicated_deduplication_window = 10000,
    -- whole parts are dropped, nothing is rewritten to forget single rows
    ttl_only_drop_parts = 1
COMMENT 'The top of one book: its best bid and ask and the spread between them.'
