-- What rules have said: one row when what a rule watches for begins and one when it ends, of each instrument.
-- Columns are named as the Avro fields and hold exactly what those say. Few rows: codecs are plain.
-- Events are kept for 365 days after they were stored, not after they happened: a replayed old recording stays.
CREATE TABLE IF NOT EXISTS {database}.alerts
(
    exchange         LowCardinality(String) CODEC(ZSTD(1))
        COMMENT 'Exchange, lower case: binance; consolidated for what is seen over all exchanges.',
    market           LowCardinality(String) CODEC(ZSTD(1))
        COMMENT 'Market of the exchange: spot, usdm, coinm, linear, inverse, swap, futures or option; of what is seen over all exchanges spot, perpetual, future or option.',
    symbol           LowCardinality(String) CODEC(ZSTD(1))
        COMMENT 'Instrument as BASE-QUOTE: BTC-USDT.',
    alert            String CODEC(ZSTD(3))
        COMMENT 'Which alert: id of the rule and id of what caused it, joined by a colon. The same one always has the same.',
    rule             LowCardinality(String) CODEC(ZSTD(1))
        COMMENT 'Id of the rule.',
    rule_name        LowCardinality(String) CODEC(ZSTD(1))
        COMMENT 'What the rule is called.',
    kind             LowCardinality(String) CODEC(ZSTD(1))
        COMMENT 'What the rule watches for: price_crosses, change_percent, spread_bps_over, volume_spike, gap_opened, feed_stale or cross_venue.',
    state            LowCardinality(String) CODEC(ZSTD(1))
        COMMENT 'fired: it has begun. cleared: it has ended.',
    direction        Nullable(String) CODEC(ZSTD(1))
        COMMENT 'up or down where the rule is about a price that moves; null elsewhere.',
    value            Nullable(Decimal(38, 18)) CODEC(ZSTD(1))
        COMMENT 'What was measured: the price, the percentage, the basis points, the quantity, the seconds; null where nothing is.',
    threshold        Nullable(Decimal(38, 18)) CODEC(ZSTD(1))
        COMMENT 'What it was compared with, in the same unit; null where nothing is.',
    message          String CODEC(ZSTD(3))
        COMMENT 'The same in one sentence.',
    dashboard        Bool CODEC(ZSTD(1))
        COMMENT 'Whether the dashboard shall call attention to it.',
    receive_time     DateTime64(6, 'UTC') CODEC(Delta, T64, ZSTD(1))
        COMMENT 'When the frame behind it was received, microseconds since the epoch, UTC; of a feed that is silent: when it had been silent for too long.',
    source_topic     String CODEC(ZSTD(3))
        COMMENT 'Event id, part 1: topic of the event that caused it, clock where nothing came.',
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
ORDER BY (exchange, market, symbol, receive_time, source_offset, source_index)
TTL inserted_time + INTERVAL 365 DAY
SETTINGS
    -- a batch that is sent again within so many inserts is recognised by its token and not stored twice
    non_replicated_deduplication_window = 10000,
    -- whole parts are dropped, nothing is rewritten to forget single rows
    ttl_only_drop_parts = 1
COMMENT 'One rule says that what it watches for has begun or has ended, of one instrument.'
