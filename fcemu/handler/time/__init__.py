"""Virtual time for handlers: what is replaced in Python so that a handler reads and waits on its own clock."""
