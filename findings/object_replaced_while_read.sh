#!/usr/bin/env bash
# An object that is replaced while a program reads it is read as part of the old one and the rest of the new.
#
# Guess:   An object store replaces an object as a whole, and an open file belongs to one version: its
#          reader gets the old object to the end, or an error (the ETag of the first answer tells).
# Seen:    pyarrow asks for each piece by the name and a range alone, in open_input_file and in
#          open_input_stream, which is thus no stream of one answer; so does open_reader of obstore. They return
#          a piece of the old object and then the new one from there on, without an error, at the old
#          length: what a new object has beyond it is cut off. s3fs raises; smart_open, and stream() of
#          obstore, go on with the old object.
# Version: pyarrow 26.0.1, obstore 0.12.1, s3fs 2026.9.0, smart_open 9.0.2, moto 5.2.5, CPython 3.11 to 3.13
# Source:  Amazon S3, "GetObject": If-Match; arrow/filesystem/s3fs.cc: ObjectInputFile::ReadAt sends a Range only
# Output:
#   | pyarrow, open_input_file    1 of A, 15 of B
#   | pyarrow, open_input_stream  1 of A, 15 of B
#   | obstore, open_reader        1 of A, 15 of B
#   | obstore, stream()           16 of A, 0 of B
#   | smart_open                  16 of A, 0 of B
#   | s3fs                        FileExpired
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pyarrow==26.0.1 obstore==0.12.1 s3fs==2026.9.0 smart_open==9.0.2 boto3==1.43.117 moto==5.2.5 flask==3.1.3 flask-cors==6.0.5 PyYAML==6.0.4
cd "$folder"
export AWS_ACCESS_KEY_ID=key AWS_SECRET_ACCESS_KEY=secret AWS_DEFAULT_REGION=us-east-1
venv/bin/python - >seen.txt 2>log.txt <<'PROGRAM' || { cat log.txt >&2; exit 1; }
import boto3
import obstore
import obstore.store
import pyarrow.fs
import s3fs
import smart_open
from moto.server import ThreadedMotoServer

PIECE = 1 << 20
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
url = f"http://{host}:{port}"
client = boto3.client("s3", endpoint_url=url)
client.create_bucket(Bucket="bucket")


def put(letter, pieces):
    client.put_object(Bucket="bucket", Key="key", Body=letter * (PIECE * pieces))


def arrow():
    return pyarrow.fs.S3FileSystem(endpoint_override=f"{host}:{port}", scheme="http", access_key="key", secret_key="secret")


def store():
    return obstore.store.S3Store("bucket", endpoint=url, client_options={"allow_http": True}, virtual_hosted_style_request=False)


def parts(file):
    yield file.read(PIECE)
    yield file.read(15 * PIECE)


def show(label, make):
    put(b"A", 16)
    try:
        pieces = make()
        data = bytes(next(pieces))
        put(b"B", 20)
        for piece in pieces:
            data += bytes(piece)
        print(f"{label:27}", ", ".join(f"{data.count(letter) // PIECE} of {letter.decode()}" for letter in (b"A", b"B")))
    except Exception as error:
        print(f"{label:27}", type(error).__name__)


show("pyarrow, open_input_file", lambda: parts(arrow().open_input_file("bucket/key")))
show("pyarrow, open_input_stream", lambda: parts(arrow().open_input_stream("bucket/key")))
show("obstore, open_reader", lambda: parts(obstore.open_reader(store(), "key", buffer_size=PIECE)))
show("obstore, stream()", lambda: iter(obstore.get(store(), "key").stream(min_chunk_size=PIECE)))
show("smart_open", lambda: parts(smart_open.open("s3://bucket/key", "rb", transport_params={"client": client})))
show("s3fs", lambda: parts(s3fs.S3FileSystem(endpoint_url=url).open("bucket/key", block_size=PIECE)))
server.stop()
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
