-- What the data lack: one row when a gap opens and one when it closes, joined by gap. The view gaps_now has one row a gap.
-- Columns are named as the Avro fields and hold exactly what those say. Few rows: codecs are plain.
-- Events are kept for 365 days after they were stored, not after they happened: a replayed old recording stays.
CREATE TABLE IF NOT EXISTS {database}.gaps
(
    exchange         LowCardinality(String) CODEC(ZSTD(1))
        COMMENT 'Exchange, lower case: binance.',
    market           LowCardinality(String) CODEC(ZSTD(1))
        COMMENT 'Market of the exchange: spot, usdm, coinm, linear, inverse, swap, futures or option.',
    symbol           LowCardinality(String) CODEC(ZSTD(1))
        COMMENT 'Instrument as BASE-QUOTE: BTC-USDT.',
    source           String CODEC(ZSTD(3))
        COMMENT 'How the raw record came in: ws (the socket), poll (asked over REST while no socket served it) or backfill (asked over REST later, to fill a gap).',
    gap              String CODEC(ZSTD(1))
        COMMENT 'Which gap: the event id of the event that opened it.',
    stream           LowCardinality(String) CODEC(ZSTD(1))
        COMMENT 'What is not whole: book, trades, or the exchange''s own name of another stream.',
    phase            String CODEC(ZSTD(3))
        COMMENT 'What happens to the gap: opened or closed. One event each; the second one says all that the first did.',
    cause            LowCardinality(String) CODEC(ZSTD(1))
        COMMENT 'Why: sequence, checksum, disconnect, silent, crossed, producer, unreadable, restart or time.',
    expected         Nullable(String) CODEC(ZSTD(1))
        COMMENT 'What should have come: the number that follows, the exchange''s checksum; null where nothing tells.',
    seen             Nullable(String) CODEC(ZSTD(1))
        COMMENT 'What came instead; null where nothing did.',
    first_trade_id   Nullable(Int64) CODEC(ZSTD(1))
        COMMENT 'First missing number of an instrument whose trades are counted; null elsewhere.',
    last_trade_id    Nullable(Int64) CODEC(ZSTD(1))
        COMMENT 'Last missing number of an instrument whose trades are counted; null elsewhere.',
    missed           Nullable(Int64) CODEC(ZSTD(1))
        COMMENT 'How many numbers are missing: at first, and in the closing event still; null where nothing counts.',
    attempts         Int64 CODEC(ZSTD(1))
        COMMENT 'What was tried so far: images that came for a book, trades that came later for a gap of trades.',
    opened_time      DateTime64(6, 'UTC') CODEC(ZSTD(1))
        COMMENT 'When the last frame before the gap was received, microseconds since the epoch, UTC.',
    closed_time      Nullable(DateTime64(6, 'UTC')) CODEC(ZSTD(1))
        COMMENT 'When the frame that closed it was received, microseconds since the epoch, UTC; null while it is open.',
    since_time       Nullable(DateTime64(6, 'UTC')) CODEC(ZSTD(1))
        COMMENT 'Exchange time of the last trade before the gap, microseconds since the epoch, UTC; null of other streams.',
    until_time       Nullable(DateTime64(6, 'UTC')) CODEC(ZSTD(1))
        COMMENT 'Exchange time of the first trade after the gap, microseconds since the epoch, UTC; null of other streams and where it is not known yet.',
    healed           LowCardinality(String) CODEC(ZSTD(1))
        COMMENT 'How it closed: snapshot (asked of REST), image (in the stream), backfill, late (the trades came after all), resumed (the stream went on), or none.',
    complete         Bool CODEC(ZSTD(1))
        COMMENT 'Whether nothing is missing any more. False while it is open; of a stream that merely went on, false for good.',
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
ORDER BY (exchange, market, symbol, receive_time, source_offset, source_index)
TTL inserted_time + INTERVAL 365 DAY
SETTINGS
    -- a batch that is sent again within so many inserts is recognised by its token and not stored twice
    non_replicated_deduplication_window = 10000,
    -- whole parts are dropped, nothing is rewritten to forget single rows
    ttl_only_drop_parts = 1
COMMENT 'One gap opens or closes: what an instrument''s data lack, why, and what became of it.'
--;
-- How each gap stands: its closing event where there is one, else the event that opened it.
CREATE OR REPLACE VIEW {database}.gaps_now AS
SELECT *
FROM {database}.gaps
ORDER BY phase = 'closed' DESC, source_offset DESC, source_index DESC
LIMIT 1 BY exchange, market, symbol, gap
