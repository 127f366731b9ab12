"""Coinbase: the Exchange feed, and Advanced Trade. Both show one order book, in two languages."""

from venues.coinbase.advanced import CoinbaseAdvanced
from venues.coinbase.exchange import CoinbaseExchange

__all__ = ["CoinbaseAdvanced", "CoinbaseExchange"]
