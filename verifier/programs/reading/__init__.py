"""A command that reads: asked in a real folder that shows one crash state after the other."""
