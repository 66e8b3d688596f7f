"""From kernel sources to machine code: the dialect, its translation, the cache."""
