"""What is known about every field of every resource, said once: ``kinds`` are what values can be, ``rows`` says how a
row is added and what follows from it; the other modules are the tables."""
