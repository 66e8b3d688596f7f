#!/usr/bin/env bash
# A sketch that was saved and loaded answers quantiles as before, and its sum and mean are 0.
#
# Guess:   What is saved of a sketch and loaded is the sketch: each of its answers is what it was, and merging
#          the hours of a day gives the day.
# Seen:    The protobuf of ddsketch has the buckets alone: loaded, count and quantiles are right, the sum is 0
#          and so is the mean. With one value more, the mean is that value divided by the count of all;
#          of 24 hours, 23 of them saved, the mean is 1/24 of the true one. datasketches: an integer above
#          2**31 in an array wraps around (by itself it raises), and 7 is another value than 7.0, as a
#          column is read that has a gap: the union of two days counts each customer twice.
# Version: ddsketch 3.0.1, protobuf 6.33.6, datasketches 5.2.0, numpy 2.4.6, CPython 3.11 to 3.13
# Source:  ddsketch/pb/proto.py: from_proto() passes the mapping, the stores and the count of zeros
# Output:
#   | an hour                count   101  median  149.9  sum    15150  mean 150.00
#   | saved and loaded       count   101  median  149.9  sum        0  mean   0.00
#   | and one more of 150    count   102  median  149.9  sum      150  mean   1.47
#   | a day, merged          count  2424  median  149.9  sum   363600  mean 150.00
#   | saved hours, and now   count  2424  median  149.9  sum    15150  mean   6.25
#   | kll_ints_sketch of 7 and 2**31 + 5 in an array: from -2147483643 to 7
#   | distinct customers so far: 1000.0
#   | distinct customers so far: 2000.0
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check ddsketch==3.0.1 protobuf==6.33.6 datasketches==5.2.0 numpy==2.4.6
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import datasketches
import numpy
from ddsketch import DDSketch
from ddsketch.pb.ddsketch_pb2 import DDSketch as Message
from ddsketch.pb.proto import DDSketchProto


def sketch(values):
    made = DDSketch(0.01)
    for value in values:
        made.add(value)
    return made


def loaded(made):
    return DDSketchProto.from_proto(Message.FromString(DDSketchProto.to_proto(made).SerializeToString()))


def merged(sketches):
    total = DDSketch(0.01)
    for part in sketches:
        total.merge(part)
    return total


def show(label, made):
    print(f"{label:22} count {made.count:5.0f}  median {made.get_quantile_value(0.5):6.1f}  sum {made.sum:8.0f}  mean {made.avg:6.2f}")


hours = [[float(value) for value in range(100, 201)] for _ in range(24)]
show("an hour", sketch(hours[0]))
show("saved and loaded", loaded(sketch(hours[0])))
again = loaded(sketch(hours[0]))
again.add(150.0)
show("and one more of 150", again)
show("a day, merged", merged([sketch(hour) for hour in hours]))
show("saved hours, and now", merged([loaded(sketch(hour)) for hour in hours[:23]] + [sketch(hours[23])]))

sizes = datasketches.kll_ints_sketch(200)
sizes.update(numpy.array([7, 2**31 + 5]))
print("kll_ints_sketch of 7 and 2**31 + 5 in an array: from", sizes.get_min_value(), "to", sizes.get_max_value())
days = datasketches.hll_union(12)
for day in (numpy.arange(1000), numpy.arange(1000).astype(float)):
    customers = datasketches.hll_sketch(12)
    for customer in day:
        customers.update(customer)
    days.update(customers)
    print("distinct customers so far:", round(days.get_result().get_estimate(), -1))
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
