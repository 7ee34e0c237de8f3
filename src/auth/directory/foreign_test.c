#include "auth/directory/foreign.h"
#include "auth/directory/groups.h"
#include "auth/directory/names.h"
#include "base/testing.h"
#include "store/faulty/faulty.h"
#include "store/mem/mem.h"

static const char *const order[] = { "ldap", "own", "pam" };
enum { LDAP, OWN, PAM };

struct fixture {
    struct store *store;
    struct clock_fake clock;
    struct users *users;
    struct names *names;
    struct foreign foreign;
    unsigned made;
    int make_result; /* of the next call */
    struct err err;
};

/* As the mail model does: something is in the account afterwards. */
static int make_account(void *ctx, const struct user *user, struct err *err)
{
    struct fixture *f = ctx;
    struct batch batch = BATCH_INIT;
    int r = f->make_result;
    f->make_result = 0;
    if (r < 0)
        return err_set(err, (enum err_kind)(-r), "asked to fail");
    batch_put(&batch, STR("key"), STR("value"));
    r = store_commit(f->store, user->account, 0, 1, &batch, err);
    batch_deinit(&batch);
    f->made += r == 0;
    return r;
}

static void begin_in(struct fixture *f, const char *default_domain)
{
    struct store *inner = NULL;
    struct user user;
    *f = (struct fixture){ .store = NULL };
    assert_int_equal(mem_store_open((struct mem_store_options){ NULL }, &inner, NULL), 0);
    faulty_store_open(&inner, &f->store);
    clock_fake_init(&f->clock, 1700000000000);
    struct users_params users = {
        .store = f->store, .clock = &f->clock.clock, .hash_passes = 1, .hash_memory_bytes = 8192
    };
    assert_int_equal(users_open(&users, &f->users, &f->err), 0);
    struct names_params names = { f->users, default_domain, '+', true };
    assert_int_equal(names_new(&names, &f->names, &f->err), 0);
    assert_int_equal(users_add(f->users, STR("own@example.org"), STR("secret"), &user, &f->err), 0);
    assert_int_equal(users_add_foreign(f->users, STR("ldap@example.org"), "ldap", &user, &f->err), 0);
    assert_int_equal(users_add_foreign(f->users, STR("pam@example.org"), "pam", &user, &f->err), 0);
    assert_int_equal(users_add_foreign(f->users, STR("old@example.org"), "gone", &user, &f->err), 0);
    f->foreign = (struct foreign){ f->users, f->names, order, ARRAY_COUNT(order), make_account, f };
}

static void begin(struct fixture *f)
{
    begin_in(f, "");
}

static void end(struct fixture *f)
{
    names_free(&f->names);
    users_free(&f->users);
    store_close(&f->store);
}

static int open_account(struct fixture *f, size_t provider, const char *name, struct user *user)
{
    return foreign_open(&f->foreign, provider, str_c(name), NULL, user, &f->err);
}

static void test_an_account_is_made_at_the_first_sign_in(void **state)
{
    struct fixture f;
    struct user first, again, found;
    (void)state;
    begin(&f);
    assert_int_equal(open_account(&f, LDAP, "new@example.org", &first), 0);
    assert_string_equal(first.provider, "ldap");
    assert_string_equal(first.hash, "");
    assert_int_equal(f.made, 1);
    assert_int_equal(open_account(&f, LDAP, "new@example.org", &again), 0);
    assert_int_equal(again.account.n, first.account.n);
    assert_int_equal(f.made, 1);
    assert_int_equal(users_find(f.users, STR("new@example.org"), &found, &f.err), 0);
    assert_int_equal(open_account(&f, OWN, "nobody@example.org", &again), -ERR_NOT_FOUND); /* just deleted */
    assert_int_equal(open_account(&f, LDAP, "a/b", &again), -ERR_INVALID);
    end(&f);
}

