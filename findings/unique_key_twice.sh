#!/usr/bin/env bash
# A key that stands twice in one batch is stored twice, although it is unique.
#
# Guess:   An upsert by a key, or a field that is declared unique, leaves one row of each key: if the batch
#          holds a new key twice, as after a retry or a join, the last one wins, or the batch is refused.
# Seen:    whoosh's update_document() deletes what earlier commits hold, not what its own writer added:
#          two documents of one unique key, and both are found. lance and deltalake look at the table as
#          it was: a key that the table has is refused if it comes twice, a new key is inserted twice,
#          and so the same batch is refused or not by what is there already. sqlite-utils keeps the last.
# Version: whoosh-reloaded 2.7.5, pylance 14.0.2, deltalake 1.6.6, pyarrow 26.0.1, sqlite-utils 4.2.1, CPython
#          3.11 to 3.13
# Source:  whoosh documentation, "Updating documents": deletes any document of the same unique field first;
#          Delta and SQL MERGE compare source rows with target rows, not with each other
# Output:
#   | by_whoosh        new key twice: ['1', '2']
#   | by_whoosh        old key twice: ['1', '2']
#   | by_lance         new key twice: ['1', '2']
#   | by_lance         old key twice: OSError
#   | by_deltalake     new key twice: ['1', '2']
#   | by_deltalake     old key twice: DeltaError
#   | by_sqlite_utils  new key twice: ['2']
#   | by_sqlite_utils  old key twice: ['2']
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check whoosh-reloaded==2.7.5 pylance==14.0.2 deltalake==1.6.6 pyarrow==26.0.1 sqlite-utils==4.2.1
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import warnings

import deltalake
import lance
import pyarrow as pa
import sqlite_utils
from whoosh import fields
from whoosh.filedb.filestore import RamStorage

warnings.simplefilter("ignore")
OLD = [{"key": "a", "value": "old"}]
BATCHES = {"new key": [{"key": "b", "value": "1"}, {"key": "b", "value": "2"}]}
BATCHES["old key"] = [{**row, "key": "a"} for row in BATCHES["new key"]]


def by_whoosh(path, batch):
    index = RamStorage().create_index(fields.Schema(key=fields.ID(unique=True, stored=True), value=fields.STORED))
    for rows in (OLD, batch):
        writer = index.writer()
        for row in rows:
            writer.update_document(**row)
        writer.commit()
    return list(index.searcher().documents())


def by_lance(path, batch):
    table = lance.write_dataset(pa.Table.from_pylist(OLD), path)
    merge = table.merge_insert("key").when_matched_update_all().when_not_matched_insert_all()
    merge.execute(pa.Table.from_pylist(batch))
    return lance.dataset(path).to_table().to_pylist()


def by_deltalake(path, batch):
    deltalake.write_deltalake(path, pa.Table.from_pylist(OLD))
    merge = deltalake.DeltaTable(path).merge(
        pa.Table.from_pylist(batch), predicate="s.key = t.key", source_alias="s", target_alias="t"
    )
    merge.when_matched_update_all().when_not_matched_insert_all().execute()
    return deltalake.DeltaTable(path).to_pyarrow_table().to_pylist()


def by_sqlite_utils(path, batch):
    table = sqlite_utils.Database(memory=True)["t"]
    for rows in (OLD, batch):
        table.upsert_all(rows, pk="key")
    return list(table.rows)


for act in (by_whoosh, by_lance, by_deltalake, by_sqlite_utils):
    for kind, batch in BATCHES.items():
        try:
            found = act(f"{act.__name__}-{kind[:3]}", batch)
            found = sorted(row["value"] for row in found if row["key"] == batch[0]["key"])
        except Exception as error:
            found = type(error).__name__
        print(f"{act.__name__:16} {kind} twice: {found}")
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
