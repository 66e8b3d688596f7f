"""FasterKv on the bench: the only folder besides kill and stress that opens the engine."""
