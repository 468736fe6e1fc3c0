"""The demo: the seed's story, told on a local Azure as it really happens."""
