/* cmd_acl.c: SETACL, DELETEACL, GETACL, LISTRIGHTS, MYRIGHTS.     RFC 4314, 3 */
#include "auth/directory/grants.h"
#include "imap/cmd/command.h"
#include "imap/cmd/rights.h"
#include "imap/door.h"
#include "imap/trail.h"
#include "imap/wire/acl_args.h"
#include "imap/wire/mailbox_args.h"
#include "imap/wire/writer.h"

/* ---- responses ---- */

static void write_rights(struct session *s, unsigned rights)
{
    struct buf text = BUF_INIT;
    rights_write(rights, &text);
    write_astring(session_out(s), buf_str(&text), session_utf8(s));
    buf_deinit(&text);
}

void myrights_write(struct session *s, struct str name, unsigned rights)
{
    buf_add_lit(session_out(s), "* MYRIGHTS ");
    write_mailbox(session_out(s), name, session_utf8(s));
    buf_add_char(session_out(s), ' ');
    write_rights(s, rights);
    buf_add_lit(session_out(s), "\r\n");
}

static void write_entry(struct session *s, bool negative, struct str name, unsigned rights)
{
    struct buf identifier = BUF_INIT;
    buf_printf(&identifier, "%s" STR_FMT, negative ? "-" : "", STR_ARG(name));
    buf_add_char(session_out(s), ' ');
    write_astring(session_out(s), buf_str(&identifier), session_utf8(s));
    buf_add_char(session_out(s), ' ');
    write_rights(s, rights);
    buf_deinit(&identifier);
}

static bool is_owner(const struct acl_entry *entry, const struct place *place)
{
    return entry->kind == ACL_USER && !entry->negative && entry->id == account_id(place->account).n;
}

/* "* ACL INBOX anna lrswipkxtea ...": an owner who is not listed has all rights, and is told so. */
static void write_acl(struct session *s, struct str name, const struct place *place)
{
    struct acl *acl = mailbox_acl(place->mailbox);
    bool listed = place->owner.n == 0;
    for (uint32_t i = 0; acl && i < acl->count; i++)
        listed = listed || is_owner(&acl->entries[i], place);
    buf_add_lit(session_out(s), "* ACL ");
    write_mailbox(session_out(s), name, session_utf8(s));
    if (!listed)
        write_entry(s, false, place->owner, RIGHTS_ALL);
    for (uint32_t i = 0; acl && i < acl->count; i++)
        write_entry(s, acl->entries[i].negative, acl->entries[i].name, acl->entries[i].rights);
    buf_add_lit(session_out(s), "\r\n");
    acl_unref(&acl);
}

/* ---- commands ---- */

int getacl_run(struct session *s, const void *args, struct err *err)
{
    const struct mailbox_args *a = args;
    struct place place;
    int r = door_open(s, a->mailbox, RIGHT_ADMINISTER, &place, err);
    if (r < 0)
        return r;
    write_acl(s, a->mailbox, &place);
    place_leave(&place);
    return 0;
}

int myrights_run(struct session *s, const void *args, struct err *err)
{
    const struct mailbox_args *a = args;
    struct place place;
    int r = door_open(s, a->mailbox, 0, &place, err);
    if (r < 0)
        return r;
    myrights_write(s, a->mailbox, place.rights);
    place_leave(&place);
    return 0;
}

static struct str domain_of(const struct session *s, const struct place *place)
{
    return users_domain(place->owner.n ? place->owner : str_c(s->user_name));
}

static int resolve(struct session *s, struct str identifier, const struct place *place,
                   struct acl_entry *entry_out, struct err *err)
{
    return grants_resolve(s->server->users, identifier, domain_of(s, place),
                          s->server->settings.sharing_across_domains, &s->arena, entry_out, err);
}

