-- How much of one instrument was traded at which price: buckets of the width step, from low_price to high_price (exclusive), those
-- in which nothing was traded left out. Sums are exact.
-- poc: the bucket of the greatest volume, the lowest of equal ones. value_area: from it the area grows by the greater of the two
-- neighbours that are traded in, the upper one of equal ones, until it holds 70 % of the volume.
CREATE OR REPLACE VIEW {database}.volume_profile AS
SELECT
    bucket.1 AS low_price,
    toDecimal128(bucket.1 + toDecimal256({step:Decimal(38, 18)}, 18), 18) AS high_price,
    bucket.2 AS volume,
    bucket.3 AS buy_volume,
    bucket.4 AS sell_volume,
    bucket.5 AS quote_volume,
    bucket.6 AS trades,
    number = poc_number AS poc,
    number BETWEEN area.1 AND area.2 AS value_area
FROM
(
    SELECT
        arraySort(groupArray((low_price, volume, buy_volume, sell_volume, quote_volume, trades))) AS buckets,
        arrayMap(bucket -> bucket.2, buckets) AS volumes,
        toInt64(length(volumes)) AS count,
        toInt64(indexOf(volumes, arrayMax(volumes))) AS poc_number,
        arrayFold(
            (area, number) -> multiIf(
                area.3 * 10 >= total * 7,
                    area,
                area.2 < count AND (area.1 = 1 OR volumes[area.2 + 1] >= volumes[area.1 - 1]),
                    (area.1, area.2 + 1, area.3 + volumes[area.2 + 1]),
                (area.1 - 1, area.2, area.3 + volumes[area.1 - 1])
            ),
            range(count - 1),
            (poc_number, poc_number, volumes[poc_number])
        ) AS area,
        sum(volume) AS total
    FROM
    (
        SELECT
            toDecimal128(
                floor(toDecimal256(price, 18) / {step:Decimal(38, 18)}) * toDecimal256({step:Decimal(38, 18)}, 18), 18
            ) AS low_price,
            sum(toDecimal256(quantity, 18)) AS volume,
            sumIf(toDecimal256(quantity, 18), side = 'BUY') AS buy_volume,
            sumIf(toDecimal256(quantity, 18), side = 'SELL') AS sell_volume,
            sum(quote_quantity) AS quote_volume,
            count() AS trades
        FROM {database}.trades_between(since = {since:String}, until = {until:String})
        WHERE exchange = {exchange:String} AND market = {market:String} AND symbol = {symbol:String}
        GROUP BY low_price
    )
)
ARRAY JOIN buckets AS bucket, arrayEnumerate(buckets) AS number
ORDER BY low_price
