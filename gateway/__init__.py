"""The way in from outside: REST, websocket and dashboard over the event topics and ClickHouse (docs/gateway.md)."""
