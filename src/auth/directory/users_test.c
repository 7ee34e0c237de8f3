#include "auth/directory/users.h"
#include "base/codec.h"
#include "base/testing.h"
#include "store/faulty/faulty.h"
#include "store/mem/mem.h"

#include <pthread.h>
#include <stdlib.h>

/* ---- a directory over the memory engine ---- */

struct fixture {
    struct store *store; /* faulty, over memory */
    struct clock_fake clock;
    struct users *users;
    struct err err;
};

static struct users *open_users(struct fixture *f, struct store *store)
{
    struct users *users = NULL;
    struct users_params params = { store, &f->clock.clock, 1, 8192 };
    assert_int_equal(users_open(&params, &users, &f->err), 0);
    return users;
}

static struct store *open_store(struct mem_world *world)
{
    struct store *inner = NULL, *store = NULL;
    assert_int_equal(mem_store_open((struct mem_store_options){ world }, &inner, NULL), 0);
    faulty_store_open(&inner, &store);
    return store;
}

static void begin(struct fixture *f)
{
    *f = (struct fixture){ .store = open_store(NULL) };
    clock_fake_init(&f->clock, 1700000000000);
    f->users = open_users(f, f->store);
}

static void end(struct fixture *f)
{
    users_free(&f->users);
    assert_null(f->users);
    users_free(&f->users);
    store_close(&f->store);
}

static struct user add(struct fixture *f, const char *name)
{
    struct user user;
    int r = users_add(f->users, str_c(name), STR("secret"), &user, &f->err);
    assert_row(r == 0, 0, f->err.text);
    return user;
}

/* ---- names ---- */

static void test_name_has_one_spelling(void **state)
{
    (void)state;
    static const struct {
        struct str in;
        int r;
        const char *out;
    } cases[] = {
        { STR_INIT("anna@example.org"), 0, "anna@example.org" },
        { STR_INIT("Anna@Example.ORG"), 0, "anna@example.org" },
        { STR_INIT("a"), 0, "a" },
        { STR_INIT("a+b%c'd"), 0, "a+b%c'd" },
        { STR_INIT("\303\211va"), 0, "\303\251va" },
        { STR_INIT("e\314\201va"), 0, "\303\251va" },
        { STR_INIT("\347\224\250\346\210\267"), 0, "\347\224\250\346\210\267" },
        { STR_INIT("a..b"), 0, "a..b" },
        { STR_INIT(""), -ERR_INVALID, NULL },
        { STR_INIT("."), -ERR_INVALID, NULL },
        { STR_INIT(".."), -ERR_INVALID, NULL },
        { STR_INIT(".anna"), -ERR_INVALID, NULL },
        { STR_INIT("a/b"), -ERR_INVALID, NULL },
        { STR_INIT("a b"), -ERR_INVALID, NULL },
        { STR_INIT(" a"), -ERR_INVALID, NULL },
        { STR_INIT("a\0b"), -ERR_INVALID, NULL },
        { STR_INIT("a\r\nb"), -ERR_INVALID, NULL },
        { STR_INIT("a\177"), -ERR_INVALID, NULL },
        { STR_INIT("a\302\205"), -ERR_INVALID, NULL },      /* NEL, a C1 control */
        { STR_INIT("a\302\240b"), -ERR_INVALID, NULL },     /* no-break space */
        { STR_INIT("a\342\200\250b"), -ERR_INVALID, NULL }, /* line separator */
        { STR_INIT("\377"), -ERR_INVALID, NULL },
        { STR_INIT("a\300\257b"), -ERR_INVALID, NULL },   /* '/' in an overlong form */
        { STR_INIT("\355\240\200"), -ERR_INVALID, NULL }, /* a surrogate */
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        char out[USER_NAME_BYTES_MAX + 1] = "";
        struct err err = { 0 };
        assert_row(users_normalise_name(cases[i].in, out, &err) == cases[i].r, i, err.text);
        assert_row(cases[i].r < 0 || strcmp(out, cases[i].out) == 0, i, out);
    }
}

static void test_name_has_a_limit(void **state)
{
    (void)state;
    char name[USER_NAME_BYTES_MAX + 1], out[USER_NAME_BYTES_MAX + 1];
    memset(name, 'N', sizeof name);
    for (size_t n = USER_NAME_BYTES_MAX - 1; n <= USER_NAME_BYTES_MAX + 1; n++)
        assert_row(users_normalise_name(str_make(name, n), out, NULL) ==
                       (n <= USER_NAME_BYTES_MAX ? 0 : -ERR_LIMIT),
                   n, "length");
    struct buf huge = BUF_INIT;
    memset(buf_reserve(&huge, 100000), 'a', 100000);
    huge.n = 100000;
    assert_int_equal(users_normalise_name(buf_str(&huge), out, NULL), -ERR_LIMIT);
    buf_deinit(&huge);
}

