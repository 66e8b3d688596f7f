"""Word layouts: which bits of which 64-bit word mean what, in memory and in the log.

    record     sizes  allocated words 22 | key bytes 17 | value bytes 25
               link   previous 48 | version 4 | sequence 8 | lock | sealed | invalid | tombstone
               key    ceil(key bytes / 8) words, zero padded
               value  the rest of the allocated words; only `value bytes` of them mean anything
    entry      address 48 | tag 14 | reserved | tentative         0 = free
    bucket     7 entries | number of the overflow bucket          0 = none; with REFUSED: it came back
    control    the named words below, then VOID_COUNT triples (version bits, low, high)
    epochs     one row of ROW_ words a live session
    batch      a header of B_, OP_ and N_ words; keys, values and results where it says
    kept       an entry of the read cache: asked again | tag 15 | word number 48     0 = free

Addresses are bytes of log, multiples of 8, below 2**47; word number = address >> 3, taken modulo
the ring. `NO_ADDRESS` ends a chain. The allocated size never changes once a record is published:
scans step by it. A sizes word of 0 is padding up to the next write unit.

Everything here is a constant, so that compiled kernels fold it; the functions that use the words
are in `kernels`. FORMAT.md draws the two record words.
"""

from __future__ import annotations

from typing import Final

# -- record ------------------------------------------------------------------------------------
WORD_BYTES: Final = 8
MASK64: Final = (1 << 64) - 1
RECORD_HEADER_WORDS: Final = 2
SIZES: Final = 0  # First, so that the one word at an address tells a record from padding.
LINK: Final = 1

ADDRESS_MASK: Final = (1 << 48) - 1
ADDRESS_LIMIT: Final = 1 << 47  # Bit 47 is kept for a read cache.
NO_ADDRESS: Final = 0
PENDING_ADDRESS: Final = 1  # An entry that has its tag but no record yet.
FIRST_ADDRESS: Final = 64

VERSION_SHIFT: Final = 48
VERSION_BITS: Final = 0xF
SEQUENCE_SHIFT: Final = 52
SEQUENCE_UNIT: Final = 1 << SEQUENCE_SHIFT
SEQUENCE_MASK: Final = 0xFF << SEQUENCE_SHIFT
LOCK: Final = 1 << 60
SEALED: Final = 1 << 61
INVALID: Final = 1 << 62
TOMBSTONE: Final = 1 << 63
TRANSIENT: Final = LOCK | SEALED | SEQUENCE_MASK  # Means nothing on a device: cleared when read back.

ALLOCATED_BITS: Final = 22
KEY_SHIFT: Final = ALLOCATED_BITS
KEY_BITS: Final = 17
VALUE_SHIFT: Final = ALLOCATED_BITS + KEY_BITS
VALUE_BITS: Final = 25
ALLOCATED_MASK: Final = (1 << ALLOCATED_BITS) - 1
KEY_MASK: Final = (1 << KEY_BITS) - 1
assert VALUE_SHIFT + VALUE_BITS == 64

# -- index -------------------------------------------------------------------------------------
BUCKET_WORDS: Final = 8
BUCKET_ENTRIES: Final = 7
TAG_SHIFT: Final = 48
TAG_BITS: Final = 14
TAG_FROM: Final = 64 - TAG_BITS  # The tag is the hash's top bits.
TAG_MASK: Final = (1 << TAG_BITS) - 1
TENTATIVE: Final = 1 << 63

# -- read cache: behind the ring, in the same space (`cached`) -----------------------------------
KEPT_WAYS: Final = 4  # Entries of a set.
KEPT_HEADER: Final = 1  # Words before the record: the address that was asked for.
ASKED_AGAIN: Final = 1 << 63

