"""The crash states that a power cut may leave of a trace: version chains and the survival laws."""
