#include "mail/acl.h"

#include "base/codec.h"

#include <stdlib.h>

enum { SEEN_SHARED = 1, NEGATIVE = 0x80 };

/* ---- letters ---- */

static const struct {
    char letter;
    unsigned rights;
} letters[] = {
    { 'l', RIGHT_LOOKUP },
    { 'r', RIGHT_READ },
    { 's', RIGHT_SEEN },
    { 'w', RIGHT_WRITE },
    { 'i', RIGHT_INSERT },
    { 'p', RIGHT_POST },
    { 'k', RIGHT_CREATE },
    { 'x', RIGHT_DELETE_MAILBOX },
    { 't', RIGHT_DELETE_MESSAGES },
    { 'e', RIGHT_EXPUNGE },
    { 'c', RIGHT_CREATE | RIGHT_DELETE_MAILBOX },
    { 'd', RIGHT_DELETE_MESSAGES | RIGHT_EXPUNGE },
    { 'a', RIGHT_ADMINISTER },
};

static bool add_letter(char letter, unsigned *rights)
{
    for (size_t i = 0; i < ARRAY_COUNT(letters); i++)
        if (letters[i].letter == letter) {
            *rights |= letters[i].rights;
            return true;
        }
    return false;
}

bool rights_parse(struct str text, unsigned *rights_out)
{
    unsigned rights = 0;
    for (size_t i = 0; i < text.n; i++)
        if (!add_letter(text.p[i], &rights))
            return false;
    *rights_out = rights;
    return true;
}

void rights_write(unsigned rights, struct buf *out)
{
    for (size_t i = 0; i < ARRAY_COUNT(letters); i++)
        if (rights & letters[i].rights)
            buf_add_char(out, letters[i].letter);
}

/* ---- lists ---- */

struct acl *acl_new(const struct acl_entry *entries, size_t count, bool seen_shared)
{
    size_t bytes = 0;
    if (count == 0 && !seen_shared)
        return NULL;
    for (size_t i = 0; i < count; i++)
        bytes += entries[i].name.n;
    struct acl *acl = calloc(1, sizeof *acl + count * sizeof acl->entries[0] + bytes);
    if (!acl)
        abort();
    char *names = (char *)&acl->entries[count];
    ref_init(&acl->ref);
    acl->seen_shared = seen_shared;
    acl->count = (uint32_t)count;
    for (size_t i = 0; i < count; i++) {
        acl->entries[i] = entries[i];
        memcpy(names, entries[i].name.p, entries[i].name.n);
        acl->entries[i].name.p = names;
        names += entries[i].name.n;
    }
    return acl;
}

struct acl *acl_ref(struct acl *acl)
{
    if (acl)
        ref_get(&acl->ref);
    return acl;
}

void acl_unref(struct acl **acl)
{
    if (*acl && ref_put(&(*acl)->ref))
        free(*acl);
    *acl = NULL;
}

bool acl_equals(const struct acl *a, const struct acl *b)
{
    struct buf x = BUF_INIT, y = BUF_INIT;
    acl_encode(a, &x);
    acl_encode(b, &y);
    bool equal = str_eq(buf_str(&x), buf_str(&y));
    buf_deinit(&x);
    buf_deinit(&y);
    return equal;
}

static bool applies_to(const struct acl_entry *entry, const struct acl_identity *who)
{
    if (entry->kind == ACL_ANYONE)
        return true;
    if (entry->kind == ACL_USER)
        return entry->id == who->user;
    for (size_t i = 0; i < who->group_count; i++)
        if (who->groups[i] == entry->id)
            return true;
    return false;
}

unsigned acl_rights(const struct acl *acl, uint64_t owner, const struct acl_identity *who)
{
    bool is_owner = who->user == owner, has_own = false;
    unsigned granted = 0, taken = 0;

    for (uint32_t i = 0; acl && i < acl->count; i++) {
        const struct acl_entry *entry = &acl->entries[i];
        if (!applies_to(entry, who))
            continue;
        if (entry->negative)
            taken |= entry->rights;
        else
            granted |= entry->rights;
        has_own = has_own || (entry->kind == ACL_USER && !entry->negative);
    }
    if (is_owner && !has_own)
        granted = RIGHTS_ALL;
    return (granted & ~taken) | (is_owner ? RIGHTS_OWNER_KEEPS : 0u);
}