# -- control: one word each, then the void ranges ------------------------------------------------
BEGIN: Final = 0
HEAD: Final = 1
FLUSHED: Final = 2
SAFE_READ_ONLY: Final = 3
READ_ONLY: Final = 4
TAIL: Final = 5
PAGE_END: Final = 6  # End of the page being filled: an allocation may not pass it.
OVERFLOW_NEXT: Final = 7  # Overflow buckets that were taken from the end of the space, down to MAIN_ROOM.
EPOCH: Final = 8
SYSTEM: Final = 9  # version << PHASE_BITS | phase: one load tells both.
FUZZY_START: Final = 10  # L_s of the running checkpoint; 0 in REST.
SAFE_HEAD: Final = 11  # Head as every session sees it: frames below are nobody's.
DURABLE_BEGIN: Final = 12  # No checkpoint that can be recovered for writing has an earlier begin.
IMAGING: Final = 13  # What becomes of slots while an image of the index is copied (below).
BUCKET_MASK: Final = 14  # Of the hash; there may be half as many main buckets, or some in between:
MAIN_COUNT: Final = 15  # so many,
MAIN_SHUT: Final = 16  # and before this one those that are being split off; 0: none is.
MAIN_ROOM: Final = 17  # No overflow bucket has a lower number.
OVERFLOW_FREE: Final = 18  # The first overflow bucket that came back | how many there are << FREE_SHIFT.
TRUNCATING: Final = 19  # 1 until nobody is under way any more who may go on from what is truncated.
OVERFLOW_END: Final = 20  # From here on constants.
RING_MASK: Final = 21  # In words.
UNIT_MASK: Final = 22  # In bytes.
HASH_MASK: Final = 23
VOID_TOP: Final = 24  # No void range reaches this address.
VOID_COUNT: Final = 25
KEPT_SETS: Final = 26  # 0: there is no read cache.
KEPT_TABLE: Final = 27  # Word number of the first set,
KEPT_TURNS: Final = 28  # of the first page's turn,
KEPT_PAGES: Final = 29  # and of the first page, of so many words as a power of two:
KEPT_SHIFT: Final = 30
CONTROL_WORDS: Final = 31
VOID_WORDS: Final = 3

NOT_COPIED: Final = 0  # No image is under way: slots come back.
COPIED: Final = 1  # One is: none does.
SPOILED: Final = 2  # One was, until somebody needed a slot: what is copied of it is given up.

FREE_SHIFT: Final = 36
FREE_MASK: Final = (1 << FREE_SHIFT) - 1

PHASE_BITS: Final = 8
PHASE_MASK: Final = (1 << PHASE_BITS) - 1
PHASE_SHIFTED: Final = 3  # Phases from IN_PROGRESS on.

# -- epochs: one row a live session, of a cache line ------------------------------------------------
ROW_WORDS: Final = 8
ROW_STATE: Final = 0  # IDLE, CLAIMED, or the epoch in which the session entered its batch.
ROW_VERSION: Final = 1  # The version that its next operation belongs to.
ROW_SERIAL: Final = 2  # Operations issued,
ROW_APPLIED: Final = 3  # and the last of them that has ended.
ROW_PENDING: Final = 4  # Operations with effects that wait for the device between two batches.
ROW_COMMIT_VERSION: Final = 5  # The version it left last, and what had ended then.
ROW_COMMIT_SERIAL: Final = 6

IDLE: Final = 0
CLAIMED: Final = 1
FIRST_EPOCH: Final = 2

