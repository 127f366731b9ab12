"""What stored data say of a market: statistics as SQL views, for the command line, the gateway and anybody's SQL (docs/analysis.md)."""
