#!/usr/bin/env bash
# A document is not found by its own id or time, and so an update stores it twice.
#
# Guess:   A search engine finds a document by the time that it gives for it, and by a text that is all of
#          a field; delete_documents_by_term(field, value) deletes the documents that have the value.
# Seen:    tantivy keeps 12:00:00.2 and indexes 12:00:00: a range from .1 to .3, or from .1 to the next
#          minute, is empty, without an error, so a reader that goes on from the last time seen misses what
#          follows. In a text field of the default tokenizer a word of 40 bytes or more is left out: the hash
#          of a file is never found. delete_documents_by_term() takes its value as it is, while the field
#          holds words in lower case: deleting "Old-One" deletes nothing, delete and add, as an update is
#          written, leaves every old document, and "old" deletes them all. With tokenizer_name="raw" ids are as guessed.
# Version: tantivy 0.27.0, CPython 3.11 to 3.13
# Source:  tantivy, schema/date_time_options.rs: DATE_TIME_PRECISION_INDEXED is seconds; TokenizerManager:
#          the default one removes tokens that are too long
# Output:
#   | tokenizer                            default raw
#   | found by an id of 39 letters              1   1
#   | found by an id of 40 letters              0   1
#   | time that the document gives: 12:00:00.200000
#   | found from 12:00:00.1 to 12:00:00.3       0   0
#   | found from 12:00:00.1 to 12:01:00         0   0
#   | found from 12:00:00 to 12:00:00           1   1
#   | documents after two updates               3   1
#   | documents after deleting "old"            0   1
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tantivy==0.27.0
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import datetime

import tantivy

UTC = datetime.timezone.utc


class Documents:
    def __init__(self, tokenizer):
        builder = tantivy.SchemaBuilder()
        builder.add_text_field("id", tokenizer_name=tokenizer)
        builder.add_date_field("at", stored=True, indexed=True)
        self.index = tantivy.Index(builder.build())

    def change(self, deleted, added=None, fraction=0):
        writer = self.index.writer()
        writer.delete_documents_by_term("id", deleted)
        if added:
            time = datetime.datetime(2026, 1, 1, 12, 0, 0, fraction, tzinfo=UTC)
            writer.add_document(tantivy.Document(id=added, at=time))
        writer.commit()
        self.index.reload()
        return self

    def found(self, question):
        searcher = self.index.searcher()
        return [searcher.doc(place) for _, place in searcher.search(self.index.parse_query(question, ["id"])).hits]

    def between(self, first, last):
        return len(self.found(f"at:[2026-01-01T12:{first}Z TO 2026-01-01T12:{last}Z]"))

    def count(self):
        return self.index.searcher().num_docs


def say(what, ask):
    print(f"{what:36} {ask('default'):>6} {ask('raw'):>3}")


say("tokenizer", str)
for size in (39, 40):
    key = "a" * size
    say(f"found by an id of {size} letters", lambda kind: len(Documents(kind).change(key, key).found(key)))
one = {kind: Documents(kind).change("none", "one", 200_000) for kind in ("default", "raw")}
print("time that the document gives:", one["raw"].found("one")[0]["at"][0].time())
for first, last in (("00:00.1", "00:00.3"), ("00:00.1", "01:00"), ("00:00", "00:00")):
    say(f"found from 12:{first} to 12:{last}", lambda kind: one[kind].between(first, last))
updated = {kind: Documents(kind) for kind in ("default", "raw")}
for documents in updated.values():
    for _ in range(3):
        documents.change("Old-One", "Old-One")
say("documents after two updates", lambda kind: updated[kind].count())
say('documents after deleting "old"', lambda kind: updated[kind].change("old").count())
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