static int commit(struct session *s, const struct place *place, const struct acl_entry *entry,
                  enum acl_mode mode, struct err *err)
{
    struct change change = { .kind = CHANGE_SET_ACL, .arena = &s->arena };
    change.acl.mailbox_id = mailbox_id(place->mailbox);
    change.acl.entry = entry;
    change.acl.mode = mode;
    return account_commit(place->account, &change, 1, err);
}

static int set_acl(struct session *s, const struct setacl_args *a, const struct place *place, struct err *err)
{
    enum acl_mode mode = a->sign == '+' ? ACL_ADD : a->sign == '-' ? ACL_REMOVE : ACL_REPLACE;
    struct acl_entry entry;
    int r = resolve(s, a->identifier, place, &entry, err);
    if (r == 0 && !rights_parse(a->rights, &entry.rights))
        r = err_set(err, ERR_INVALID, "No such right");
    /* Before the right itself, so that whoever has it can find it. */
    if (r == 0 && mode != ACL_REMOVE)
        r = grants_note(s->server->users, &entry, account_id(place->account), place->owner,
                        domain_of(s, place), err);
    return r < 0 ? r : commit(s, place, &entry, mode, err);
}

int setacl_run(struct session *s, const void *args, struct err *err)
{
    const struct setacl_args *a = args;
    struct place place;
    int r = door_open(s, a->mailbox, RIGHT_ADMINISTER, &place, err);
    if (r < 0)
        return r;
    r = set_acl(s, a, &place, err);
    if (r == 0)
        trail_acl(s, &place, a->identifier,
                  a->sign == '+'   ? "add"
                  : a->sign == '-' ? "remove"
                                   : "set",
                  a->rights);
    place_leave(&place);
    return r;
}

/* By name, so that what was granted to a user or group that is gone can be taken off the list. */
static int delete_acl(struct session *s, struct str identifier, const struct place *place, struct err *err)
{
    struct acl *acl = mailbox_acl(place->mailbox);
    struct acl_entry entry;
    bool negative = str_starts(identifier, STR("-"));
    int r = resolve(s, identifier, place, &entry, err);
    struct str name = r == 0 ? entry.name : str_skip(identifier, negative);
    for (uint32_t i = 0; acl && r != -ERR_INVALID && i < acl->count; i++) {
        if (acl->entries[i].negative != negative || !str_eq(acl->entries[i].name, name))
            continue;
        r = commit(s, place, &acl->entries[i], ACL_DELETE, err);
        if (r < 0)
            break;
    }
    acl_unref(&acl);
    return r;
}

int deleteacl_run(struct session *s, const void *args, struct err *err)
{
    const struct acl_args *a = args;
    struct place place;
    int r = door_open(s, a->mailbox, RIGHT_ADMINISTER, &place, err);
    if (r < 0)
        return r;
    r = delete_acl(s, a->identifier, &place, err);
    if (r == 0)
        trail_acl(s, &place, a->identifier, "delete", STR_NIL);
    place_leave(&place);
    return r;
}

/* No rights are tied together; what the owner keeps is always granted. RFC 4314, 3.7 and 2.1.1 */
int listrights_run(struct session *s, const void *args, struct err *err)
{
    const struct acl_args *a = args;
    struct place place;
    struct acl_entry entry;
    struct buf *out = session_out(s);
    int r = door_open(s, a->mailbox, RIGHT_ADMINISTER, &place, err);
    if (r < 0)
        return r;
    r = resolve(s, a->identifier, &place, &entry, err);
    if (r == 0) {
        buf_add_lit(out, "* LISTRIGHTS ");
        write_mailbox(out, a->mailbox, session_utf8(s));
        buf_add_char(out, ' ');
        write_astring(out, a->identifier, session_utf8(s));
        buf_add(out, is_owner(&entry, &place) ? STR(" la r s w i p k x t e c d\r\n")
                                              : STR(" \"\" l r s w i p k x t e a c d\r\n"));
    }
    place_leave(&place);
    return r;
}
