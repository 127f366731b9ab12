-- Each two venues (exchange and market) of a symbol, in the full seconds in which both have a live top.
-- mean_bps, min_bps, max_bps: of (mid - other mid) / other mid, in basis points, cut off after 18 digits. crossed_percent: part of those
-- seconds in which one bids more than the other asks. correlation (Float64): of the log returns of both mids from each second to
-- the next; null where one of them never moved.
CREATE OR REPLACE VIEW {database}.venue_differences AS
SELECT
    symbol,
    exchange,
    market,
    other_exchange,
    other_market,
    count() AS seconds,
    sum(difference_bps) / count() AS mean_bps,
    min(difference_bps) AS min_bps,
    max(difference_bps) AS max_bps,
    toDecimal256(countIf(crossed) * 100, 18) / count() AS crossed_percent,
    if(isFinite(corr(move, other_move)), corr(move, other_move), NULL) AS correlation
FROM
(
    SELECT
        symbol,
        pair.1.1 AS exchange,
        pair.1.2 AS market,
        pair.2.1 AS other_exchange,
        pair.2.2 AS other_market,
        divideDecimal(
            (toDecimal256(pair.1.5, 18) - toDecimal256(pair.2.5, 18)) * 10000, toDecimal256(pair.2.5, 18), 18
        ) AS difference_bps,
        pair.1.3 > pair.2.4 OR pair.2.3 > pair.1.4 AS crossed,
        pair.1.6 AS move,
        pair.2.6 AS other_move
    FROM
    (
        SELECT
            symbol,
            second_time,
            arraySort(venue -> (venue.1, venue.2), groupArray((exchange, market, bid_price, ask_price, mid, move))) AS venues
        FROM
        (
            SELECT
                *,
                lagInFrame(toNullable(second_time)) OVER before AS second_before,
                lagInFrame(mid) OVER before AS mid_before,
                if(
                    second_before = second_time - INTERVAL 1 SECOND, log(toFloat64(mid) / toFloat64(mid_before)), NULL
                ) AS move
            FROM {database}.tops_by_second(since = {since:String}, until = {until:String})
            WINDOW before AS
            (
                PARTITION BY symbol, exchange, market
                ORDER BY second_time
                ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
            )
        )
        GROUP BY symbol, second_time
        HAVING count() > 1
    )
    ARRAY JOIN arrayFlatten(arrayMap(
        number -> arrayMap(other -> (venues[number], venues[other]), range(number + 1, length(venues) + 1)),
        range(1, length(venues))
    )) AS pair
)
GROUP BY symbol, exchange, market, other_exchange, other_market
