"""Finders: what is searched, one module or package a stage."""
