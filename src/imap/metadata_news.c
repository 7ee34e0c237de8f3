#include "imap/metadata_news.h"

#include "auth/directory/server_metadata.h"
#include "imap/cmd/metadata.h"
#include "imap/door.h"
#include "imap/wire/writer.h"

static struct store *store_of(const struct session *s)
{
    return mail_options(s->server->mail)->store;
}

static struct metadata_watch watch_account(struct account *account)
{
    return (struct metadata_watch){ .account = account_id(account).n,
                                    .seen = account_annotation_modseq(account) };
}

void metadata_news_enable(struct session *s, bool all)
{
    struct err ignored; /* then all there is is told once */
    if (!s->metadata.server && !s->metadata.mailboxes) {
        if (server_metadata_revision(store_of(s), &s->metadata.server_seen, &ignored) < 0)
            s->metadata.server_seen = 0;
        s->metadata.own = watch_account(s->account);
        s->metadata.selected = (struct metadata_watch){ 0 };
    }
    s->metadata.server |= !all;
    s->metadata.mailboxes |= all;
}

void metadata_news_skip(struct session *s, struct account *account, uint64_t modseq)
{
    struct metadata_watch *watch = account == s->account ? &s->metadata.own : &s->metadata.selected;
    if (modseq && watch->account == account_id(account).n)
        watch->skip = modseq;
}

/* ---- lines ---- */

/* Names of one mailbox in one line. */
struct telling {
    struct session *s;
    struct account *account;
    struct arena arena;
    bool open;
    uint64_t mailbox_id;
    uint64_t walked;          /* tell_all: the mailbox */
    bool is_private;          /* ... and the scope */
    bool hidden;              /* the mailbox is gone, or the client may not see it */
    metadata_wants_fn *wants; /* NULL: ENABLE has said so */
};

static void end_line(struct telling *t)
{
    if (t->open)
        buf_add_lit(session_out(t->s), "\r\n");
    t->open = false;
}

/* "* METADATA name"; false: not for this client. */
static bool begin_line(struct telling *t, uint64_t mailbox_id)
{
    struct session *s = t->s;
    struct mailbox *mailbox = NULL;
    struct str name = STR("\"\"");
    unsigned rights;
    struct err ignored;

    end_line(t);
    t->mailbox_id = mailbox_id;
    if (mailbox_id != ANNOTATION_ON_ACCOUNT) {
        if ((!t->wants && !s->metadata.mailboxes) ||
            account_mailbox_by_id(t->account, mailbox_id, &mailbox, &ignored) < 0)
            return false;
        name = door_shown_name(s, t->account, mailbox_name(mailbox, &t->arena), &t->arena);
        int r = door_rights(s, mailbox, &rights, &ignored);
        mailbox_unref(&mailbox);
        if (r < 0 || !(rights & RIGHT_LOOKUP) || !(rights & METADATA_RIGHTS))
            return false;
        if (t->wants && !(rights & RIGHT_READ)) /* RFC 5465, 5 */
            return false;
    }
    if (t->wants && !t->wants(s, mailbox_id == ANNOTATION_ON_ACCOUNT ? STR("") : name))
        return false;
    buf_add_lit(session_out(s), "* METADATA ");
    if (mailbox_id != ANNOTATION_ON_ACCOUNT)
        write_mailbox(session_out(s), name, session_utf8(s));
    else
        buf_add(session_out(s), name);
    t->open = true;
    return true;
}

static void tell_name(struct telling *t, uint64_t mailbox_id, bool is_private, struct str entry)
{
    if (t->mailbox_id != mailbox_id || (!t->open && !t->hidden))
        t->hidden = !begin_line(t, mailbox_id);
    if (t->hidden)
        return;
    struct str name = arena_printf(&t->arena, "%s" STR_FMT, is_private ? "/private" : "/shared",
                                   STR_ARG(entry));
    buf_add_char(session_out(t->s), ' ');
    write_astring(session_out(t->s), name, false);
}

