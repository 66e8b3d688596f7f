#!/usr/bin/env bash
# After an upgrade of an HTTP cache, an answer that was not to be stored is stored, and given to later requests.
#
# Guess:   A cache for an HTTP client goes by Cache-Control and Vary; a new release of it does, too, and a
#          request with no-cache asks the server.
# Seen:    hishel 1.4.0 does. In 2.0.0 the same calls store each answer, whatever it says: no-store,
#          no-cache, max-age=0, or no word at all. They return CSV to a request for JSON, although the answer
#          varies by Accept, and the old answer to a request that says no-cache; nothing is logged.
#          The rules of HTTP are an option now, rfc=True, and it is off.
# Version: hishel 1.4.0 and 2.0.0 with httpx 0.28.1, CPython 3.11 to 3.13
# Source:  hishel/httpx/_sync.py, CacheConfig: rfc, by default False; RFC 9111, 3, 4.1 and 5.2
# Output:
#   | 1.4.0        none      1:csv 2:csv
#   | 1.4.0        no-store  1:csv 2:csv
#   | 1.4.0        no-cache  1:csv 2:csv
#   | 1.4.0        expired   1:csv 2:csv
#   | 1.4.0        varies    1:csv 2:json
#   | 1.4.0        refreshed 3:csv
#   | 2.0.0        none      1:csv 1:csv
#   | 2.0.0        no-store  1:csv 1:csv
#   | 2.0.0        no-cache  1:csv 1:csv
#   | 2.0.0        expired   1:csv 1:csv
#   | 2.0.0        varies    1:csv 1:csv
#   | 2.0.0        refreshed 1:csv
#   | 2.0.0, rfc   none      1:csv 2:csv
#   | 2.0.0, rfc   no-store  1:csv 2:csv
#   | 2.0.0, rfc   no-cache  1:csv 2:csv
#   | 2.0.0, rfc   expired   1:csv 2:csv
#   | 2.0.0, rfc   varies    1:csv 2:json
#   | 2.0.0, rfc   refreshed 3:csv
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat >program.py <<'PROGRAM'
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import hishel.httpx

CONTROLS = {"none": "", "no-store": "no-store", "no-cache": "no-cache", "expired": "max-age=0", "varies": "max-age=999"}


class Handler(BaseHTTPRequestHandler):
    protocol_version, count = "HTTP/1.1", 0

    def do_GET(self):
        Handler.count += 1
        body = f"{Handler.count}:{self.headers['Accept']}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Vary", "Accept")
        if control := CONTROLS[self.path[1:]]:
            self.send_header("Cache-Control", control)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
options = {"rfc": True} if "rfc" in sys.argv[1:] else {}
client = getattr(hishel.httpx, "SyncCacheClient", None) or hishel.httpx.CacheClient
with client(**options) as session:

    def ask(name, **headers):
        return session.get(f"http://127.0.0.1:{server.server_port}/{name}", headers=headers).text

    for name in CONTROLS:
        Handler.count = 0
        second = "json" if name == "varies" else "csv"
        print(f"{sys.argv[1]:12} {name:9}", ask(name, Accept="csv"), ask(name, Accept=second))
    print(f"{sys.argv[1]:12} {'refreshed':9}", ask("varies", Accept="csv", **{"Cache-Control": "no-cache"}))
PROGRAM
for release in 1.4.0 2.0.0; do
    "${PYTHON:-python3}" -m venv "venv-$release"
done
venv-1.4.0/bin/pip install --quiet --disable-pip-version-check hishel==1.4.0 httpx==0.28.1 anyio==4.16.0 anysqlite==0.0.5
venv-2.0.0/bin/pip install --quiet --disable-pip-version-check hishel==2.0.0 httpx==0.28.1 anyio==4.16.0 anysqlite==0.0.5
for release in 1.4.0 2.0.0; do
    (mkdir "run-$release" && cd "run-$release" && "../venv-$release/bin/python" ../program.py "$release")
done >seen.txt
(mkdir run-rfc && cd run-rfc && ../venv-2.0.0/bin/python ../program.py "2.0.0, rfc" rfc) >>seen.txt
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
