/* Accounts in memory: found by id, opened once, kept while referenced and, up to a number, afterwards. A
 * thread in the background folds logs and catches up with other machines. */
#include "mail/plan.h"
#include "mail/quota_domain.h"

#include <assert.h>
#include <stdlib.h>

/* ---- mailboxes ---- */

struct mailbox *mailbox_new(struct account *account, uint64_t id, uint32_t uidvalidity,
                            struct snapshot *snapshot, struct str name)
{
    struct mailbox *mailbox = calloc(1, sizeof *mailbox);
    if (!mailbox)
        abort();
    ref_init(&mailbox->ref);
    mailbox->account = account;
    mailbox->source = (struct chunk_source){ account->mail->options.store, account->id, id,
                                             &account->loaded_bytes };
    mailbox->id = id;
    mailbox->uidvalidity = uidvalidity;
    mailbox->recent_uid = 1;
    atomic_init(&mailbox->snapshot, snapshot_ref(snapshot));
    mailbox_set_name(mailbox, name);
    pthread_mutex_init(&mailbox->face_mutex, NULL);
    return mailbox;
}

struct mailbox *mailbox_ref(struct mailbox *mailbox)
{
    ref_get(&mailbox->ref);
    return mailbox;
}

static void free_faces(struct face *faces);

void mailbox_unref(struct mailbox **mailbox)
{
    struct mailbox *m = *mailbox;

    *mailbox = NULL;
    if (!m || !ref_put(&m->ref))
        return;
    struct snapshot *snapshot = atomic_load(&m->snapshot);
    snapshot_unref(&snapshot);
    acl_unref(&m->acl);
    readers_unref(&m->readers);
    free_faces(m->faces);
    pthread_mutex_destroy(&m->face_mutex);
    free(m->name);
    free(m->stored_ids);
    free(m);
}

struct snapshot *mailbox_peek(const struct mailbox *mailbox)
{
    return atomic_load_explicit(&mailbox->snapshot, memory_order_acquire);
}

struct str mailbox_peek_name(const struct mailbox *mailbox)
{
    return str_make(mailbox->name, mailbox->name_bytes);
}

void mailbox_set_name(struct mailbox *mailbox, struct str name)
{
    char *copy = malloc(name.n + 1);
    if (!copy)
        abort();
    memcpy(copy, name.p, name.n);
    free(mailbox->name);
    mailbox->name = copy;
    mailbox->name_bytes = name.n;
}

uint64_t mailbox_id(const struct mailbox *mailbox)
{
    return mailbox->id;
}

uint32_t mailbox_uidvalidity(const struct mailbox *mailbox)
{
    return mailbox->uidvalidity;
}

struct account *mailbox_account(const struct mailbox *mailbox)
{
    return mailbox->account;
}

bool mailbox_is_deleted(const struct mailbox *mailbox)
{
    return atomic_load(&mailbox->deleted);
}

struct str mailbox_name(struct mailbox *mailbox, struct arena *arena)
{
    pthread_mutex_lock(&mailbox->account->mutex);
    struct str name = arena_dup(arena, mailbox_peek_name(mailbox));
    pthread_mutex_unlock(&mailbox->account->mutex);
    return name;
}

struct acl *mailbox_acl(struct mailbox *mailbox)
{
    pthread_mutex_lock(&mailbox->account->mutex);
    struct acl *acl = acl_ref(mailbox->acl);
    pthread_mutex_unlock(&mailbox->account->mutex);
    return acl;
}

unsigned mailbox_rights(struct mailbox *mailbox, const struct acl_identity *who)
{
    struct acl *acl = mailbox_acl(mailbox);
    unsigned rights = acl_rights(acl, mailbox->account->id.n, who);
    acl_unref(&acl);
    return rights;
}

struct snapshot *mailbox_snapshot(struct mailbox *mailbox)
{
    pthread_mutex_lock(&mailbox->account->mutex);
    struct snapshot *snapshot = snapshot_ref(mailbox_peek(mailbox));
    pthread_mutex_unlock(&mailbox->account->mutex);
    return snapshot;
}

/* ---- faces ----
 * Made in two steps: the mailbox without the owner's \Seen, which is the same for all readers (kept as the face of user 0), and
 * from that what each reader has seen. So readers share all but what they have looked at. */

enum { FACES_KEPT_MAX = 32 }; /* a mailbox, beside those that somebody looks at */

/* Under the mutex. */
static struct face *find_face(const struct mailbox *mailbox, uint64_t user)
{
    struct face *face = mailbox->faces;
    while (face && face->user != user)
        face = face->next;
    return face;
}

static bool has_own_seen(const struct mailbox *mailbox, uint64_t reader)
{
    return reader && !(mailbox->acl && mailbox->acl->seen_shared);
}

