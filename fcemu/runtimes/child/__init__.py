"""Programs inside the children. They run without fcemu: its files are loaded by their paths (``python_main.py``)."""