# -- batch: this header, then keys, values and results where it says ---------------------------------
B_CONTROL: Final = 0  # Base addresses of the other spaces, for compiled kernels.
B_INDEX: Final = 1
B_LOG: Final = 2
B_EPOCHS: Final = 3
B_ROW: Final = 4  # First word of the session's row.
B_KIND: Final = 5
B_START: Final = 6  # In: the operation to begin with. Out: the first that is not finished.
B_COUNT: Final = 7
B_ISSUE: Final = 8  # 1: serials of start .. count - 1 are taken on entering; a SWAP has its PEEK's.
B_APPLY: Final = 9  # 1: an operation that is done here has ended; a PEEK never has.
B_LEAVE: Final = 10  # 1: a read below head is left, its result says where.
B_PEND: Final = 11  # 1: an operation below head may be left pending, in REST.
B_FIRST: Final = 12  # Out: serials that were taken before those of this batch.
B_KEYS: Final = 13  # Word number of the first key; each next one a stride on.
B_KEY_STRIDE: Final = 14
B_KEY_BYTES: Final = 15
B_VALUES: Final = 16
B_VALUE_STRIDE: Final = 17
B_VALUE_BYTES: Final = 18
B_ROOM: Final = 19  # Bytes there are for the value of a read.
B_TABLE: Final = 20  # 0, or the word number of one row (T_ words) an operation.
B_CURSOR: Final = 21  # With a table: where the next value read goes,
B_LIMIT: Final = 22  # and where the room for them ends.
B_RESULTS: Final = 23  # One word an operation: result | value bytes or address << RESULT_BITS.
B_HASHES: Final = 24
B_EXPECTED: Final = 25  # The value that a PEEK found, a SWAP expects, or an APPEND goes on from below head.
B_EXPECTED_BYTES: Final = 26  # EXPECT_ABSENT: none.
B_COLD_ADDRESS: Final = 27  # The address at which the device was asked for the operation at start,
B_COLD_STATE: Final = 28  # and what it said (COLD_ below),
B_COLD_VALUE: Final = 29  # and for ADD the counter it found.
B_RECORD_WORDS: Final = 30  # No APPEND makes a longer record.
OP_KIND: Final = 31  # The operation under way.
OP_HASH: Final = 32
OP_KEY: Final = 33
OP_KEY_BYTES: Final = 34
OP_VALUE: Final = 35
OP_VALUE_BYTES: Final = 36
OP_ADDRESS: Final = 37  # Out: the record, or the address at which the device must be asked.
OP_PLACE: Final = 38  # NOWHERE, WARM, COLD or KEPT.
OP_RESULT: Final = 39
OP_SUM: Final = 40
OP_BEFORE: Final = 41  # An APPEND that copies: where the value before is, in the log,
OP_BEFORE_BYTES: Final = 42  # or where the place is COLD, in the batch.
N_IN_PLACE: Final = 43  # Counters, only ever added to.
N_COPIED: Final = 44
N_APPENDED: Final = 45
N_LEFT: Final = 46  # Times that a batch was left for a slow path,
N_RETRY: Final = 47  # of them for a lost race.
N_MUTABLE: Final = 48  # Keys found in the mutable region,
N_FROZEN: Final = 49  # in memory below it,
N_COLD: Final = 50  # below head,
N_ABSENT: Final = 51  # or nowhere.
N_HIT: Final = 52  # Times that the read cache answered in place of the device,
N_MISSED: Final = 53  # and that it did not.
B_SLOTS: Final = 54  # One word an operation: the entry that its key was seen to have; REFUSED: none.
OP_SLOT: Final = 55
B_MOVED: Final = 56  # The record that a MOVE writes anew.
B_EXPECTED_ROOM: Final = 57  # Bytes there are at B_EXPECTED.
B_PAGE: Final = 58  # Frozen log that stands in the batch: the word number of its first word,
B_PAGE_ADDRESS: Final = 59  # the address of that one,
B_PAGE_END: Final = 60  # and the address behind the last.
B_NEXT: Final = 61  # The record in it that is looked at next,
B_LISTED: Final = 62  # and how many were; only ever added to.
B_COLD_BEGIN: Final = 63  # The log's begin when the device was asked: what it said holds while that stays.
B_ASKED: Final = 64  # So many of the rows that were picked have a chain that leaves memory above them.
N_MOVED: Final = 65  # Records that were moved, and the bytes of log that they take; only ever added to.
N_MOVED_BYTES: Final = 66
BATCH_WORDS: Final = 72

T_WORDS: Final = 4
T_KEY: Final = 0
T_KEY_BYTES: Final = 1
T_VALUE: Final = 2
T_VALUE_BYTES: Final = 3

BATCH_MAX: Final = 1024
GROUP: Final = 16  # Operations whose cache lines are fetched at once.
# -- relinking: addresses and hashes of a group of records, and what their versions are held against ----
RELINKED: Final = 128  # Records whose buckets are fetched at once: so many cover the wait for the first.
G_CHECKED: Final = 2 * RELINKED  # From this address on,
G_FUZZY: Final = G_CHECKED + 1  # L_s,
G_VERSION: Final = G_CHECKED + 2  # and the counter of the checkpoint.
GROUP_WORDS: Final = G_CHECKED + 3
# -- splitting: the overflow buckets that are left over, linked from the first to the last, and how many ----
G_FIRST: Final = 0
G_LAST: Final = 1
G_COUNT: Final = 2
SPARE_WORDS: Final = 3
# -- settling: what an image of the index says, then numbers of buckets that have a link, then a bit for each
# of its overflow buckets ------------------------------------------------------------------------------------
C_FINAL: Final = 0
C_MAINS: Final = 1  # Main buckets,
C_USED: Final = 2  # and all that it has.
C_BEHIND: Final = 3  # So many buckets further back than in the image its overflow buckets stand.
C_FOUND: Final = 4
SETTLED_AT_ONCE: Final = 64  # Buckets: they stay in the nearest cache while they are gone over twice.
C_LINKED: Final = C_FOUND + SETTLED_AT_ONCE
LOOKED_AT: Final = ADDRESS_MASK | 3 << 62  # Of an entry: all but its tag.

