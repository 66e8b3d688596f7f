"""Shared set-up of all tests: the profiles of Hypothesis.

Both settings that Hypothesis changes by itself where CI is set, `derandomize` and `database`, are named in
every profile: a test does the same on a developer's machine as in CI. No deadline, for tests are not timed.

    quick    the default: the same examples in every run
    nightly  `pytest --hypothesis-profile nightly`: new examples in every run, the failing ones are kept
"""

from hypothesis import settings
from hypothesis.database import DirectoryBasedExampleDatabase

settings.register_profile(
    "quick", derandomize=True, database=None, deadline=None, max_examples=100, print_blob=True
)
settings.register_profile(
    "nightly",
    derandomize=False,
    database=DirectoryBasedExampleDatabase(".hypothesis/examples"),
    deadline=None,
    max_examples=2_000,
    print_blob=True,
)
settings.load_profile("quick")
