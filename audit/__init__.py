"""The proof: everything made again of the raw topics with the live code, and held against what ClickHouse has."""
