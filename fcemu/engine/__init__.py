"""This package owns the emulator's state, time and threads, and carries out what ``core`` decides."""
