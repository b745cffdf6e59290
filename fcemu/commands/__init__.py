"""What commands do: ``options`` has their groups and kinds of values; the others, a command each, or a few."""
