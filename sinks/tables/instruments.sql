-- What exchanges say of their instruments: one row each time that was new, so a history. The latest row with
-- seen_time <= t is what an instrument was at t.
-- Columns are named as the Avro fields and hold exactly what those say. Codecs, LowCardinality and no Enum: as in trades.sql.
-- Rows are kept for ever: what an instrument was when an event happened has to be found as long as the event.
CREATE TABLE IF NOT EXISTS {database}.instruments
(
    exchange      LowCardinality(String) CODEC(ZSTD(1))
        COMMENT 'Exchange, lower case: binance.',
    market        LowCardinality(String) CODEC(ZSTD(1))
        COMMENT 'Market of the exchange: spot, usdm, coinm, linear, inverse, swap, futures or option.',
    symbol        String CODEC(ZSTD(3))
        COMMENT 'Instrument as BASE-QUOTE: BTC-USDT.',
    wire_symbol   String CODEC(ZSTD(3))
        COMMENT 'The exchange''s own spelling: BTCUSDT.',
    base          LowCardinality(String) CODEC(ZSTD(1))
        COMMENT 'Base currency: BTC.',
    quote         LowCardinality(String) CODEC(ZSTD(1))
        COMMENT 'Quote currency: USDT.',
    settle        LowCardinality(String) CODEC(ZSTD(1))
        COMMENT 'Currency in which profit and loss are paid; empty on spot markets.',
    tick          Decimal(38, 18) CODEC(ZSTD(1))
        COMMENT 'Smallest step of a price.',
    lot           Decimal(38, 18) CODEC(ZSTD(1))
        COMMENT 'Smallest step of a quantity, in the exchange''s own unit: contracts where it trades contracts, else base units.',
    contract_size Nullable(Decimal(38, 18)) CODEC(ZSTD(1))
        COMMENT 'What one contract is: base units, or quote units where inverse is true; null where the exchange does not trade contracts.',
    inverse       Bool CODEC(ZSTD(1))
        COMMENT 'True where a contract is an amount of the quote currency: its base units depend on the price.',
    trading       Bool CODEC(ZSTD(1))
        COMMENT 'True while it is open for normal trading.',
    status        LowCardinality(String) CODEC(ZSTD(1))
        COMMENT 'The exchange''s own word for its state: TRADING, live, online.',
    expiry_time   Nullable(DateTime64(6, 'UTC')) CODEC(ZSTD(1))
        COMMENT 'When it expires, microseconds since the epoch, UTC; null where it does not.',
    listed        Bool CODEC(ZSTD(1))
        COMMENT 'False when the exchange lists it no more; the other fields are then as they were last.',
    seen_time     DateTime64(6, 'UTC') CODEC(Delta, T64, ZSTD(1))
        COMMENT 'When the exchange was asked, microseconds since the epoch, UTC.',
    inserted_time DateTime('UTC') DEFAULT now() CODEC(ZSTD(1))
        COMMENT 'When the row was stored, UTC.'
)
ENGINE = MergeTree
ORDER BY (exchange, market, symbol, seen_time)
SETTINGS
    -- a batch that is sent again within so many inserts is recognised by its token and not stored twice
    non_replicated_deduplication_window = 10000
COMMENT 'What an exchange''s own metadata says of one instrument, from seen_time on until the next record of the same instrument.'
