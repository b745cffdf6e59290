"""The search for what breaks a story: which answers of chance to try, how to shrink what failed, how to tell of it."""
