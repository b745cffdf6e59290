"""fcemu: a local emulator of Alibaba Cloud Function Compute on a virtual clock."""