ATTEMPTS: Final = 4  # A kernel does not spin: so often it tries a word that another session changes.
RESULT_BITS: Final = 8
RESULT_MASK: Final = (1 << RESULT_BITS) - 1

EXPECT_ABSENT: Final = (1 << 64) - 1

READ: Final = 1
UPSERT: Final = 2
INSERT: Final = 3
DELETE: Final = 4
SWAP: Final = 5
ADD: Final = 6
PEEK: Final = 7  # A read that begins a read-modify-write: what it finds is what the swap will expect.
APPEND: Final = 8  # The value goes behind the one there is.
MOVE: Final = 9  # The key and value of a record go to the tail, if it is still the newest of its key.

COLD_UNKNOWN: Final = 0
COLD_ABSENT: Final = 1
# Present with exactly the value that a swap expects, as a counter, in B_EXPECTED, or at B_MOVED.
COLD_PRESENT: Final = 2
COLD_OTHER: Final = 3  # Present with another value, or, for an APPEND, one that has no room there.

NOWHERE: Final = 0
WARM: Final = 1
COLD: Final = 2
KEPT: Final = 3  # Below head, and what a READ or a PEEK asks for came from the read cache.

FOUND: Final = 1
ABSENT: Final = 2
LEFT: Final = 3  # A read that has to ask the device, from the address in the result on.

# -- walk: this header, then rows and what they tell of where it says. As a batch up to B_ROW. ---------
W_BUCKET: Final = 5  # The main bucket that is walked, and the one before which the walk ends.
W_BUCKETS: Final = 6
W_PART: Final = 7  # The bucket of its chain that is next, the main one or an overflow bucket,
W_ENTRY: Final = 8  # and the number of the entry there.
W_ADDRESS: Final = 9  # The record with which a walk of the log goes on; the entry that one of the index left.
W_END: Final = 10  # Where a walk of the log ends.
W_BEGIN: Final = 11  # What lies below is not looked at.
W_COUNT: Final = 12  # Rows that are filled, and how many there may be.
W_ROWS: Final = 13
W_TABLE: Final = 14  # Word number of the first row.
W_DATA: Final = 15  # Where the next key goes, word number; behind it its value; and where the room ends.
W_LIMIT: Final = 16
W_TAGS: Final = 17  # A bit for each entry of the main bucket that was passed, by its tag modulo 64,
W_FIRST: Final = 18  # the first of its rows, and whether batches from before have listed keys of it.
W_GIVEN: Final = 19
TAGS_MASK: Final = 63
WALK_WORDS: Final = 32

R_WORDS: Final = 5
R_ADDRESS: Final = 0
R_KEY: Final = 1  # Where the key begins and ends, in bytes of the walk's space,
R_KEY_END: Final = 2
R_VALUE: Final = 3  # and the value behind it, which begins at a word of its own.
R_VALUE_END: Final = 4  # 0: a tombstone.
CHAIN_MOST: Final = 8  # A longer chain is not followed by a walk,
PARTED_MOST: Final = 32  # nor one as long as this where its bucket is split.
AHEAD: Final = 4  # Main buckets whose records are fetched before a walk comes to them.

# -- why a batch stopped -------------------------------------------------------------------------
DONE: Final = 0
PAGE_FULL: Final = 1
ON_DEVICE: Final = 2
OVERFLOW: Final = 3
RETRY: Final = 4
SHIFT: Final = 5
ROOM: Final = 6  # The value read is longer than the room there is for it.
CHANGED: Final = 7  # A swap found another value than it expected.
MISFIT: Final = 8  # A counter was to be added to a value that is not 8 bytes.
TAKEN: Final = 9  # The session is claimed, or in a batch of another thread.
PENDING: Final = 10
TOO_LONG: Final = 11  # A value was to be appended to one that would pass B_RECORD_WORDS.
STRANGE: Final = 12  # A record is of a version that cannot stand where it does.
WHY_NAMES: Final = (
    *("DONE", "PAGE_FULL", "ON_DEVICE", "OVERFLOW", "RETRY", "SHIFT", "ROOM"),
    *("CHANGED", "MISFIT", "TAKEN", "PENDING", "TOO_LONG", "STRANGE"),
)
REFUSED: Final = 1 << 63  # A kernel that returns a word number or an address returns REFUSED | why instead.
WHY_MASK: Final = 0xFF