/* ---- one after the other ---- */

static void test_added_user_is_found_by_any_spelling(void **state)
{
    (void)state;
    struct fixture f;
    struct user found;
    begin(&f);
    struct user anna = add(&f, "Anna@Example.org");
    assert_string_equal(anna.name, "anna@example.org");
    assert_int_equal(anna.account.n, FIRST_ACCOUNT_ID);
    assert_int_equal(anna.created_ms, 1700000000000);
    assert_false(anna.disabled);
    for (int i = 0; i < 2; i++) { /* from the store, then from memory */
        assert_int_equal(users_find(f.users, STR("ANNA@example.org"), &found, &f.err), 0);
        assert_memory_equal(&found, &anna, sizeof found);
    }
    assert_int_equal(users_find(f.users, STR("anna"), &found, &f.err), -ERR_NOT_FOUND);
    assert_int_equal(users_find(f.users, STR("../anna"), &found, &f.err), -ERR_NOT_FOUND);
    end(&f);
}

static void test_refused_users_leave_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *name, *password;
        int r;
    } cases[] = {
        { "ANNA", "secret", -ERR_EXISTS },
        { "a/b", "secret", -ERR_INVALID },
        { "bob", "", -ERR_INVALID },
    };
    struct fixture f;
    struct user user;
    uint64_t before, after;
    begin(&f);
    add(&f, "anna");
    assert_int_equal(store_version(f.store, DIRECTORY_ACCOUNT, &before, NULL), 0);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        assert_row(users_add(f.users, str_c(cases[i].name), str_c(cases[i].password), &user, &f.err) ==
                       cases[i].r,
                   i, cases[i].name);
    assert_int_equal(store_version(f.store, DIRECTORY_ACCOUNT, &after, NULL), 0);
    assert_int_equal(before, after);
    end(&f);
}

static void test_changes_move_the_revision(void **state)
{
    (void)state;
    struct fixture f;
    struct user a, b, c;
    begin(&f);
    a = add(&f, "anna");
    add(&f, "bob");
    assert_int_equal(users_set_password(f.users, STR("Anna"), STR("other"), &f.err), 0);
    assert_int_equal(users_find(f.users, STR("anna"), &b, &f.err), 0);
    assert_true(b.revision > a.revision);
    assert_string_not_equal(b.hash, a.hash);
    assert_int_equal(b.account.n, a.account.n);
    assert_int_equal(users_set_disabled(f.users, STR("anna"), true, &f.err), 0);
    assert_int_equal(users_find(f.users, STR("anna"), &c, &f.err), 0);
    assert_true(c.disabled && c.revision > b.revision);
    assert_string_equal(c.hash, b.hash);

    assert_int_equal(users_set_password(f.users, STR("nobody"), STR("x"), &f.err), -ERR_NOT_FOUND);
    assert_int_equal(users_set_password(f.users, STR("a/b"), STR("x"), &f.err), -ERR_NOT_FOUND);
    assert_int_equal(users_set_password(f.users, STR("anna"), STR(""), &f.err), -ERR_INVALID);
    assert_int_equal(users_set_disabled(f.users, STR("nobody"), true, &f.err), -ERR_NOT_FOUND);
    end(&f);
}

static int note_name(void *ctx, const struct user *user, struct err *err)
{
    (void)err;
    buf_printf(ctx, "%s=%llu ", user->name, (unsigned long long)user->account.n);
    return strcmp(user->name, "stop") == 0;
}

static void test_users_are_listed_in_order(void **state)
{
    (void)state;
    struct fixture f;
    struct buf names = BUF_INIT;
    begin(&f);
    assert_int_equal(users_list(f.users, note_name, &names, &f.err), 0);
    assert_str(buf_str(&names), "");
    add(&f, "zoe");
    add(&f, "Anna");
    add(&f, "stop");
    assert_int_equal(users_list(f.users, note_name, &names, &f.err), 0);
    assert_str(buf_str(&names), "anna=2 stop=3 "); /* the callback ended it before zoe */
    buf_deinit(&names);
    end(&f);
}

