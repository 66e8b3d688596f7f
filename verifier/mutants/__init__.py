"""Planted bugs: a check of the checker.

planted   what a planted bug is; bank, bank_*: all of them
hook      plants one of them in this process, while the module is imported
server    a clean process, from it one with the bug in it, and from that a child for each question
hunt      what the child does: search, shrink, replay
order     which programs are searched first
beside    the search among schedules; preempt: its programs
contract  what the child does for a bug in the device
hunt      asks, and decides what is a kill
"""
