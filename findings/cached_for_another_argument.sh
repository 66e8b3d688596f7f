#!/usr/bin/env bash
# A cached function returns the result of another argument.
#
# Guess:   A decorator that caches a function tells its arguments apart as a dict would, by value, or refuses
#          those that it cannot: two arrays of other numbers are two keys, and so are 1 and "1".
# Seen:    Six make the key of what str() or repr() show. Of an array above 1000 numbers that is
#          the first three, dots and the last three: two series that differ in the middle are one, and
#          the second is given the sum of the first. dogpile.cache and Beaker put blanks between arguments,
#          so that 1 and "1", ("a b", "c") and ("a", "b c") are one as well; cashews takes 1 and "1" for
#          one. No error. diskcache, which pickles, is as guessed.
# Version: dogpile.cache 1.5.0, Beaker 1.14.1, cashews 7.6.0, aiocache 0.12.3, percache 0.4.4,
#          Flask-Caching 2.5.1, diskcache 5.6.3, numpy 2.4.6, CPython 3.11 to 3.13
# Source:  dogpile/cache/util.py: function_key_generator joins str() of the arguments; numpy documentation,
#          set_printoptions: threshold, from which an array is summarized
# Output:
#   | decorator      middle of an array  1 and "1"  "a b", "c" and "a", "b c"
#   | dogpile.cache  WRONG               WRONG      WRONG
#   | Beaker         WRONG               WRONG      WRONG
#   | cashews        WRONG               WRONG      right
#   | aiocache       WRONG               right      right
#   | percache       WRONG               right      right
#   | Flask-Caching  WRONG               right      right
#   | diskcache      right               right      right
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check dogpile.cache==1.5.0 Beaker==1.14.1 cashews==7.6.0 aiocache==0.12.3 percache==0.4.4 Flask-Caching==2.5.1 diskcache==5.6.3 numpy==2.4.6
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import asyncio
import inspect

import aiocache
import cashews
import diskcache
import flask
import flask_caching
import numpy
import percache
from beaker.cache import CacheManager
from dogpile.cache import make_region

series = numpy.arange(2000)
PAIRS = {
    "middle of an array": ((series,), (numpy.where(series == 1000, 0, series),)),
    '1 and "1"': ((1,), ("1",)),
    '"a b", "c" and "a", "b c"': (("a b", "c"), ("a", "b c")),
}
application = flask.Flask("application")
memory = cashews.Cache()
memory.setup("mem://")
DECORATORS = {
    "dogpile.cache": make_region().configure("dogpile.cache.memory").cache_on_arguments(),
    "Beaker": CacheManager(type="memory").cache("space"),
    "cashews": memory(ttl="1h"),
    "aiocache": aiocache.cached(),
    "percache": percache.Cache("percache"),
    "Flask-Caching": flask_caching.Cache(application, config={"CACHE_TYPE": "SimpleCache"}).memoize(),
    "diskcache": diskcache.Cache("diskcache").memoize(),
}


def computed(*arguments):
    return [value.sum() if isinstance(value, numpy.ndarray) else repr(value) for value in arguments]


def plain(a, b=None):
    return computed(a, b)


async def awaited(a, b=None):
    return computed(a, b)


async def told(name, first, second):
    call = DECORATORS[name](awaited if name in ("cashews", "aiocache") else plain)
    found = [await value if inspect.isawaitable(value := call(*given)) else value for given in (first, second)]
    return "right" if found[1] == computed(*second, *[None] * (2 - len(second))) else "WRONG"


async def main():
    print("decorator    ", *PAIRS, sep="  ")
    for name in DECORATORS:
        cells = [f"{await told(name, *pair):{len(what)}}" for what, pair in PAIRS.items()]
        print(f"{name:13}  {'  '.join(cells)}".rstrip())


with application.app_context():
    asyncio.run(main())
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