static void test_deleted_account_id_is_never_given_again(void **state)
{
    (void)state;
    struct fixture f;
    struct account_id gone, pending;
    struct user user;
    begin(&f);
    struct user anna = add(&f, "anna");
    struct batch mail = BATCH_INIT;
    batch_put(&mail, STR("key"), STR("value"));
    assert_int_equal(store_commit(f.store, anna.account, 0, 1, &mail, &f.err), 0);
    batch_deinit(&mail);

    assert_int_equal(users_next_deleted(f.users, &pending, &f.err), 0);
    assert_int_equal(users_purge(f.users, anna.account, &f.err), -ERR_NOT_FOUND); /* she is there */
    assert_int_equal(users_delete(f.users, STR("ANNA"), &gone, &f.err), 0);
    assert_int_equal(gone.n, anna.account.n);
    assert_int_equal(users_find(f.users, STR("anna"), &user, &f.err), -ERR_NOT_FOUND);
    assert_int_equal(users_delete(f.users, STR("anna"), &gone, &f.err), -ERR_NOT_FOUND);
    struct user again = add(&f, "anna");
    assert_int_equal(again.account.n, anna.account.n + 1);

    assert_int_equal(users_next_deleted(f.users, &pending, &f.err), 1);
    assert_int_equal(pending.n, anna.account.n);
    assert_int_equal(users_purge(f.users, pending, &f.err), 0);
    uint64_t version;
    assert_int_equal(store_version(f.store, anna.account, &version, &f.err), 0);
    assert_int_equal(version, 0);
    assert_int_equal(users_next_deleted(f.users, &pending, &f.err), 0);
    assert_int_equal(users_purge(f.users, anna.account, &f.err), -ERR_NOT_FOUND);
    end(&f);
}

/* ---- damage ---- */

static void test_damaged_record_is_told_not_used(void **state)
{
    (void)state;
    static const struct {
        struct str value;
        const char *text;
    } cases[] = {
        { STR_INIT(""), "has format 0" },
        { STR_INIT("\4whatever"), "has format 4: a newer Loft wrote it" },
        { STR_INIT("\1"), "is damaged" },
        { STR_INIT("\1\0aaaaaaaa\0bbbbbbbb\1"), "is damaged" },                /* account 0 */
        { STR_INIT("\1\1aaaaaaaa\0bbbbbbbb\5abc"), "is damaged" },             /* hash cut off */
        { STR_INIT("\1\1aaaaaaaa\0bbbbbbbb\2hmore"), "is damaged" },           /* bytes left over */
        { STR_INIT("\2\1aaaaaaaa\0bbbbbbbb\2h"), "is damaged" },               /* no hidden capabilities */
        { STR_INIT("\3\1aaaaaaaa\0bbbbbbbb\2h\1\1\1cccccccc"), "is damaged" }, /* no notes of holds */
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct fixture f;
        struct user user;
        struct batch batch = BATCH_INIT;
        begin(&f);
        batch_put(&batch, STR("U/anna"), cases[i].value);
        assert_int_equal(store_commit(f.store, DIRECTORY_ACCOUNT, 0, 1, &batch, &f.err), 0);
        assert_row(users_find(f.users, STR("anna"), &user, &f.err) == -ERR_CORRUPT, i, f.err.text);
        assert_row(strstr(f.err.text, cases[i].text) != NULL, i, f.err.text);
        assert_row(users_add(f.users, STR("anna"), STR("x"), &user, &f.err) == -ERR_CORRUPT, i, f.err.text);
        batch_deinit(&batch);
        end(&f);
    }
}

/* Each call of the store fails once: an error comes back, and the directory stays whole. */
static void test_every_failing_call_leaves_the_directory_whole(void **state)
{
    (void)state;
    for (uint64_t n = 1;; n++) {
        struct fixture f;
        struct user user, found;
        begin(&f);
        add(&f, "anna");
        faulty_store_plan(f.store, &(struct faulty_plan){ .ops = FAULTY_ALL, .nth = n, .error = ERR_IO });
        int added = users_add(f.users, STR("bob"), STR("x"), &user, &f.err);
        int changed = users_set_password(f.users, STR("anna"), STR("y"), &f.err);
        bool all_broken = faulty_store_count(f.store) < n;
        faulty_store_plan(f.store, &(struct faulty_plan){ .ops = 0 });
        assert_row(all_broken || added == -ERR_IO || changed == -ERR_IO || added == 0, n, f.err.text);
        assert_row(users_find(f.users, STR("bob"), &found, &f.err) == (added == 0 ? 0 : -ERR_NOT_FOUND), n,
                   f.err.text);
        assert_row(users_find(f.users, STR("anna"), &found, &f.err) == 0, n, f.err.text);
        assert_row(added < 0 || found.account.n != user.account.n, n, "ids differ");
        end(&f);
        if (all_broken)
            break;
    }
}

