"""Planted bugs: a check of the checker.

planted   what a planted bug is; bank: all of them
hook      plants one of them in this process, while the module is imported
compiled  the code of the modules that every process with a bug in it imports
server    a clean process, from it one with the bug in it, and from that a child for each question
hunts     what the child does: search, shrink, replay; one module a stage
reach     which programs run what a bug edits
hunt      asks, and decides what is a kill
stressed  the same of bugs in compiled kernels, which stress must find
"""
