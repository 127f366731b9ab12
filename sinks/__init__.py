"""Events from Kafka into ClickHouse, exactly once, and a way to ask ClickHouse from the command line."""