/* Under the mutex: the reader's face when it is that of the mailbox as it is now; or NULL. */
static const struct face *present_face(const struct mailbox *mailbox, uint64_t reader)
{
    const struct face *plain = find_face(mailbox, 0), *face = find_face(mailbox, reader);
    bool is_present = plain && face && plain->base == mailbox_peek(mailbox) && face->base == plain->shown &&
                      face->seen == readers_find(mailbox->readers, reader);
    return is_present ? face : NULL;
}

bool mailbox_is_shown(struct mailbox *mailbox, uint64_t reader, const struct snapshot *shown)
{
    pthread_mutex_lock(&mailbox->account->mutex);
    bool is_shown = mailbox_peek(mailbox) == shown;
    if (has_own_seen(mailbox, reader)) {
        const struct face *face = present_face(mailbox, reader);
        is_shown = face && face->shown == shown;
    }
    pthread_mutex_unlock(&mailbox->account->mutex);
    return is_shown;
}

/* Under the mutex: take those off the list that nobody looks at, beyond a number. */
static struct face *take_unused(struct mailbox *mailbox)
{
    struct face *unused = NULL;
    unsigned kept = 0;
    for (struct face **at = &mailbox->faces; *at;) {
        struct face *face = *at;
        if (face->user == 0 || atomic_load(&face->shown->ref.n) > 1 || kept++ < FACES_KEPT_MAX) {
            at = &face->next;
            continue;
        }
        *at = face->next;
        face->next = unused;
        unused = face;
    }
    return unused;
}

static void free_faces(struct face *faces)
{
    while (faces) {
        struct face *face = faces;
        faces = face->next;
        face_deinit(face);
        free(face);
    }
}

/* Takes the references of `now`; in front of the list. */
static void keep_face(struct mailbox *mailbox, const struct face *now)
{
    struct face *fresh = malloc(sizeof *fresh), *former = NULL;
    if (!fresh)
        abort();
    *fresh = *now;
    pthread_mutex_lock(&mailbox->account->mutex);
    for (struct face **at = &mailbox->faces; *at && !former; at = &(*at)->next)
        if ((*at)->user == now->user) {
            former = *at;
            *at = former->next;
            former->next = NULL;
            break;
        }
    fresh->next = mailbox->faces;
    mailbox->faces = fresh;
    struct face *unused = take_unused(mailbox);
    pthread_mutex_unlock(&mailbox->account->mutex);
    free_faces(former);
    free_faces(unused);
}

/* The face of `base` for `user`, who has seen `seen`: as it is kept, or made. Own reference. */
static int get_face(struct mailbox *mailbox, uint64_t user, struct snapshot *base, struct seen *seen,
                    struct snapshot **shown_out, struct err *err)
{
    struct face before = { 0 };
    struct snapshot *shown = NULL;

    pthread_mutex_lock(&mailbox->account->mutex);
    const struct face *face = find_face(mailbox, user);
    if (face && face->base == base && face->seen == seen)
        shown = snapshot_ref(face->shown);
    else if (face)
        before = (struct face){ user, snapshot_ref(face->base), snapshot_ref(face->shown),
                                seen_ref(face->seen), NULL };
    pthread_mutex_unlock(&mailbox->account->mutex);
    int r = 0;
    if (!shown) {
        r = face_make(base, seen, before.shown ? &before : NULL, &shown, err);
        if (r == 0)
            keep_face(mailbox,
                      &(struct face){ user, snapshot_ref(base), snapshot_ref(shown), seen_ref(seen), NULL });
    }
    face_deinit(&before);
    if (r == 0)
        *shown_out = shown;
    return r;
}

/* As get_face for the mailbox as it is now. Faces of a mailbox are made one at a time: nobody makes one that another is
 * making, and none takes the place of a later one. */
static int make_faces(struct mailbox *mailbox, uint64_t reader, struct snapshot **shown_out, struct err *err)
{
    struct snapshot *plain;

    pthread_mutex_lock(&mailbox->face_mutex);
    pthread_mutex_lock(&mailbox->account->mutex);
    struct snapshot *base = snapshot_ref(mailbox_peek(mailbox));
    struct seen *seen = seen_ref(readers_find(mailbox->readers, reader));
    pthread_mutex_unlock(&mailbox->account->mutex);
    int r = get_face(mailbox, 0, base, NULL, &plain, err);
    if (r == 0) {
        r = get_face(mailbox, reader, plain, seen, shown_out, err);
        snapshot_unref(&plain);
    }
    pthread_mutex_unlock(&mailbox->face_mutex);
    snapshot_unref(&base);
    seen_unref(&seen);
    return r;
}

int mailbox_snapshot_for(struct mailbox *mailbox, uint64_t reader, struct snapshot **snapshot_out,
                         struct err *err)
{
    pthread_mutex_lock(&mailbox->account->mutex);
    struct snapshot *ready = mailbox_peek(mailbox);
    if (has_own_seen(mailbox, reader)) {
        const struct face *face = present_face(mailbox, reader);
        ready = face ? face->shown : NULL;
    }
    if (ready)
        *snapshot_out = snapshot_ref(ready);
    pthread_mutex_unlock(&mailbox->account->mutex);
    return ready ? 0 : make_faces(mailbox, reader, snapshot_out, err);
}