static void test_conflicts_are_planned_again_and_not_for_ever(void **state)
{
    (void)state;
    struct fixture f;
    struct user user;
    begin(&f);
    faulty_store_plan(f.store,
                      &(struct faulty_plan){ .ops = FAULTY_COMMIT, .nth = 1, .error = ERR_CONFLICT });
    assert_int_equal(users_add(f.users, STR("anna"), STR("x"), &user, &f.err), 0);
    faulty_store_plan(f.store, &(struct faulty_plan){
                                   .ops = FAULTY_COMMIT, .nth = 1, .error = ERR_CONFLICT, .stay = true });
    assert_int_equal(users_add(f.users, STR("bob"), STR("x"), &user, &f.err), -ERR_UNAVAILABLE);
    end(&f);
}

/* ---- together ---- */

static void test_other_instances_change_is_seen_at_once(void **state)
{
    (void)state;
    struct fixture f = { .store = NULL };
    struct mem_world *world = mem_world_new();
    struct store *stores[2] = { open_store(world), open_store(world) };
    struct users *users[2];
    struct user user;
    clock_fake_init(&f.clock, 0);
    for (size_t i = 0; i < 2; i++)
        users[i] = open_users(&f, stores[i]);
    assert_int_equal(users_add(users[0], STR("anna"), STR("x"), &user, &f.err), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(users_find(users[i], STR("anna"), &user, &f.err), 0);
    assert_int_equal(users_set_disabled(users[1], STR("anna"), true, &f.err), 0);
    assert_int_equal(users_find(users[0], STR("anna"), &user, &f.err), 0);
    assert_true(user.disabled);
    struct account_id gone;
    assert_int_equal(users_delete(users[1], STR("anna"), &gone, &f.err), 0);
    assert_int_equal(users_find(users[0], STR("anna"), &user, &f.err), -ERR_NOT_FOUND);
    for (size_t i = 0; i < 2; i++) {
        users_free(&users[i]);
        store_close(&stores[i]);
    }
    mem_world_free(&world);
}

enum { RACERS = 4, RACER_USERS = 25 };

struct racer {
    struct users *users;
    int number;
    int failures;
};

static void *race(void *ctx)
{
    struct racer *racer = ctx;
    for (int i = 0; i < RACER_USERS; i++) {
        char own[32];
        struct user user;
        snprintf(own, sizeof own, "user-%d-%d", racer->number, i);
        racer->failures += users_add(racer->users, str_c(own), STR("x"), &user, NULL) != 0;
        racer->failures += users_find(racer->users, str_c(own), &user, NULL) != 0;
        int r = users_add(racer->users, STR("everybody"), STR("x"), &user, NULL);
        racer->failures += r != 0 && r != -ERR_EXISTS;
    }
    return NULL;
}

static int note_id(void *ctx, const struct user *user, struct err *err)
{
    bool *seen = ctx;
    (void)err;
    if (user->account.n > RACERS * RACER_USERS + 1 || seen[user->account.n])
        return -ERR_CORRUPT;
    seen[user->account.n] = true;
    return 0;
}

static void test_racing_instances_never_share_an_account_id(void **state)
{
    (void)state;
    struct fixture f = { .store = NULL };
    struct mem_world *world = mem_world_new();
    struct store *stores[2] = { open_store(world), open_store(world) };
    struct users *users[2];
    struct racer racers[RACERS];
    pthread_t threads[RACERS];
    bool seen[RACERS * RACER_USERS + 2] = { false };
    clock_fake_init(&f.clock, 0);
    for (size_t i = 0; i < 2; i++)
        users[i] = open_users(&f, stores[i]);
    for (int i = 0; i < RACERS; i++) {
        racers[i] = (struct racer){ users[i % 2], i, 0 };
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    }
    for (int i = 0; i < RACERS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(racers[i].failures, 0);
    }
    assert_int_equal(users_list(users[0], note_id, seen, &f.err), 0);
    for (size_t i = 1; i < ARRAY_COUNT(seen); i++)
        assert_row(seen[i], i, "account id"); /* without gaps, too */
    for (size_t i = 0; i < 2; i++) {
        users_free(&users[i]);
        store_close(&stores[i]);
    }
    mem_world_free(&world);
}

/* ---- what clients are told ---- */

/* Bytes as Loft of that time wrote them; str is a varint of its length and one, then the bytes. */
static const struct {
    struct str bytes;
    const char *hidden, *referral, *provider, *reason;
    bool locked;
    int64_t password_changed_ms;
} old_records[] = {
    { STR_INIT("\1\115\322\4\0\0\0\0\0\0\1\t\0\0\0\0\0\0\0\5hash"), "", "", "", "", false, 1234 },
    { STR_INIT("\2\115\322\4\0\0\0\0\0\0\1\t\0\0\0\0\0\0\0\5hash\5IDLE\13imap://b/x"), "IDLE", "imap://b/x",
      "", "", false, 1234 },
    { STR_INIT("\3\115\322\4\0\0\0\0\0\0\3\t\0\0\0\0\0\0\0\5hash\1\1\5ldap\322\5\0\0\0\0\0\0"
               "\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\5left\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"),
      "", "", "ldap", "left", true, 1490 },
};

static void test_records_of_every_format_are_read_and_kept(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(old_records); i++) {
        struct fixture f;
        struct user user;
        struct batch batch = BATCH_INIT;
        begin(&f);
        batch_put(&batch, STR("U/old"), old_records[i].bytes);
        assert_int_equal(store_commit(f.store, DIRECTORY_ACCOUNT, 0, 1, &batch, &f.err), 0);
        for (int again = 0; again < 2; again++) { /* as it was, then as this version writes it */
            f.err.text[0] = '\0';
            assert_row(users_find(f.users, STR("old"), &user, &f.err) == 0, i, f.err.text);
            assert_row(user.account.n == 77 && user.created_ms == 1234 && user.disabled, i, "numbers");
            assert_row(strcmp(user.hash, "hash") == 0, i, user.hash);
            assert_row(strncmp(user.hidden, old_records[i].hidden, strlen(old_records[i].hidden)) == 0, i,
                       user.hidden);
            assert_row(strcmp(user.referral, old_records[i].referral) == 0, i, user.referral);
            assert_row(strcmp(user.provider, old_records[i].provider) == 0, i, user.provider);
            assert_row(strcmp(user.disabled_note.reason, old_records[i].reason) == 0, i,
                       user.disabled_note.reason);
            assert_row(user.locked == old_records[i].locked, i, "locked");
            assert_row(user.password_changed_ms == old_records[i].password_changed_ms, i, "password");
            assert_int_equal(users_hide_capability(f.users, STR("old"), STR("QRESYNC"), again == 0, &f.err),
                             0);
        }
        batch_deinit(&batch);
        end(&f);
    }
}

