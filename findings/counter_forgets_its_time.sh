#!/usr/bin/env bash
# A counter that was to stay for ever is gone soon after it was incremented, and one that was to end stays.
#
# Guess:   incr() changes the number and leaves the time to live, as in Redis and memcached: a counter set
#          with timeout=None stays, one of failed logins ends an hour after the first. The backends
#          of one framework differ in where they keep it, not in what they do.
# Seen:    Django's local memory, which tests run with, keeps the time. Its file and database caches store the new
#          number with the default time of the cache (300 seconds unless set, one here): a counter for ever is
#          gone, without an error, and the count begins anew; where the default is for ever a counter of
#          two seconds never ends. cachelib, which Flask-Caching uses, likewise; incr_version() does so in
#          all of Django's. diskcache keeps the time.
# Version: Django 5.2.9 (6.1.3 likewise), cachelib 0.17.0, diskcache 5.6.3, CPython 3.11 to 3.13
# Source:  django/core/cache/backends/base.py: BaseCache.incr is get() and set() without a timeout; locmem.py
#          has an incr of its own. cachelib/base.py: inc likewise
# Output:
#   | after 3.5 seconds     for ever, default 1 s  2 s, default for ever
#   | locmem incr           there                  gone
#   | locmem incr_version   gone                   there
#   | file incr             gone                   there
#   | file incr_version     gone                   there
#   | database incr         gone                   there
#   | database incr_version gone                   there
#   | cachelib memory       gone                   there
#   | cachelib file         gone                   there
#   | diskcache             there                  gone
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check Django==5.2.9 cachelib==0.17.0 diskcache==5.6.3
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import time

import cachelib
import diskcache
import django
from django.conf import settings
from django.core.cache import caches
from django.core.management import call_command

KINDS = {"locmem": "locmem.LocMemCache", "file": "filebased.FileBasedCache", "database": "db.DatabaseCache"}
BACKENDS = {
    f"{kind}_{default}": {
        "BACKEND": f"django.core.cache.backends.{name}",
        "LOCATION": f"{kind}_{default}",
        "TIMEOUT": default,
    }
    for kind, name in KINDS.items()
    for default in (1, None)
}
DATABASE = {"ENGINE": "django.db.backends.sqlite3", "NAME": "caches.db"}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}, **BACKENDS}
settings.configure(CACHES=CACHES, DATABASES={"default": DATABASE}, USE_TZ=True)
django.setup()
call_command("createcachetable")
made = {}


def count(what, cache, lifetime, increment="incr", **version):
    cache.set(what, 1, **lifetime)
    getattr(cache, increment)(what)
    made.setdefault(what, []).append(lambda: "gone" if cache.get(what, **version) is None else "there")


for default, lifetime in ((1, None), (None, 2)):
    for kind in KINDS:
        count(f"{kind} incr", caches[f"{kind}_{default}"], {"timeout": lifetime})
        count(f"{kind} incr_version", caches[f"{kind}_{default}"], {"timeout": lifetime}, "incr_version", version=2)
for default, lifetime in ((1, 0), (0, 2)):  # Of cachelib, 0 is for ever.
    count("cachelib memory", cachelib.SimpleCache(default_timeout=default), {"timeout": lifetime}, "inc")
    file = cachelib.FileSystemCache(f"cachelib_{default}", default_timeout=default)
    count("cachelib file", file, {"timeout": lifetime}, "inc")
for lifetime in (None, 2):
    count("diskcache", diskcache.Cache(f"diskcache_{lifetime}"), {"expire": lifetime})
time.sleep(3.5)
print(f"{'after 3.5 seconds':21} {'for ever, default 1 s':22} 2 s, default for ever")
for what, (for_ever, for_seconds) in made.items():
    print(f"{what:21} {for_ever():22} {for_seconds()}")
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
