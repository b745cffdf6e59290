"""Queues, topics and buses: what arrives there, and MNS, whose clients consume it."""
