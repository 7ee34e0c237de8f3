/* seqset.h: sets of message sequence numbers or UIDs, "1:3,7,20:*".
 * RFC 9051, 9 (sequence-set, uid-set).
 * Held as sorted, disjoint, merged, inclusive ranges. Two members stay symbolic, because a parser cannot know
 * them:
 *   "*" and "n:*"  in `star_from`, until seqset_resolve() is told the largest number in use
 *   "$"            in `saved` (RFC 5182: the result saved by SEARCH); the caller unites the set with what it
 *                  saved
 * All functions but seqset_parse, _write, _resolve, _is_empty and _init want a set without symbolic members.
 * Whether a set means sequence numbers or UIDs, its user knows; single numbers carry it in their type, see
 * below.
 * Threads: none; a set belongs to one command. */
#ifndef LOFT_BASE_SEQSET_H
#define LOFT_BASE_SEQSET_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

/* A message sequence number and a UID are never mixed up: the compiler keeps them apart (STYLE 5.8). */
struct seq {
    uint32_t n;
};
struct uid {
    uint32_t n;
};

/* In one parsed set: 512 KiB of memory at most, times two while it grows. */
enum { SEQSET_RANGES_MAX = 65536 };

struct seqset_range {
    uint32_t first, last; /* inclusive; 1 <= first <= last */
};

struct seqset {
    struct seqset_range *ranges; /* sorted; ranges[i].last + 1 < ranges[i + 1].first */
    size_t count, cap;
    struct arena *arena; /* where the ranges live and grow */
    uint32_t star_from;  /* 0: no "*"; n: "n:*"; UINT32_MAX also for "*" alone, which means the same */
    bool saved;          /* "$" was a member */
};

/* An empty set that grows in `arena`, which it borrows.
 * A zeroed set is empty and can be read, but not added to. */
void seqset_init(struct seqset *set, struct arena *arena);

/* Parse the whole of `in` as one sequence-set. Any order, overlaps and reversed ranges are legal, "4:2" is
 * "2:4".
 *   set_out  borrows `arena`: valid until the arena is reset; `in` may go at once
 *   returns  0; -ERR_SYNTAX ("", "0", "1,,2", above 4294967295); -ERR_LIMIT above SEQSET_RANGES_MAX ranges,
 *            so that a hostile line cannot grow without bound */
MUST_USE int seqset_parse(struct str in, struct arena *arena, struct seqset *set_out, struct err *err);

/* Give "*" its meaning: the number `max`, so that "n:*" becomes min(n, max):max and always holds `max` itself
 * (RFC 9051, 9: "includes the UID of the last message in the mailbox, even if that value is less").
 * `max` 0 is an empty mailbox: "*" then stands for nothing. Numbers above `max` that were written out stay:
 * for sequence numbers the caller compares seqset_last() with what exists and answers BAD. */
void seqset_resolve(struct seqset *set, uint32_t max);

bool seqset_is_empty(const struct seqset *set);             /* no numbers, no "*", no "$" */
bool seqset_contains(const struct seqset *set, uint32_t n); /* O(log ranges) */
bool seqset_equals(const struct seqset *a, const struct seqset *b);
uint64_t seqset_count(const struct seqset *set); /* numbers, not ranges */
uint32_t seqset_first(const struct seqset *set); /* 0 when empty */
uint32_t seqset_last(const struct seqset *set);  /* 0 when empty */

/* Add numbers. At or behind the end (the usual case) in O(1); elsewhere ranges behind it are moved.
 * Numbers are at least 1 and first <= last: asserted. No limit but what the caller sets. */
void seqset_add(struct seqset *set, uint32_t n);
void seqset_add_range(struct seqset *set, uint32_t first, uint32_t last);

/* Set arithmetic; `out` is a new set in `arena` and is neither `a` nor `b`. O(ranges of a + ranges of b). */
void seqset_union(const struct seqset *a, const struct seqset *b, struct arena *arena, struct seqset *out);
void seqset_intersection(const struct seqset *a, const struct seqset *b, struct arena *arena,
                         struct seqset *out);
void seqset_difference(const struct seqset *a, const struct seqset *b, struct arena *arena,
                       struct seqset *out);
/* The members from number `from` (0-based, ascending) on, `count` at most. O(ranges). */
void seqset_slice(const struct seqset *set, uint64_t from, uint64_t count, struct arena *arena,
                  struct seqset *out);
void seqset_copy(const struct seqset *set, struct arena *arena, struct seqset *out); /* keeps "*" and "$" */

/* All numbers, ascending, or with seqset_each_back descending: struct seqset_iter it = seqset_each(&set); while (seqset_next(&it, &n)) ...
 * The set may not change meanwhile. Whoever can work on ranges reads set.ranges[0 .. count) instead.
 * A set from a client may hold four thousand million numbers: intersect it with what exists before walking
 * it. */
struct seqset_iter {
    const struct seqset *set;
    size_t range;
    uint32_t next; /* 0: start of ranges[range] */
    bool back;     /* the range is the one before ranges[range], and begins with its last number */
};
struct seqset_iter seqset_each(const struct seqset *set);
struct seqset_iter seqset_each_back(const struct seqset *set);
bool seqset_next(struct seqset_iter *it, uint32_t *n_out);

/* Append the canonical text, "2:4,7,20:*"; nothing for an empty set, which has no text in the grammar. */
void seqset_write(const struct seqset *set, struct buf *out);

#endif
