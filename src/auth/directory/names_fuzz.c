/* names_fuzz.c: what people type and write on letters, and records of the directory.
 *   byte 0  0: a name to sign in with, an address, and a password that somebody wants
 *           1: records of a user, an alias and a domain
 *   then    the bytes */
#include "auth/directory/names_private.h"
#include "auth/directory/policy.h"
#include "base/utf8.h"
#include "store/mem/mem.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A directory with an alias for two and a catch-all. */
struct house {
    struct store *store;
    struct clock_fake clock;
    struct users *users;
    struct names *names;
};

static void must(int r)
{
    assert(r == 0);
    (void)r;
}

static void build(struct house *h)
{
    struct user user;
    must(mem_store_open((struct mem_store_options){ NULL }, &h->store, NULL));
    clock_fake_init(&h->clock, 1700000000000);
    const struct users_params users = { .store = h->store, .clock = &h->clock.clock };
    must(users_open(&users, &h->users, NULL));
    const struct names_params names = { h->users, "example.org", '+', true };
    must(names_new(&names, &h->names, NULL));
    must(users_add_foreign(h->users, STR("anna@example.org"), "ldap", &user, NULL));
    must(users_add_foreign(h->users, STR("bob@example.net"), "ldap", &user, NULL));
    must(names_add_domain(h->names, STR("example.net"), STR_NIL, NULL));
    must(names_add_alias(h->names, STR("a"), STR("anna"), NULL, NULL, NULL));
    must(names_add_alias(h->names, STR("all"), STR("a"), NULL, NULL, NULL));
    must(names_add_alias(h->names, STR("all"), STR("bob@example.net"), NULL, NULL, NULL));
    must(names_add_alias(h->names, STR("@example.net"), STR("all"), NULL, NULL, NULL));
}

static void tear_down(struct house *h)
{
    names_free(&h->names);
    users_free(&h->users);
    store_close(&h->store);
}

/* A name has one spelling, of which none is another's key or a path. */
static void spell(struct str in)
{
    char name[USER_NAME_BYTES_MAX + 1], again[USER_NAME_BYTES_MAX + 1];
    if (users_normalise_name(in, name, NULL) == 0) {
        assert(name[0] && name[0] != '.' && !strchr(name, '/') && utf8_is_valid(str_c(name)));
        must(users_normalise_name(str_c(name), again, NULL));
        assert(strcmp(name, again) == 0);
        for (const char *p = name, *end = name + strlen(name); p < end; p++)
            assert(!utf8_hidden(p, end));
    }
    if (users_normalise_domain(in, name, NULL) == 0)
        assert(!strchr(name, '@'));
}

static void look_up(struct str in)
{
    char name[USER_NAME_BYTES_MAX + 1];
    struct names_recipients to;
    struct arena arena = ARENA_INIT;
    struct house h;
    build(&h);
    if (names_sign_in(h.names, in, name, NULL) == 0)
        assert(name[0] && !strchr(name, '/'));
    if (names_recipients(h.names, in, NULL, NULL, &arena, &to, NULL) == 0) {
        assert(to.count == 1 || (to.count == 2 && str_is_nil(to.mailbox)));
        assert(to.mailbox.n < in.n || str_is_nil(to.mailbox));
    }
    arena_deinit(&arena);
    tear_down(&h);
}

static void judge(struct str in)
{
    struct policy *policy;
    const struct policy_params params = { .length_min = 8, .list = "" };
    must(policy_new(&params, &policy, NULL));
    if (policy_check(policy, STR("anna@example.org"), in, NULL) == 0)
        assert(in.n >= 8 && in.n <= USER_PASSWORD_BYTES_MAX && utf8_is_valid(in));
    policy_free(&policy);
}

static void decode(struct str in)
{
    struct user user;
    struct reader targets;
    struct str other;
    uint64_t count;
    if (users_decode(STR("anna"), in, &user, NULL) == 0)
        assert(memchr(user.hash, 0, sizeof user.hash) && memchr(user.provider, 0, sizeof user.provider) &&
               memchr(user.disabled_note.reason, 0, sizeof user.disabled_note.reason) && user.account.n);
    if (alias_decode(STR("a"), in, &targets, &count, NULL) == 0)
        for (; count > 0; count--) {
            struct str target = reader_str(&targets);
            assert(!targets.bad && target.n > 0 && target.n <= USER_NAME_BYTES_MAX);
        }
    if (domain_decode(STR("d"), in, &other, NULL) == 0)
        assert(other.n <= USER_NAME_BYTES_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct str in = str_make(data + 1, size - 1);
    if (data[0] == 1) {
        decode(in);
    } else {
        spell(in);
        look_up(in);
        judge(in);
    }
    return 0;
}
