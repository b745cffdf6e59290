"""What wraps a user's handler, for the emulator's process and for its child processes: the standard library only."""
