"""Programs that are no part of fcemu's own process: what Node.js children run, and the guardian of all processes."""
