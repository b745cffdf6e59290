"""Where the journal goes: memory, or an SQLite file with group commit."""
