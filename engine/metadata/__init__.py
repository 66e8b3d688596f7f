"""The bytes that name a checkpoint: roots, tables, extents, and their order of writing."""
