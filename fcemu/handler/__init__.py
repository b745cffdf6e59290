"""What wraps a user's handler, for the emulator's process and for its Python children: the standard library only.

It runs on Python 3.9 and later, because a child may have another Python than the emulator.
"""
