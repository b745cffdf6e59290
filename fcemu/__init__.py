"""fcemu: a local emulator of Alibaba Cloud Function Compute on a virtual clock."""

__all__ = ["__version__"]

__version__ = "0.1.0"
