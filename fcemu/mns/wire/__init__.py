"""MNS's HTTP API, and fcemu's own routes to what arrived at queues, topics and buses."""
