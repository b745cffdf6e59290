"""pytest options, marker and fixtures of fcemu."""
