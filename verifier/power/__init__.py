"""Power: how many bugs that nobody chose the gate and the tests tell, by a sample.

source     a module as text and tree; operators: what is changed in it
generic    the mutants of a folder, each with its name and its place
draw       a sample of them, by seed, module by module
equivalent those that nobody can see, with the reason why
sieve      many mutants at once, and which of them it was
hunt       mutants through the stages of the gate; suite: through the tests
tally      what came of a sample, and how sure that is; telling: as text
"""