static void put_old(struct fixture *f, const char *name, uint64_t account)
{
    struct buf key = BUF_INIT, record = BUF_INIT;
    struct batch batch = BATCH_INIT;
    uint64_t version;
    buf_printf(&key, "U/%s", name);
    buf_put_u8(&record, 1);
    buf_put_varint(&record, account);
    buf_put_u64(&record, 1234);
    buf_put_u8(&record, 0);
    buf_put_u64(&record, 9);
    buf_put_str(&record, STR("hash"));
    batch_put(&batch, buf_str(&key), buf_str(&record));
    assert_int_equal(store_version(f->store, DIRECTORY_ACCOUNT, &version, NULL), 0);
    assert_int_equal(store_commit(f->store, DIRECTORY_ACCOUNT, version, version + 1, &batch, NULL), 0);
    batch_deinit(&batch);
    buf_deinit(&key);
    buf_deinit(&record);
}

#define BIG_EVA   "\303\211va@example.org" /* capital E with acute: another spelling of the next one today */
#define SMALL_EVA "\303\251va@example.org"
#define WIDE_ANNA "\357\275\201nna"
#define EMOJI     "\360\237\222\251@example.org"

static void test_names_from_before_rfc_8265_are_found_as_they_were(void **state)
{
    static const struct {
        const char *typed, *name; /* NULL: nobody */
    } cases[] = {
        { BIG_EVA, BIG_EVA },
        { "\303\211VA@EXAMPLE.org", BIG_EVA },
        { "E\314\201va@example.org", BIG_EVA },
        { SMALL_EVA, NULL },
        { EMOJI, EMOJI },
        { "anna", "anna" },
        { WIDE_ANNA, WIDE_ANNA },    /* never the mail of another */
        { "\357\274\242ob", "bob" }, /* full width, of nobody before */
        { "\342\230\203", NULL },
    };
    struct fixture f;
    struct user user;
    struct account_id gone;
    (void)state;
    begin(&f);
    put_old(&f, BIG_EVA, 71);
    put_old(&f, WIDE_ANNA, 72);
    put_old(&f, EMOJI, 73);
    add(&f, "anna");
    add(&f, "bob");
    for (int again = 0; again < 2; again++)
        for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
            int r = users_find(f.users, str_c(cases[i].typed), &user, &f.err);
            assert_row(r == (cases[i].name ? 0 : -ERR_NOT_FOUND), i, cases[i].typed);
            assert_row(r < 0 || strcmp(user.name, cases[i].name) == 0, i, user.name);
        }
    /* What is changed stays under the name. */
    assert_int_equal(users_set_disabled(f.users, STR(EMOJI), true, &f.err), 0);
    assert_int_equal(users_set_password(f.users, STR(BIG_EVA), STR("new"), &f.err), 0);
    assert_int_equal(users_set_referral(f.users, STR(BIG_EVA), STR("imap://b/"), &f.err), 0);
    assert_int_equal(users_find(f.users, STR(BIG_EVA), &user, &f.err), 0);
    assert_true(user.account.n == 71 && user.password_changed_ms == 1700000000000);
    /* Nobody gets a name that is the same today. */
    assert_int_equal(users_add(f.users, STR(SMALL_EVA), STR("x"), &user, &f.err), -ERR_EXISTS);
    assert_string_equal(f.err.text, "user " BIG_EVA " exists already");
    assert_int_equal(users_add_foreign(f.users, STR(SMALL_EVA), "ldap", &user, &f.err), -ERR_EXISTS);
    assert_int_equal(users_add(f.users, STR("\360\237\222\252"), STR("x"), &user, &f.err), -ERR_INVALID);
    assert_int_equal(users_delete(f.users, STR(BIG_EVA), &gone, &f.err), 0);
    assert_int_equal(gone.n, 71);
    assert_int_equal(users_add(f.users, STR(BIG_EVA), STR("x"), &user, &f.err), 0);
    assert_string_equal(user.name, SMALL_EVA);
    end(&f);
}

