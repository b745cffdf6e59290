"""What fcemu's own API is: its routes, its records, how they stand in JSON. Server and client are made of it."""
