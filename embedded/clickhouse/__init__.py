"""ClickHouse on one machine: one process owns the data folder of the ``chdb`` engine and speaks ClickHouse's HTTP interface."""