static void test_domains_are_spelled_label_by_label(void **state)
{
    static const struct {
        struct str in;
        const char *out; /* NULL: none */
    } cases[] = {
        { STR_INIT("anna@M\303\234NCHEN.example"), "anna@m\303\274nchen.example" },
        { STR_INIT("\327\220@example.org"),
          "\327\220@example.org" }, /* each way of writing in a part of its own */
        { STR_INIT("anna@\327\220.example"), "anna@\327\220.example" },
        { STR_INIT("\327\220a@example.org"), NULL },
        { STR_INIT("anna@a\342\200\256.example"), NULL },
        { STR_INIT("anna@\357\274\205"), "anna@%" },
        { STR_INIT("a\357\274\217b"), NULL },           /* a wide "/" is one */
        { STR_INIT("\357\274\216\357\274\216"), NULL }, /* two wide dots */
        { STR_INIT("anna\357\274\240example.org"), "anna@example.org" },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        char out[USER_NAME_BYTES_MAX + 1] = "";
        int r = users_normalise_name(cases[i].in, out, NULL);
        assert_row(r == (cases[i].out ? 0 : -ERR_INVALID), i, cases[i].in.p);
        assert_row(r < 0 || strcmp(out, cases[i].out) == 0, i, out);
    }
}

static void test_holds_have_reasons_and_end(void **state)
{
    static const struct {
        enum user_hold hold;
        int64_t until_ms; /* from now */
        const char *reason;
        int r;
    } cases[] = {
        { USER_DISABLED, 0, "", 0 },
        { USER_DISABLED, 1000, "on leave", 0 },
        { USER_LOCKED, 1000, "stolen telephone", 0 },
        { USER_LOCKED, 0, "", 0 },
        { USER_LOCKED, -1, "", -ERR_INVALID },
        { USER_LOCKED, 0, "two\nlines", -ERR_INVALID },
        { USER_LOCKED, 0, "\377", -ERR_INVALID },
        { USER_LOCKED, 0, "\033[2J", -ERR_INVALID },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct fixture f;
        struct user user;
        struct user_hold_note note = { .reason = "" };
        begin(&f);
        add(&f, "anna");
        snprintf(note.reason, sizeof note.reason, "%s", cases[i].reason);
        if (cases[i].until_ms)
            note.until_ms = 1700000000000 + cases[i].until_ms;
        assert_row(users_set_hold(f.users, STR("ANNA"), cases[i].hold, &note, true, &f.err) == cases[i].r, i,
                   cases[i].reason);
        assert_int_equal(users_find(f.users, STR("anna"), &user, &f.err), 0);
        bool disabled = cases[i].hold == USER_DISABLED;
        assert_row(user.disabled == (disabled && cases[i].r == 0), i, "disabled");
        assert_row(user.locked == (!disabled && cases[i].r == 0), i, "locked");
        assert_row(user.refuses_mail == (disabled && cases[i].r == 0), i, "refuses mail");
        if (cases[i].r == 0) {
            const struct user_hold_note *kept = disabled ? &user.disabled_note : &user.locked_note;
            assert_string_equal(kept->reason, cases[i].reason);
            assert_int_equal(kept->since_ms, 1700000000000);
        }
        clock_fake_advance(&f.clock, 999);
        assert_int_equal(users_find(f.users, STR("anna"), &user, &f.err), 0);
        assert_row((user.disabled || user.locked) == (cases[i].r == 0), i, "not yet");
        clock_fake_advance(&f.clock, 1);
        assert_int_equal(users_find(f.users, STR("anna"), &user, &f.err), 0);
        assert_row((user.disabled || user.locked) == (cases[i].r == 0 && !cases[i].until_ms), i, "its end");
        assert_row(user.refuses_mail == user.disabled, i, "mail again");
        assert_int_equal(users_set_hold(f.users, STR("anna"), cases[i].hold, NULL, false, &f.err), 0);
        assert_int_equal(users_find(f.users, STR("anna"), &user, &f.err), 0);
        assert_row(!user.disabled && !user.locked, i, "taken off");
        assert_int_equal(users_set_hold(f.users, STR("bob"), cases[i].hold, NULL, false, &f.err),
                         -ERR_NOT_FOUND);
        end(&f);
    }
}