static bool is_same(const struct acl_entry *a, const struct acl_entry *b)
{
    return a->kind == b->kind && a->negative == b->negative && a->id == b->id;
}

static unsigned edited(unsigned rights, enum acl_mode mode, unsigned operand)
{
    switch (mode) {
    case ACL_REPLACE:
        return operand;
    case ACL_ADD:
        return rights | operand;
    case ACL_REMOVE:
        return rights & ~operand;
    case ACL_DELETE:
        break;
    }
    return 0;
}

int acl_edit(const struct acl *acl, uint64_t owner, const struct acl_entry *entry, enum acl_mode mode,
             struct acl **acl_out, struct err *err)
{
    struct acl_entry entries[ACL_ENTRIES_MAX + 1];
    size_t count = 0, at = acl ? acl->count : 0;
    bool is_owner = entry->kind == ACL_USER && entry->id == owner && !entry->negative;

    for (uint32_t i = 0; acl && i < acl->count; i++)
        entries[count++] = acl->entries[i];
    for (size_t i = 0; i < count; i++)
        if (is_same(&entries[i], entry))
            at = i;
    if (at == count) { /* the owner's rights are all of them until he says otherwise */
        entries[count] = *entry;
        entries[count++].rights = is_owner ? RIGHTS_ALL : 0;
    }
    entries[at].rights = edited(entries[at].rights, mode, entry->rights);
    if (is_owner)
        entries[at].rights |= RIGHTS_OWNER_KEEPS;
    if (mode == ACL_DELETE || (entries[at].rights == 0 && !is_owner)) {
        memmove(&entries[at], &entries[at + 1], (count - at - 1) * sizeof entries[0]);
        count--;
    }
    if (count > ACL_ENTRIES_MAX)
        return err_set(err, ERR_LIMIT, "an access control list has %d entries at most", ACL_ENTRIES_MAX);
    *acl_out = acl_new(entries, count, acl && acl->seen_shared);
    return 0;
}

/* ---- stored form ---- */

void acl_encode(const struct acl *acl, struct buf *out)
{
    buf_put_u8(out, acl && acl->seen_shared ? SEEN_SHARED : 0);
    buf_put_varint(out, acl ? acl->count : 0);
    for (uint32_t i = 0; acl && i < acl->count; i++) {
        const struct acl_entry *entry = &acl->entries[i];
        buf_put_u8(out, (uint8_t)((unsigned)entry->kind | (entry->negative ? NEGATIVE : 0u)));
        buf_put_varint(out, entry->id);
        buf_put_varint(out, entry->rights);
        buf_put_varint(out, entry->name.n);
        buf_add(out, entry->name);
    }
}

static bool decode_entry(struct reader *r, struct acl_entry *entry_out)
{
    unsigned kind = reader_u8(r);
    entry_out->negative = kind & NEGATIVE;
    entry_out->kind = (enum acl_kind)(kind & ~(unsigned)NEGATIVE);
    entry_out->id = reader_varint(r);
    uint64_t rights = reader_varint(r), n = reader_varint(r);
    if (r->bad || n == 0 || n > ACL_NAME_BYTES_MAX)
        return false;
    entry_out->rights = (unsigned)(rights & RIGHTS_ALL);
    entry_out->name = reader_bytes(r, n);
    return !r->bad && entry_out->kind >= ACL_USER && entry_out->kind <= ACL_ANYONE;
}

int acl_decode(struct str bytes, struct acl **acl_out, struct err *err)
{
    struct acl_entry entries[ACL_ENTRIES_MAX];
    struct reader r = reader_make(bytes);
    unsigned flags = reader_u8(&r);
    uint64_t count = reader_varint(&r);

    bool good = !r.bad && count <= ACL_ENTRIES_MAX;
    for (uint64_t i = 0; good && i < count; i++)
        good = decode_entry(&r, &entries[i]);
    if (!good || reader_left(&r) > 0)
        return err_set(err, ERR_CORRUPT, "an access control list is damaged");
    *acl_out = acl_new(entries, count, flags & SEEN_SHARED);
    return 0;
}
