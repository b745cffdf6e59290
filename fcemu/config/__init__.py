"""The YAML file: read, checked, turned into definitions."""
