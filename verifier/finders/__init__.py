"""Finders: searches of what can go wrong, one module or package a stage."""
