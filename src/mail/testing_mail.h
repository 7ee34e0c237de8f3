/* testing_mail.h: what the tests of accounts share: a model over the memory engine (through the faulty one),
 * restarts, and changes in one line. All asserts are cmocka's. */
#ifndef LOFT_MAIL_TESTING_MAIL_H
#define LOFT_MAIL_TESTING_MAIL_H

#include "base/testing.h"
#include "mail/account_private.h"
#include "mail/view.h"
#include "store/faulty/faulty.h"
#include "store/mem/mem.h"

#include <stdlib.h>

struct bench { /* one instance over a world */
    struct mem_world *world;
    struct store *store;      /* faulty over mem */
    struct clock_fake *clock; /* heap: a bench can be moved */
    struct mail_options options;
    struct mail *mail;
    size_t log_part_bytes, fold_batch_bytes; /* 0: as in life */
    struct account *account;
    struct arena arena;
    struct err err;
};

enum { BENCH_ACCOUNT = 7, BENCH_WALL_S = 1700000000 };

static inline void bench_attach(struct bench *b)
{
    struct store *mem;
    assert_int_equal(mem_store_open((struct mem_store_options){ b->world }, &mem, &b->err), 0);
    faulty_store_open(&mem, &b->store);
    b->options.store = b->store;
    b->options.clock = &b->clock->clock;
    assert_int_equal(mail_open(&b->options, &b->mail, &b->err), 0);
    if (b->log_part_bytes)
        b->mail->log_part_bytes = b->log_part_bytes;
    if (b->fold_batch_bytes)
        b->mail->fold_batch_bytes = b->fold_batch_bytes;
}

static inline void bench_open_account(struct bench *b)
{
    int r = mail_account_open(b->mail, (struct account_id){ BENCH_ACCOUNT }, &b->account, &b->err);
    if (r < 0)
        print_error("open: %s\n", b->err.text);
    assert_int_equal(r, 0);
}

static inline void bench_init_with(struct bench *b, struct mem_world *world,
                                   const struct mail_options *options)
{
    *b = (struct bench){ .world = world };
    if (options)
        b->options = *options;
    b->clock = malloc(sizeof *b->clock);
    clock_fake_init(b->clock, (int64_t)BENCH_WALL_S * 1000);
    bench_attach(b);
}

static inline void bench_init(struct bench *b, const struct mail_options *options)
{
    bench_init_with(b, mem_world_new(), options);
    assert_int_equal(mail_account_create(b->mail, (struct account_id){ BENCH_ACCOUNT }, &b->err), 0);
    bench_open_account(b);
}

static inline void bench_detach(struct bench *b)
{
    account_unref(&b->account);
    mail_close(&b->mail);
    store_close(&b->store);
}

static inline void bench_free(struct bench *b)
{
    arena_deinit(&b->arena);
    free(b->clock);
}

/* A restart. What was not committed is gone. */
static inline void bench_reopen(struct bench *b)
{
    bench_detach(b);
    bench_attach(b);
    bench_open_account(b);
}

/* Run a check on the account as it is, after a restart from the log, and after a fold and a restart. */
#define in_all_states(b, check)                                                                              \
    do {                                                                                                     \
        check;                                                                                               \
        bench_reopen(b);                                                                                     \
        check;                                                                                               \
        assert_int_equal(account_fold((b)->account, &(b)->err), 0);                                          \
        check;                                                                                               \
        bench_reopen(b);                                                                                     \
        check;                                                                                               \
    } while (0)

static inline void bench_deinit(struct bench *b)
{
    bench_detach(b);
    mem_world_free(&b->world);
    bench_free(b);
}

static inline struct seqset uids_of(struct bench *b, const char *text)
{
    struct seqset set;
    assert_int_equal(seqset_parse(str_c(text), &b->arena, &set, &b->err), 0);
    seqset_resolve(&set, UINT32_MAX);
    return set;
}

static inline const char *uids_text(struct bench *b, const struct seqset *set)
{
    struct buf out = BUF_INIT;
    seqset_write(set, &out);
    char *text = arena_c(&b->arena, buf_str(&out));
    buf_deinit(&out);
    return text;
}

