"""MNS's HTTP API is here, and fcemu's own routes to what arrived at queues, topics and buses."""
