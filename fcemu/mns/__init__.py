"""This package has the queues, topics and buses where reports arrive, and MNS, whose clients consume them."""
