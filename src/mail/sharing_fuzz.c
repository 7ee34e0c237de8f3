/* Access control lists and what readers have seen, from anywhere: never more than an error, and what is accepted is
 * written back alike. */
#include "mail/acl.h"
#include "mail/seen.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_acl(struct str bytes)
{
    struct buf first = BUF_INIT, second = BUF_INIT;
    struct acl *acl, *again;
    struct acl_identity who = { .user = 7 };
    struct err err;
    if (acl_decode(bytes, &acl, &err) < 0)
        return;
    acl_encode(acl, &first);
    if (acl_decode(buf_str(&first), &again, &err) < 0 ||
        acl_rights(acl, 1, &who) != acl_rights(again, 1, &who))
        abort();
    acl_encode(again, &second);
    if (!str_eq(buf_str(&first), buf_str(&second)))
        abort();
    acl_unref(&acl);
    acl_unref(&again);
    buf_deinit(&first);
    buf_deinit(&second);
}

static void check_seen(struct str bytes)
{
    struct seqset_range range = { 5, 5000000 };
    struct seqset uids = { .ranges = &range, .count = 1 };
    struct buf first = BUF_INIT;
    struct seen *seen, *changed, *again;
    struct err err;
    if (seen_decode(bytes, 7, &seen, &err) < 0)
        return;
    changed = seen_change(seen, 7, &uids, true, seen->modseq_max + 1);
    seen_encode(changed, &first);
    if (seen_decode(buf_str(&first), 7, &again, &err) < 0 || again->count != changed->count)
        abort();
    for (uint32_t i = 1; i < again->count; i++)
        if (again->ranges[i].first <= again->ranges[i - 1].last)
            abort();
    const struct seen_range *found = seen_find(again, 5);
    if (!found || !found->seen)
        abort();
    seen_unref(&seen);
    seen_unref(&changed);
    seen_unref(&again);
    buf_deinit(&first);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_acl(str_make(data, size));
    check_seen(str_make(data, size));
    return 0;
}
