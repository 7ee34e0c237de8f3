/* Any bytes: what parses must print, parse again and be the same;
 * and set arithmetic must agree with itself. */
#include "base/seqset.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_laws(const struct seqset *a, const struct seqset *b, struct arena *arena)
{
    struct seqset both, all, only_a, only_b, rest, again;
    seqset_union(a, b, arena, &all);
    seqset_intersection(a, b, arena, &both);
    seqset_difference(a, b, arena, &only_a);
    seqset_difference(b, a, arena, &only_b);
    assert(seqset_count(&all) == seqset_count(&only_a) + seqset_count(&only_b) + seqset_count(&both));
    seqset_union(&only_a, &both, arena, &again);
    assert(seqset_equals(&again, a));
    seqset_difference(&all, &only_a, arena, &rest);
    assert(seqset_equals(&rest, b));
    seqset_init(&again, arena); /* the same set, built from behind */
    for (size_t i = all.count; i-- > 0;)
        seqset_add_range(&again, all.ranges[i].first, all.ranges[i].last);
    assert(seqset_equals(&again, &all));
}

static void check_canonical(const struct seqset *set, struct arena *arena)
{
    struct buf text = BUF_INIT;
    struct seqset again;
    for (size_t i = 1; i < set->count; i++)
        assert((uint64_t)set->ranges[i - 1].last + 1 < set->ranges[i].first);
    seqset_write(set, &text);
    int r = seqset_parse(buf_str(&text), arena, &again, NULL);
    assert(r == 0);
    assert(again.star_from == set->star_from && again.saved == set->saved && again.count == set->count);
    buf_deinit(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena arena = ARENA_INIT;
    struct str rest, first = str_cut(str_make(data, n), ' ', &rest);
    struct seqset a, b;

    if (n && seqset_parse(first, &arena, &a, NULL) == 0) {
        check_canonical(&a, &arena);
        seqset_resolve(&a, 1000);
        a.saved = false;
        if (!str_is_nil(rest) && seqset_parse(rest, &arena, &b, NULL) == 0) {
            seqset_resolve(&b, 7);
            b.saved = false;
            check_laws(&a, &b, &arena);
        }
    }
    arena_deinit(&arena);
    return 0;
}
