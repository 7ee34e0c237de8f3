/* testing_credential.h: a directory over the memory engine that fails on demand, with one user, for the tests of credentials. */
#ifndef LOFT_AUTH_TESTING_CREDENTIAL_H
#define LOFT_AUTH_TESTING_CREDENTIAL_H

#include "auth/own/credential.h"
#include "base/testing.h"
#include "store/faulty/faulty.h"
#include "store/mem/mem.h"

struct fixture {
    struct mem_world *world;
    struct store *store; /* faulty, over memory */
    struct clock_fake clock;
    struct users *users;
    struct user anna; /* "anna", password "secret" */
    struct err err;
};

static inline struct store *fixture_store(struct mem_world *world)
{
    struct store *inner = NULL, *store = NULL;
    assert_int_equal(mem_store_open((struct mem_store_options){ world }, &inner, NULL), 0);
    faulty_store_open(&inner, &store);
    return store;
}

static inline struct users *fixture_users(struct fixture *f, struct store *store)
{
    struct users *users = NULL;
    const struct users_params params = { .store = store,
                                         .clock = &f->clock.clock,
                                         .hash_passes = 1,
                                         .hash_memory_bytes = 8192,
                                         .scram_iterations = 4096,
                                         .totp_skew_steps = 1,
                                         .totp_with_password = true };
    assert_int_equal(users_open(&params, &users, &f->err), 0);
    return users;
}

static inline void fixture_begin(struct fixture *f)
{
    *f = (struct fixture){ .world = mem_world_new() };
    f->store = fixture_store(f->world);
    clock_fake_init(&f->clock, 1700000000000);
    f->users = fixture_users(f, f->store);
    int r = users_add(f->users, STR("anna"), STR("secret"), &f->anna, &f->err);
    assert_row(r == 0, 0, f->err.text);
}

/* Another process on the same data, or the same after a restart. */
static inline struct users *fixture_second(struct fixture *f, struct store **store_out)
{
    *store_out = fixture_store(f->world);
    return fixture_users(f, *store_out);
}

static inline void fixture_end(struct fixture *f)
{
    users_free(&f->users);
    store_close(&f->store);
    mem_world_free(&f->world);
}

#endif