/* Commit one change; returns its result. */
static inline int commit_one(struct bench *b, struct change *c)
{
    c->arena = &b->arena;
    int r = account_commit(b->account, c, 1, &b->err);
    assert_int_equal(r, c->result);
    return r;
}

static inline struct new_message message_of(struct bench *b, const char *body)
{
    struct new_message m = { .size_bytes = (uint32_t)strlen(body), .internal_date_s = BENCH_WALL_S };
    struct err err;
    int r = store_blob_write(b->store, account_id(b->account), str_c(body), STR("meta"), STR("header"),
                             &m.blob, &err);
    if (r < 0)
        m.blob.n = 0;
    return m;
}

static inline struct change append_change(struct bench *b, const char *mailbox,
                                          const struct new_message *messages, size_t count)
{
    return (struct change){ .kind = CHANGE_APPEND,
                            .arena = &b->arena,
                            .append = { .mailbox = str_c(mailbox), .messages = messages, .count = count } };
}

/* Append one message; its uid, or the negative error. */
static inline int64_t append_one(struct bench *b, const char *mailbox, const char *body, uint8_t flags)
{
    struct new_message m = message_of(b, body);
    m.flags = flags;
    struct change c = append_change(b, mailbox, &m, 1);
    int r = commit_one(b, &c);
    if (r < 0) {
        store_blob_abandon(b->store, account_id(b->account), m.blob);
        return r;
    }
    return seqset_first(&c.uids);
}

static inline uint64_t box_id(struct bench *b, const char *name)
{
    struct mailbox *box;
    if (account_mailbox(b->account, str_c(name), &box, &b->err) < 0)
        return 0;
    uint64_t id = mailbox_id(box);
    mailbox_unref(&box);
    return id;
}

static inline struct snapshot *box_snapshot(struct bench *b, const char *name)
{
    struct mailbox *box;
    assert_int_equal(account_mailbox(b->account, str_c(name), &box, &b->err), 0);
    struct snapshot *s = mailbox_snapshot(box);
    mailbox_unref(&box); /* the account keeps it */
    return s;
}

static inline int store_flags(struct bench *b, const char *name, const char *uids, enum store_mode mode,
                              uint8_t flags)
{
    struct seqset set = uids_of(b, uids);
    struct change c = { .kind = CHANGE_STORE,
                        .store = {
                            .mailbox_id = box_id(b, name), .uids = &set, .mode = mode, .flags = flags } };
    return commit_one(b, &c);
}

static inline int expunge(struct bench *b, const char *name, const char *uids)
{
    struct seqset set = uids_of(b, uids);
    struct change c = { .kind = CHANGE_EXPUNGE, .expunge = { .mailbox_id = box_id(b, name), .uids = &set } };
    return commit_one(b, &c);
}

static inline int copy_to(struct bench *b, const char *name, const char *uids, const char *target, bool move)
{
    struct seqset set = uids_of(b, uids);
    struct change c = {
        .kind = CHANGE_COPY,
        .copy = { .mailbox_id = box_id(b, name), .uids = &set, .target = str_c(target), .move = move }
    };
    return commit_one(b, &c);
}

static inline int create_box(struct bench *b, const char *name)
{
    struct change c = { .kind = CHANGE_CREATE, .create = { .name = str_c(name) } };
    return commit_one(b, &c);
}

static inline int delete_box(struct bench *b, const char *name)
{
    struct change c = { .kind = CHANGE_DELETE, .delete = { .name = str_c(name) } };
    return commit_one(b, &c);
}

static inline int rename_box(struct bench *b, const char *from, const char *to)
{
    struct change c = { .kind = CHANGE_RENAME, .rename = { str_c(from), str_c(to) } };
    return commit_one(b, &c);
}

static inline int subscribe_box(struct bench *b, const char *name, bool subscribe)
{
    struct change c = { .kind = CHANGE_SUBSCRIBE, .subscribe = { str_c(name), subscribe } };
    return commit_one(b, &c);
}

#endif
