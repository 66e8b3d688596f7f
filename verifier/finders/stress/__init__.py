"""Stress: sessions on real threads over a store whose pages turn, and a check that nothing is lost.

stamps     words that say which operation wrote them
ledger     what one session did
judge      whether a store holds what the ledgers say
writer     one session at work
life       one opening of a store, its threads, and its judgement
campaign   rounds of lives, until there was enough
amounts    the names of what there can be enough of
"""
