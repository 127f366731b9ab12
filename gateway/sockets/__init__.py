"""The websocket: what clients ask for, what they get, each message made once for all of them (docs/gateway.md)."""
