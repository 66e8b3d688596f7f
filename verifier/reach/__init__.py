"""Reach: which lines, sides of branches and pairs of the engine a search took, counted while it runs.

conditions  the text of what each branch asks
ways        all that can be taken, listed from the bytecode
monitor     the seam to `sys.monitoring`
collector   what was taken
roots       the first of what was not
pairs       operations, phases, geometries, faults and steps that met
reasons     why something need not be taken: unreached.toml
seen        all of it as a value that adds up
"""