static void test_foreign_users_have_no_password_here(void **state)
{
    struct fixture f;
    struct user user, found;
    (void)state;
    begin(&f);
    add(&f, "anna");
    assert_int_equal(users_add_foreign(f.users, STR("Anna"), "ldap", &user, &f.err), -ERR_EXISTS);
    assert_int_equal(users_add_foreign(f.users, STR("a/b"), "ldap", &user, &f.err), -ERR_INVALID);
    assert_int_equal(users_add_foreign(f.users, STR("Bob"), "ldap", &user, &f.err), 0);
    assert_int_equal(users_find(f.users, STR("bob"), &found, &f.err), 0);
    assert_memory_equal(&found, &user, sizeof found);
    assert_string_equal(found.provider, "ldap");
    assert_string_equal(found.hash, "");
    assert_int_equal(users_set_password(f.users, STR("bob"), STR("secret"), &f.err), -ERR_CANNOT);
    assert_string_equal(f.err.text, "the password of bob is kept by ldap");
    assert_int_equal(users_set_disabled(f.users, STR("bob"), true, &f.err), 0);
    assert_int_equal(users_find(f.users, STR("bob"), &found, &f.err), 0);
    assert_true(found.disabled && strcmp(found.provider, "ldap") == 0);
    end(&f);
}

static void test_a_record_says_when_its_password_was_set(void **state)
{
    struct fixture f;
    struct user user;
    (void)state;
    begin(&f);
    assert_int_equal(add(&f, "anna").password_changed_ms, 1700000000000);
    clock_fake_advance(&f.clock, 5000);
    assert_int_equal(users_set_disabled(f.users, STR("anna"), true, &f.err), 0);
    assert_int_equal(users_find(f.users, STR("anna"), &user, &f.err), 0);
    assert_int_equal(user.password_changed_ms, 1700000000000);
    assert_int_equal(users_set_password(f.users, STR("anna"), STR("new"), &f.err), 0);
    assert_int_equal(users_find(f.users, STR("anna"), &user, &f.err), 0);
    assert_int_equal(user.password_changed_ms, 1700000005000);
    end(&f);
}

static void test_capabilities_are_hidden_and_shown_again(void **state)
{
    static const struct {
        const char *name;
        bool hide;
        int r;
        const char *hidden;
    } cases[] = {
        { "QRESYNC", true, 0, "QRESYNC" },
        { "qresync", true, -ERR_EXISTS, "QRESYNC" },
        { "THREAD=*", true, 0, "QRESYNC THREAD=*" },
        { "IDLE", false, -ERR_NOT_FOUND, "QRESYNC THREAD=*" },
        { "", true, -ERR_INVALID, "QRESYNC THREAD=*" },
        { "*", true, -ERR_INVALID, "QRESYNC THREAD=*" },
        { "a b", true, -ERR_INVALID, "QRESYNC THREAD=*" },
        { "a,b", true, -ERR_INVALID, "QRESYNC THREAD=*" },
        { "a*b", true, -ERR_INVALID, "QRESYNC THREAD=*" },
        { "\xc3\xa4", true, -ERR_INVALID, "QRESYNC THREAD=*" },
        { "IDLE", true, 0, "QRESYNC THREAD=* IDLE" },
        { "thread=*", false, 0, "QRESYNC IDLE" },
        { "qresync", false, 0, "IDLE" },
        { "IDLE", false, 0, "" },
    };
    struct fixture f;
    struct user user;
    char longest[USER_HIDDEN_BYTES_MAX + 2] = "";
    (void)state;
    begin(&f);
    add(&f, "anna");
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        int r = users_hide_capability(f.users, STR("Anna"), str_c(cases[i].name), cases[i].hide, &f.err);
        assert_row(r == cases[i].r, i, cases[i].name);
        assert_int_equal(users_find(f.users, STR("anna"), &user, &f.err), 0);
        assert_row(strcmp(user.hidden, cases[i].hidden) == 0, i, user.hidden);
    }
    memset(longest, 'X', USER_HIDDEN_BYTES_MAX + 1);
    assert_int_equal(users_hide_capability(f.users, STR("anna"), str_c(longest), true, &f.err), -ERR_LIMIT);
    longest[USER_HIDDEN_BYTES_MAX] = '\0';
    assert_int_equal(users_hide_capability(f.users, STR("anna"), str_c(longest), true, &f.err), 0);
    assert_int_equal(users_hide_capability(f.users, STR("bob"), STR("IDLE"), true, &f.err), -ERR_NOT_FOUND);
    end(&f);
}