uint32_t mailbox_recent_count(struct mailbox *mailbox)
{
    pthread_mutex_lock(&mailbox->account->mutex);
    struct snapshot *snapshot = snapshot_ref(mailbox_peek(mailbox));
    uint32_t from = mailbox->recent_uid, count = 0, seq;
    pthread_mutex_unlock(&mailbox->account->mutex);
    if (from < snapshot->uidnext && snapshot_lower_bound(snapshot, from, &seq, NULL) == 0)
        count = snapshot->exists + 1 - seq;
    snapshot_unref(&snapshot);
    return count;
}

static struct str id_text(char letter, uint64_t id, struct arena *arena)
{
    return arena_printf(arena, "%c%llu", letter, (unsigned long long)id);
}

struct str mailbox_id_text(uint64_t id, struct arena *arena)
{
    return id_text('F', id, arena);
}

struct str email_id_text(uint64_t id, struct arena *arena)
{
    return id_text('M', id, arena);
}

struct str thread_id_text(uint64_t id, struct arena *arena)
{
    return id_text('T', id, arena);
}

/* ---- accounts ---- */

struct account *account_new(struct mail *mail, struct account_id id)
{
    struct account *a = calloc(1, sizeof *a);
    if (!a)
        abort();
    a->mail = mail;
    a->id = id;
    a->references = 1;
    a->record = (struct account_record){ .next_mailbox_id = 1, .next_email_id = 1, .next_chunk_id = 1 };
    a->fold_at = mail->options.fold_log_records;
    a->tree = tree_new_empty();
    a->quota = quota_new_empty();
    a->domain_member = quota_domains_member(mail->options.quota.domains, id);
    map_init(&a->mailboxes);
    map_init(&a->refs);
    pthread_mutex_init(&a->mutex, NULL);
    pthread_mutex_init(&a->watch_mutex, NULL);
    pthread_cond_init(&a->watch_idle, NULL);
    return a;
}

void account_free(struct account *a)
{
    struct str key;
    void *value;

    assert(!a->led && !a->watchers);
    for (size_t i = 0; map_next(&a->mailboxes, &i, &key, &value);) {
        struct mailbox *mailbox = value;
        mailbox_unref(&mailbox);
    }
    map_deinit(&a->mailboxes);
    annotation_history_forget(&a->annotations, 0);
    map_deinit(&a->refs);
    tree_unref(&a->tree);
    quota_unref(&a->quota);
    free(a->refs_changed);
    free(a->deleted_ids);
    free(a->notice.mailboxes);
    pthread_mutex_destroy(&a->mutex);
    pthread_mutex_destroy(&a->watch_mutex);
    pthread_cond_destroy(&a->watch_idle);
    free(a);
}

struct mailbox *account_find(const struct account *account, uint64_t mailbox_id)
{
    return map_get(&account->mailboxes, map_key_u64(&mailbox_id));
}

struct account_id account_id(const struct account *account)
{
    return account->id;
}

struct mail *account_mail(const struct account *account)
{
    return account->mail;
}

void account_totals(struct account *account, struct account_totals *out)
{
    pthread_mutex_lock(&account->mutex);
    *out = (struct account_totals){ .version = account->record.version,
                                    .message_count = account->record.message_count,
                                    .size_bytes = account->record.size_bytes,
                                    .mailbox_count = account->record.mailbox_count,
                                    .annotation_bytes = account->record.annotation_bytes };
    pthread_mutex_unlock(&account->mutex);
}

struct tree *account_tree(struct account *account)
{
    pthread_mutex_lock(&account->mutex);
    struct tree *tree = tree_ref(account->tree);
    pthread_mutex_unlock(&account->mutex);
    return tree;
}

int account_mailbox(struct account *account, struct str name, struct mailbox **mailbox_out, struct err *err)
{
    struct arena arena = ARENA_INIT;
    struct tree *tree = account_tree(account);
    struct str checked;
    const struct tree_entry *entry = mailbox_name_check(name, &arena, &checked, NULL) == 0
                                         ? tree_find(tree, checked)
                                         : NULL;
    struct mailbox *found = entry ? entry->mailbox : NULL;

    if (found)
        *mailbox_out = mailbox_ref(found);
    tree_unref(&tree);
    arena_deinit(&arena);
    return found ? 0 : err_set(err, ERR_NOT_FOUND, "no such mailbox");
}

int account_mailbox_by_id(struct account *account, uint64_t mailbox_id, struct mailbox **mailbox_out,
                          struct err *err)
{
    pthread_mutex_lock(&account->mutex);
    struct mailbox *found = account_find(account, mailbox_id);
    if (found)
        *mailbox_out = mailbox_ref(found);
    pthread_mutex_unlock(&account->mutex);
    return found ? 0 : err_set(err, ERR_NOT_FOUND, "no such mailbox");
}