/* ---- accounts ---- */

static bool is_for(const struct session *s, const struct account *account,
                   const struct annotation_change *change)
{
    uint64_t me = account_id(s->account).n;
    if (change->mailbox_id == ANNOTATION_ON_ACCOUNT && account != s->account)
        return false;
    return change->user == ANNOTATION_SHARED || change->user == me;
}

static int tell_existing(void *ctx, struct str entry, struct str value, struct err *err)
{
    struct telling *t = ctx;
    (void)value, (void)err;
    tell_name(t, t->walked, t->is_private, entry);
    return 0;
}

/* What changed is not known any more: whatever is there may be new. */
static void tell_all(struct telling *t, uint64_t mailbox_id)
{
    struct err ignored;
    const uint64_t users[] = { ANNOTATION_SHARED, account_id(t->s->account).n };

    t->walked = mailbox_id;
    for (size_t i = 0; i < ARRAY_COUNT(users); i++) {
        t->is_private = users[i] != ANNOTATION_SHARED;
        int r = account_annotations(t->account, mailbox_id, users[i], STR(""), ANNOTATION_DEPTH_ALL,
                                    tell_existing, t, &ignored);
        (void)r; /* who asks for the values meets the error */
    }
    end_line(t);
}

static void tell_everything(struct telling *t)
{
    struct tree *tree = account_tree(t->account);
    if (t->account == t->s->account)
        tell_all(t, ANNOTATION_ON_ACCOUNT);
    for (uint32_t i = 0; i < tree->count; i++)
        if (tree->entries[i].mailbox)
            tell_all(t, mailbox_id(tree->entries[i].mailbox));
    tree_unref(&tree);
}

void metadata_news_tell_account(struct session *s, struct account *account, struct metadata_watch *watch,
                                metadata_wants_fn *wants)
{
    struct telling t = { .s = s, .account = account, .mailbox_id = UINT64_MAX, .wants = wants };
    struct annotation_change *changes;
    size_t count;

    if (watch->account != account_id(account).n) /* another mailbox was selected */
        *watch = watch_account(account);
    uint64_t now = account_annotation_modseq(account);
    if (now <= watch->seen)
        return;
    bool complete = account_annotation_changes(account, watch->seen, &t.arena, &changes, &count);
    for (size_t i = 0; i < count && complete; i++)
        if (changes[i].modseq != watch->skip && is_for(s, account, &changes[i]))
            tell_name(&t, changes[i].mailbox_id, changes[i].user != ANNOTATION_SHARED, changes[i].entry);
    end_line(&t);
    if (!complete)
        tell_everything(&t);
    watch->seen = count && changes[count - 1].modseq > now ? changes[count - 1].modseq : now;
    arena_deinit(&t.arena);
}

/* ---- the server ---- */

static int tell_server_name(void *ctx, struct str entry, struct str value, struct err *err)
{
    (void)value, (void)err;
    tell_name(ctx, ANNOTATION_ON_ACCOUNT, false, entry);
    return 0;
}

void metadata_news_tell(struct session *s)
{
    if (!s->metadata.server && !s->metadata.mailboxes)
        return;
    metadata_news_tell_account(s, s->account, &s->metadata.own, NULL);
    if (s->selected_account && s->selected_account != s->account)
        metadata_news_tell_account(s, s->selected_account, &s->metadata.selected, NULL);
    metadata_news_tell_server(s, &s->metadata.server_seen);
}

void metadata_news_tell_server(struct session *s, uint64_t *seen)
{
    struct telling t = { .s = s, .account = s->account, .mailbox_id = UINT64_MAX };
    struct err ignored; /* told the next time */
    if (*seen && mail_directory_version(s->server->mail) <= *seen)
        return;
    int r = server_metadata_changes(store_of(s), seen, tell_server_name, &t, &ignored);
    (void)r;
    end_line(&t);
    arena_deinit(&t.arena);
}
