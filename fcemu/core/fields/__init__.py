"""This package says once what is known about every field of every resource.

``kinds`` are what values can be, ``rows`` says how a row is added and what follows from it; the other modules are the
tables.
"""
