#!/usr/bin/env bash
# A column whose values have an order of their own is sorted by it and compared by its letters.
#
# Guess:   An ENUM of DuckDB has the order of its declaration, as in other databases, in ORDER BY, in max()
#          and in comparisons alike; an ordered category of pandas keeps it on its way to another library,
#          or becomes plain text.
# Seen:    DuckDB sorts small, medium, large as declared, and max() is large; but size > 'small' and BETWEEN
#          'small' AND 'medium' select nothing, as the ENUM becomes text beside a text or a parameter, and
#          the letters decide. Compared with a column or a literal with a cast it is as declared. polars
#          takes an ordered category of pandas, directly or by Parquet, as one without an order: the
#          largest is small, and nothing is above it. Its own Enum reaches pandas with its order.
# Version: duckdb 2.0.1, polars 1.44.2, pandas 3.0.6, pyarrow 26.0.1, CPython 3.11 to 3.13
# Source:  DuckDB, "Enum Data Type", Casting; polars, from_pandas(): Categorical is lexical, Enum has an order
# Output:
#   | DuckDB, size ORDER BY size                              small, medium, large
#   | DuckDB, max(size)                                       large
#   | DuckDB, size WHERE size > 'small'                       nothing
#   | DuckDB, size WHERE size > ?                             nothing
#   | DuckDB, size WHERE size BETWEEN 'small' AND 'medium'    nothing
#   | DuckDB, size WHERE size > 'small'::sizes                large, medium
#   | DuckDB, size WHERE size > (SELECT min(size) FROM parts) large, medium
#   | pandas, min, max, above small                           small, large, large, medium
#   | pandas to polars, min, max, above small                 large, small
#   | pandas to polars by Parquet, min, max, above small      large, small
#   | polars, min, max, above small                           small, large, large, medium
#   | polars to pandas, min, max, above small                 small, large, large, medium
#   | polars to pandas by Parquet, min, max, above small      small, large, large, medium
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==2.0.1 polars==1.44.2 pandas==3.0.6 pyarrow==26.0.1
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import duckdb
import pandas
import polars

SIZES = ["small", "medium", "large"]
shuffled = pandas.DataFrame({"size": pandas.Categorical(["large", "small", "medium"], SIZES, ordered=True)})
database = duckdb.connect()
database.execute(f"CREATE TYPE sizes AS ENUM {tuple(SIZES)}")
database.execute("CREATE TABLE parts (size sizes)")
database.execute("INSERT INTO parts VALUES ('large'), ('small'), ('medium')")


def say(label, values):
    print(f"{label:55} {', '.join(values) or 'nothing'}")


def duck(rest, *parameters, what="size"):
    rows = database.execute(f"SELECT {what} FROM parts {rest}", parameters).fetchall()
    say(f"DuckDB, {what} {rest}".strip(), [row for (row,) in rows])


def ends(label, frame):
    if isinstance(frame, pandas.DataFrame):
        say(f"{label}, min, max, above small", [frame["size"].min(), frame["size"].max(), *frame["size"][frame["size"] > "small"]])
    else:
        larger = frame.filter(polars.col("size") > "small")["size"]
        say(f"{label}, min, max, above small", [frame["size"].min(), frame["size"].max(), *larger])


duck("ORDER BY size")
duck("", what="max(size)")
duck("WHERE size > 'small'")
duck("WHERE size > ?", "small")
duck("WHERE size BETWEEN 'small' AND 'medium'")
duck("WHERE size > 'small'::sizes")
duck("WHERE size > (SELECT min(size) FROM parts)")
shuffled.to_parquet("shuffled")
own = polars.DataFrame({"size": polars.Series(["large", "small", "medium"], dtype=polars.Enum(SIZES))})
own.write_parquet("own")
ends("pandas", shuffled)
ends("pandas to polars", polars.from_pandas(shuffled))
ends("pandas to polars by Parquet", polars.read_parquet("shuffled"))
ends("polars", own)
ends("polars to pandas", own.to_pandas())
ends("polars to pandas by Parquet", pandas.read_parquet("own"))
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
