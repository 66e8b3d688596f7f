"""Programs of any kind: recorded on real files, and judged by what they read after a power cut."""
