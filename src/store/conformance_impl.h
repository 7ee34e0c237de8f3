/* conformance_impl.h: what the files of the conformance suite share. Inside conformance*.c only.
 * Each test gets a fixture with an empty, open store. cmocka's asserts belong to the main thread: a worker
 * thread leaves its result in its own struct, and the main thread looks at it after the join. */
#ifndef LOFT_STORE_CONFORMANCE_IMPL_H
#define LOFT_STORE_CONFORMANCE_IMPL_H

#include "base/testing.h"
#include "store/conformance.h"

struct fixture {
    const struct conformance_target *target;
    struct store *store;
    struct err err; /* of the call under test */
};

/* `call` must answer 0. */
#define assert_ok(f, call)                                                                                   \
    do {                                                                                                     \
        int r_ = (call);                                                                                     \
        if (r_ != 0) {                                                                                       \
            print_error("%s:%d: %s: %d %s\n", __FILE__, __LINE__, #call, r_, r_ < 0 ? (f)->err.text : "");   \
            fail();                                                                                          \
        }                                                                                                    \
    } while (0)

/* `call` must fail with `want`, and say so in words, too. */
#define assert_error(f, want, call)                                                                          \
    do {                                                                                                     \
        int r_ = (call);                                                                                     \
        if (r_ != -(want) || (f)->err.kind != (want) || (f)->err.text[0] == '\0') {                          \
            print_error("%s:%d: %s: %d (%s), not -%s\n", __FILE__, __LINE__, #call, r_,                      \
                        r_ < 0 ? (f)->err.text : "", err_kind_name(want));                                   \
            fail();                                                                                          \
        }                                                                                                    \
    } while (0)

static inline struct account_id account_of(uint64_t n)
{
    return (struct account_id){ n };
}

/* The version as it stands. */
uint64_t version_of(struct fixture *f, struct account_id account);

/* Commit `batch` on the version as it stands, one up; must succeed. */
void commit(struct fixture *f, struct account_id account, const struct batch *batch);
void put(struct fixture *f, struct account_id account, struct str key, struct str value);

/* A batch in one line: "+k=v" puts, "-k" deletes, "a..c" deletes a range ("a.." to the end),
 * separated by blanks. */
void add_script(struct batch *b, const char *script);

/* Write a blob; must succeed. `live` also commits it. */
struct blob_id write_pending(struct fixture *f, struct account_id account, struct str bytes, struct str meta,
                             struct str header);
struct blob_id write_live(struct fixture *f, struct account_id account, struct str bytes, struct str meta,
                          struct str header);

/* State of the account as "key=value;key=value;", compared with `want`. */
void assert_state(struct fixture *f, struct account_id account, const char *want);

/* Ids of live blobs, in the order of the scan. */
struct ids {
    struct blob_id id[4096];
    size_t n;
};
/* A store_blob_fn into struct ids. */
int take_id(void *ctx, struct blob_id id, struct str record, struct err *err);
void scan_ids(struct fixture *f, struct account_id account, struct blob_id first, struct blob_id last,
              struct ids *out);
bool is_live(struct fixture *f, struct account_id account, struct blob_id id);
bool is_readable(struct fixture *f, struct account_id account, struct blob_id id);

static const struct blob_id BLOB_FIRST = { 0 }, BLOB_LAST = { UINT64_MAX };

/* Close the store and open it again over the same data; false where the engine cannot. */
bool restart(struct fixture *f);

/* Fill with bytes that compress well (lines of text) or not at all. Repeatable by seed. */
void fill_text(char *p, size_t n, uint64_t seed);
void fill_noise(char *p, size_t n, uint64_t seed);

int fixture_setup(void **state);
int fixture_teardown(void **state);

#define conformance_test(f)                                                                                  \
    {                                                                                                        \
        .name = #f, .test_func = f, .setup_func = fixture_setup, .teardown_func = fixture_teardown           \
    }

/* Run under cmocka with the target as first state; count of failures. */
int run_group(const struct conformance_target *target, const char *what, const struct CMUnitTest *tests,
              size_t count);

int conformance_run_state(const struct conformance_target *target);
int conformance_run_accounts(const struct conformance_target *target);
int conformance_run_blobs(const struct conformance_target *target);
int conformance_run_drops(const struct conformance_target *target);
int conformance_run_open(const struct conformance_target *target);
int conformance_run_races(const struct conformance_target *target);

#endif