static void test_a_provider_opens_its_own_accounts_and_those_behind_it(void **state)
{
    static const struct {
        const char *name;
        size_t provider;
        int r;
    } cases[] = {
        { "ldap@example.org", LDAP, 0 },
        { "ldap@example.org", OWN, -ERR_DENIED },
        { "ldap@example.org", PAM, -ERR_DENIED },
        { "own@example.org", LDAP, 0 },
        { "own@example.org", OWN, 0 },
        { "own@example.org", PAM, -ERR_DENIED },
        { "pam@example.org", LDAP, 0 },
        { "pam@example.org", OWN, 0 },
        { "pam@example.org", PAM, 0 },
        { "old@example.org", PAM, 0 }, /* its provider is no longer asked */
    };
    struct fixture f;
    (void)state;
    begin(&f);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct user user = { .name = "" }, found;
        assert_row(open_account(&f, cases[i].provider, cases[i].name, &user) == cases[i].r, i, f.err.text);
        assert_row((user.name[0] != '\0') == (cases[i].r == 0), i, user.name);
        assert_int_equal(users_find(f.users, str_c(cases[i].name), &found, &f.err), 0);
        assert_row(cases[i].r < 0 || strcmp(found.provider, user.provider) == 0, i,
                   found.provider); /* stays whose it was */
    }
    end(&f);
}

static void test_accounts_are_made_in_our_domains_only(void **state)
{
    struct fixture f;
    struct user user;
    (void)state;
    begin(&f);
    assert_int_equal(names_add_domain(f.names, STR("example.org"), STR_NIL, &f.err), 0);
    assert_int_equal(open_account(&f, LDAP, "x@strange.example", &user), -ERR_NOT_FOUND);
    assert_int_equal(users_find(f.users, STR("x@strange.example"), &user, &f.err), -ERR_NOT_FOUND);
    assert_int_equal(open_account(&f, LDAP, "x@example.org", &user), 0);
    end(&f);
}

/* Its mail would go to the new user, or one person would have two accounts. */
static void test_no_account_is_made_over_an_alias_or_beside_a_user(void **state)
{
    static const struct {
        const char *name;
        int r;
    } cases[] = {
        { "team", -ERR_DENIED },
        { "team@example.org", -ERR_DENIED },
        { "own", -ERR_DENIED }, /* another spelling of own@example.org */
        { "own@other.example", -ERR_DENIED },
        { "@example.org", -ERR_DENIED },
        { "new", 0 },
        { "new@example.org", -ERR_DENIED }, /* beside the one just made */
    };
    struct fixture f;
    struct user user;
    (void)state;
    begin_in(&f, "example.org");
    assert_int_equal(names_add_domain(f.names, STR("example.org"), STR_NIL, &f.err), 0);
    assert_int_equal(names_add_domain(f.names, STR("other.example"), STR("example.org"), &f.err), 0);
    assert_int_equal(names_add_alias(f.names, STR("team"), STR("own@example.org"), NULL, NULL, &f.err), 0);
    assert_int_equal(names_add_alias(f.names, STR("team"), STR("pam@example.org"), NULL, NULL, &f.err), 0);
    assert_int_equal(
        names_add_alias(f.names, STR("@example.org"), STR("pam@example.org"), NULL, NULL, &f.err), 0);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        assert_row(open_account(&f, LDAP, cases[i].name, &user) == cases[i].r, i, cases[i].name);
        assert_row((users_find(f.users, str_c(cases[i].name), &user, &f.err) == 0) == (cases[i].r == 0), i,
                   cases[i].name);
    }
    assert_int_equal(f.made, 1);
    end(&f);
}

static void test_an_account_that_could_not_be_made_is_made_the_next_time(void **state)
{
    struct fixture f;
    struct user user;
    (void)state;
    begin(&f);
    f.make_result = -ERR_FULL;
    assert_int_equal(open_account(&f, LDAP, "new@example.org", &user), -ERR_FULL);
    assert_int_equal(f.made, 0);
    assert_int_equal(open_account(&f, LDAP, "new@example.org", &user), 0);
    assert_int_equal(f.made, 1);
    end(&f);
}

static int note_group(void *ctx, const struct group *group, struct err *err)
{
    (void)err;
    buf_printf(ctx, "%s ", group->name);
    return 0;
}

