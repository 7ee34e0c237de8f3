/* search_lanes.h: a bit for each message of a chunk, so that a search decides many at once.     Threads: none needed; values. */
#ifndef LOFT_IMAP_CMD_SEARCH_LANES_H
#define LOFT_IMAP_CMD_SEARCH_LANES_H

#include "mail/chunk.h"

enum { LANE_WORDS = CHUNK_MESSAGES_MAX / 64, LANE_NONE = CHUNK_MESSAGES_MAX };

struct lanes {
    uint64_t words[LANE_WORDS];
};

/* What is known of each: yes, still open, or neither: no. */
struct lane_verdicts {
    struct lanes yes, open;
};

/* From `first` on to the last, that one included. */
static inline struct lanes lanes_range(uint32_t first, uint32_t last)
{
    struct lanes l = { 0 };
    for (uint32_t w = first / 64; w <= last / 64; w++) {
        l.words[w] = UINT64_MAX;
        if (w == first / 64)
            l.words[w] &= UINT64_MAX << first % 64;
        if (w == last / 64)
            l.words[w] &= UINT64_MAX >> (63 - last % 64);
    }
    return l;
}

static inline struct lanes lanes_and(struct lanes a, struct lanes b)
{
    for (unsigned w = 0; w < LANE_WORDS; w++)
        a.words[w] &= b.words[w];
    return a;
}

static inline struct lanes lanes_or(struct lanes a, struct lanes b)
{
    for (unsigned w = 0; w < LANE_WORDS; w++)
        a.words[w] |= b.words[w];
    return a;
}

static inline struct lanes lanes_and_not(struct lanes a, struct lanes b)
{
    for (unsigned w = 0; w < LANE_WORDS; w++)
        a.words[w] &= ~b.words[w];
    return a;
}

static inline bool lanes_are_empty(struct lanes l)
{
    uint64_t any = 0;
    for (unsigned w = 0; w < LANE_WORDS; w++)
        any |= l.words[w];
    return any == 0;
}

static inline bool lanes_has(const struct lanes *l, uint32_t lane)
{
    return l->words[lane / 64] >> lane % 64 & 1;
}

static inline void lanes_put(struct lanes *l, uint32_t lane, bool value)
{
    uint64_t bit = UINT64_C(1) << lane % 64;
    l->words[lane / 64] = value ? l->words[lane / 64] | bit : l->words[lane / 64] & ~bit;
}

/* The first lane that is set from `from` (up to LANE_NONE) on, LANE_NONE when there is none. */
static inline uint32_t lanes_next(const struct lanes *l, uint32_t from)
{
    for (uint32_t w = from / 64; w < LANE_WORDS; w++) {
        uint64_t bits = l->words[w] & (w == from / 64 ? UINT64_MAX << from % 64 : UINT64_MAX);
        if (bits)
            return w * 64 + (uint32_t)__builtin_ctzll(bits);
    }
    return LANE_NONE;
}

/* The same downwards. */
static inline uint32_t lanes_next_back(const struct lanes *l, uint32_t from)
{
    for (uint32_t w = from / 64 + 1; w-- > 0;) {
        uint64_t bits = l->words[w] & (w == from / 64 ? UINT64_MAX >> (63 - from % 64) : UINT64_MAX);
        if (bits)
            return w * 64 + 63 - (uint32_t)__builtin_clzll(bits);
    }
    return LANE_NONE;
}

/* How many lanes from `from` on are set without a gap. */
static inline uint32_t lanes_run(const struct lanes *l, uint32_t from)
{
    uint32_t lane = from;
    while (lane < LANE_NONE) {
        uint64_t gaps = ~l->words[lane / 64] >> lane % 64;
        if (gaps)
            return lane + (uint32_t)__builtin_ctzll(gaps) - from;
        lane = (lane / 64 + 1) * 64;
    }
    return LANE_NONE - from;
}

#endif
