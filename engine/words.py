"""Word layouts: which bits of which 64-bit word mean what, in memory and in the log.

    record     sizes  allocated words 22 | key bytes 17 | value bytes 25
               link   previous 48 | version 8 | sequence 4 | lock | sealed | invalid | tombstone
               key    ceil(key bytes / 8) words, zero padded
               value  the rest of the allocated words; only `value bytes` of them mean anything
    entry      address 48 | tag 14 | reserved | tentative         0 = free
    bucket     7 entries | number of the overflow bucket          0 = none
    control    the named words below, then VOID_COUNT triples (version bits, low, high)
    operation  the OP_ words below; key and value words follow the operations of a batch

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
RECORD_HEADER_WORDS: Final = 2
SIZES: Final = 0  # First, so that the one word at an address tells a record from padding.
LINK: Final = 1

ADDRESS_MASK: Final = (1 << 48) - 1
ADDRESS_LIMIT: Final = 1 << 47  # Bit 47 is kept for a read cache.
NO_ADDRESS: Final = 0
PENDING_ADDRESS: Final = 1  # An entry that has its tag but no record yet.
FIRST_ADDRESS: Final = 64

VERSION_SHIFT: Final = 48
VERSION_BITS: Final = 0xFF
SEQUENCE_SHIFT: Final = 56
SEQUENCE_UNIT: Final = 1 << SEQUENCE_SHIFT
SEQUENCE_MASK: Final = 0xF << SEQUENCE_SHIFT
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
VALUE_MASK: Final = (1 << VALUE_BITS) - 1
assert VALUE_SHIFT + VALUE_BITS == 64

# -- index -------------------------------------------------------------------------------------
BUCKET_WORDS: Final = 8
BUCKET_ENTRIES: Final = 7
TAG_SHIFT: Final = 48
TAG_BITS: Final = 14
TAG_FROM: Final = 64 - TAG_BITS  # The tag is the hash's top bits.
TAG_MASK: Final = (1 << TAG_BITS) - 1
TENTATIVE: Final = 1 << 63

# -- control: one word each, then the void ranges ------------------------------------------------
BEGIN: Final = 0
HEAD: Final = 1
FLUSHED: Final = 2
SAFE_READ_ONLY: Final = 3
READ_ONLY: Final = 4
TAIL: Final = 5
PAGE_END: Final = 6  # End of the page being filled: an allocation may not pass it.
OVERFLOW_NEXT: Final = 7  # Number of the next unused overflow bucket.
OVERFLOW_END: Final = 8
BUCKET_MASK: Final = 9
RING_MASK: Final = 10  # In words.
UNIT_MASK: Final = 11  # In bytes.
HASH_MASK: Final = 12
VOID_TOP: Final = 13  # No void range reaches this address.
VOID_COUNT: Final = 14
CONTROL_WORDS: Final = 15
VOID_WORDS: Final = 3

# -- one staged operation ------------------------------------------------------------------------
OP_KIND: Final = 0
OP_HASH: Final = 1
OP_KEY: Final = 2  # Word number of the key in the batch.
OP_KEY_BYTES: Final = 3
OP_VALUE: Final = 4  # Word number of the value, in or out.
OP_VALUE_BYTES: Final = 5
OP_EXPECTED: Final = 6  # Word number of the value a swap expects to find.
OP_EXPECTED_BYTES: Final = 7  # EXPECT_ABSENT: it expects none.
OP_ADDRESS: Final = 8  # Out: the record, or the address at which the device must be asked.
OP_COLD_ADDRESS: Final = 9  # The address at which the device was asked,
OP_COLD_STATE: Final = 10  # and what it said (COLD_ below).
OP_RESULT: Final = 11
OP_WORDS: Final = 12

EXPECT_ABSENT: Final = (1 << 64) - 1

READ: Final = 1
UPSERT: Final = 2
INSERT: Final = 3
DELETE: Final = 4
SWAP: Final = 5

COLD_UNKNOWN: Final = 0
COLD_ABSENT: Final = 1
COLD_PRESENT: Final = 2  # Present with exactly the value that a swap expects.
COLD_OTHER: Final = 3  # Present with another value.

FOUND: Final = 1
ABSENT: Final = 2
CHANGED: Final = 3  # A swap found another value than it expected.

# -- why a batch stopped -------------------------------------------------------------------------
DONE: Final = 0
PAGE_FULL: Final = 1
ON_DEVICE: Final = 2
OVERFLOW: Final = 3
RETRY: Final = 4
SHIFT: Final = 5
ROOM: Final = 6  # The value read is longer than the room staged for it.
WHY_NAMES: Final = ("DONE", "PAGE_FULL", "ON_DEVICE", "OVERFLOW", "RETRY", "SHIFT", "ROOM")