static void assert_member(struct fixture *f, const struct user *user, const char *name, bool expected)
{
    uint64_t ids[GROUPS_OF_USER_MAX];
    struct group group;
    size_t count;
    bool found = false;
    assert_int_equal(groups_find(f->users, str_c(name), &group, &f->err), 0);
    assert_int_equal(groups_of_user(f->users, user->account, ids, &count, &f->err), 0);
    for (size_t i = 0; i < count; i++)
        found = found || ids[i] == group.id;
    assert_row(found == expected, count, name);
}

static void test_groups_are_those_of_the_provider(void **state)
{
    struct fixture f;
    struct user user;
    struct group group;
    struct buf names = BUF_INIT;
    struct provider_answer answer = { .groups = BUF_INIT };
    uint64_t before, after;
    (void)state;
    begin(&f);
    assert_int_equal(groups_add(f.users, STR("local"), &group, &f.err), 0);
    assert_int_equal(groups_add(f.users, STR("staff"), &group, &f.err), 0);
    assert_int_equal(groups_add_member(f.users, STR("local"), STR("ldap@example.org"), &f.err), 0);

    buf_add(&answer.groups, STR("Staff\0new\0Domain Users\0new\0"));
    assert_int_equal(foreign_open(&f.foreign, LDAP, STR("ldap@example.org"), &answer, &user, &f.err), 0);
    assert_member(&f, &user, "local", true); /* groups_known was not said: nothing is touched */
    answer.groups_known = true;
    assert_int_equal(foreign_open(&f.foreign, LDAP, STR("ldap@example.org"), &answer, &user, &f.err), 0);
    assert_member(&f, &user, "local", false);
    assert_member(&f, &user, "staff", true);
    assert_member(&f, &user, "new", true);
    assert_int_equal(groups_list(f.users, note_group, &names, &f.err), 0);
    assert_str(buf_str(&names), "local new staff "); /* a name with a blank can be none */

    assert_int_equal(store_version(f.store, DIRECTORY_ACCOUNT, &before, &f.err), 0);
    assert_int_equal(foreign_open(&f.foreign, LDAP, STR("ldap@example.org"), &answer, &user, &f.err), 0);
    assert_int_equal(store_version(f.store, DIRECTORY_ACCOUNT, &after, &f.err), 0);
    assert_int_equal(before, after); /* no commit a sign-in */

    buf_clear(&answer.groups);
    assert_int_equal(foreign_open(&f.foreign, LDAP, STR("ldap@example.org"), &answer, &user, &f.err), 0);
    assert_member(&f, &user, "staff", false);
    assert_member(&f, &user, "new", false);
    buf_deinit(&answer.groups);
    buf_deinit(&names);
    end(&f);
}

static void test_every_failing_call_is_told_and_the_next_sign_in_goes_on(void **state)
{
    (void)state;
    for (uint64_t n = 1;; n++) {
        struct fixture f;
        struct user user;
        struct provider_answer answer = { .groups_known = true, .groups = BUF_INIT };
        begin(&f);
        buf_add(&answer.groups, STR("staff\0"));
        faulty_store_plan(f.store, &(struct faulty_plan){ .ops = FAULTY_ALL, .nth = n, .error = ERR_IO });
        int r = foreign_open(&f.foreign, LDAP, STR("new@example.org"), &answer, &user, &f.err);
        bool all_broken = faulty_store_count(f.store) < n;
        faulty_store_plan(f.store, &(struct faulty_plan){ .ops = 0 });
        assert_row(r == (all_broken ? 0 : -ERR_IO), n, f.err.text);
        assert_int_equal(foreign_open(&f.foreign, LDAP, STR("new@example.org"), &answer, &user, &f.err), 0);
        assert_member(&f, &user, "staff", true);
        assert_int_equal(f.made, 1);
        buf_deinit(&answer.groups);
        end(&f);
        if (all_broken)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_account_is_made_at_the_first_sign_in),
        cmocka_unit_test(test_a_provider_opens_its_own_accounts_and_those_behind_it),
        cmocka_unit_test(test_accounts_are_made_in_our_domains_only),
        cmocka_unit_test(test_no_account_is_made_over_an_alias_or_beside_a_user),
        cmocka_unit_test(test_an_account_that_could_not_be_made_is_made_the_next_time),
        cmocka_unit_test(test_groups_are_those_of_the_provider),
        cmocka_unit_test(test_every_failing_call_is_told_and_the_next_sign_in_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