static void test_referrals_are_set_and_known(void **state)
{
    static const struct {
        const char *url;
        int r;
    } cases[] = {
        { "http://x/", -ERR_INVALID },     { "imap://a]b/", -ERR_INVALID }, { "imap://a b/", -ERR_INVALID },
        { "imap://a\r\nb", -ERR_INVALID }, { "IMAP://anna;AUTH=*@b/", 0 },  { "imaps://b/", 0 },
    };
    struct fixture f;
    struct user user;
    struct account_id id;
    (void)state;
    begin(&f);
    add(&f, "anna");
    add(&f, "bob");
    assert_false(users_have_referrals(f.users));
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        assert_row(users_set_referral(f.users, STR("Anna"), str_c(cases[i].url), &f.err) == cases[i].r, i,
                   cases[i].url);
        assert_row(users_have_referrals(f.users) == (i >= 4), i, cases[i].url);
    }
    assert_int_equal(users_find(f.users, STR("anna"), &user, &f.err), 0);
    assert_string_equal(user.referral, "imaps://b/");
    assert_int_equal(users_find(f.users, STR("bob"), &user, &f.err), 0);
    assert_string_equal(user.referral, "");
    assert_int_equal(users_set_referral(f.users, STR("anna"), STR_NIL, &f.err), 0);
    assert_false(users_have_referrals(f.users));
    assert_int_equal(users_set_referral(f.users, STR("bob"), STR("imap://c/"), &f.err), 0);
    assert_true(users_have_referrals(f.users));
    assert_int_equal(users_delete(f.users, STR("bob"), &id, &f.err), 0);
    assert_false(users_have_referrals(f.users));
    assert_int_equal(users_set_referral(f.users, STR("bob"), STR("imap://c/"), &f.err), -ERR_NOT_FOUND);
    end(&f);
}

static void test_secret_stays_with_its_directory(void **state)
{
    (void)state;
    struct fixture f;
    unsigned char first[USERS_SECRET_BYTES], again[USERS_SECRET_BYTES], other[USERS_SECRET_BYTES];
    struct users *second;
    begin(&f);
    assert_int_equal(users_secret(f.users, first, &f.err), 0);
    second = open_users(&f, f.store);
    assert_int_equal(users_secret(second, again, &f.err), 0);
    assert_memory_equal(first, again, sizeof first);
    users_free(&second);
    end(&f);
    begin(&f);
    assert_int_equal(users_secret(f.users, other, &f.err), 0);
    assert_memory_not_equal(first, other, sizeof first);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_secret_stays_with_its_directory),
        cmocka_unit_test(test_name_has_one_spelling),
        cmocka_unit_test(test_name_has_a_limit),
        cmocka_unit_test(test_added_user_is_found_by_any_spelling),
        cmocka_unit_test(test_refused_users_leave_nothing),
        cmocka_unit_test(test_changes_move_the_revision),
        cmocka_unit_test(test_users_are_listed_in_order),
        cmocka_unit_test(test_deleted_account_id_is_never_given_again),
        cmocka_unit_test(test_damaged_record_is_told_not_used),
        cmocka_unit_test(test_records_of_every_format_are_read_and_kept),
        cmocka_unit_test(test_names_from_before_rfc_8265_are_found_as_they_were),
        cmocka_unit_test(test_domains_are_spelled_label_by_label),
        cmocka_unit_test(test_holds_have_reasons_and_end),
        cmocka_unit_test(test_foreign_users_have_no_password_here),
        cmocka_unit_test(test_a_record_says_when_its_password_was_set),
        cmocka_unit_test(test_capabilities_are_hidden_and_shown_again),
        cmocka_unit_test(test_referrals_are_set_and_known),
        cmocka_unit_test(test_every_failing_call_leaves_the_directory_whole),
        cmocka_unit_test(test_conflicts_are_planned_again_and_not_for_ever),
        cmocka_unit_test(test_other_instances_change_is_seen_at_once),
        cmocka_unit_test(test_racing_instances_never_share_an_account_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
