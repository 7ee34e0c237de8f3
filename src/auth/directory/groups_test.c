/* Groups, what was granted to whom, and public accounts: all that the directory keeps for sharing. */
#include "auth/directory/grants.h"
#include "auth/directory/groups.h"
#include "base/testing.h"
#include "store/faulty/faulty.h"
#include "store/mem/mem.h"

#include <stdlib.h>

struct fixture {
    struct store *store;
    struct clock_fake clock;
    struct users *users;
    struct err err;
    struct buf text;
};

static void begin(struct fixture *f)
{
    struct store *inner = NULL;
    *f = (struct fixture){ .store = NULL };
    clock_fake_init(&f->clock, 1700000000000);
    assert_int_equal(mem_store_open((struct mem_store_options){ NULL }, &inner, NULL), 0);
    faulty_store_open(&inner, &f->store);
    struct users_params params = { f->store, &f->clock.clock, 1, 8192 };
    assert_int_equal(users_open(&params, &f->users, &f->err), 0);
}

static void end(struct fixture *f)
{
    users_free(&f->users);
    store_close(&f->store);
    buf_deinit(&f->text);
}

static uint64_t add_user(struct fixture *f, const char *name)
{
    struct user user;
    assert_int_equal(users_add(f->users, str_c(name), STR("secret"), &user, &f->err), 0);
    return user.account.n;
}

static uint64_t add_group(struct fixture *f, const char *name)
{
    struct group group;
    assert_int_equal(groups_add(f->users, str_c(name), &group, &f->err), 0);
    return group.id;
}

static int add_name(void *ctx, struct str name, struct err *err)
{
    struct buf *text = ctx;
    (void)err;
    buf_printf(text, "%s" STR_FMT, text->n ? " " : "", STR_ARG(name));
    return 0;
}

static const char *members(struct fixture *f, const char *name)
{
    struct group group;
    buf_clear(&f->text);
    assert_int_equal(groups_find(f->users, str_c(name), &group, &f->err), 0);
    assert_int_equal(groups_members(f->users, &group, add_name, &f->text, &f->err), 0);
    return buf_c(&f->text);
}

static size_t group_count(struct fixture *f, uint64_t user)
{
    uint64_t ids[GROUPS_OF_USER_MAX];
    size_t count;
    assert_int_equal(groups_of_user(f->users, (struct account_id){ user }, ids, &count, &f->err), 0);
    return count;
}

static void test_groups_have_members(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f);
    uint64_t anna = add_user(&f, "anna"), bert = add_user(&f, "bert");
    uint64_t team = add_group(&f, "Team");
    assert_int_not_equal(team, anna);
    assert_int_equal(groups_add_member(f.users, STR("team"), STR("bert"), &f.err), 0);
    assert_int_equal(groups_add_member(f.users, STR("TEAM"), STR("Anna"), &f.err), 0);
    assert_int_equal(groups_add_member(f.users, STR("team"), STR("anna"), &f.err), -ERR_EXISTS);
    assert_int_equal(groups_add_member(f.users, STR("team"), STR("carl"), &f.err), -ERR_NOT_FOUND);
    assert_int_equal(groups_add_member(f.users, STR("others"), STR("anna"), &f.err), -ERR_NOT_FOUND);
    assert_string_equal(members(&f, "team"), "anna bert");
    assert_int_equal(group_count(&f, anna), 1);
    assert_int_equal(groups_remove_member(f.users, STR("team"), STR("anna"), &f.err), 0);
    assert_int_equal(groups_remove_member(f.users, STR("team"), STR("anna"), &f.err), -ERR_NOT_FOUND);
    assert_string_equal(members(&f, "team"), "bert");
    assert_int_equal(group_count(&f, anna), 0);
    assert_int_equal(group_count(&f, bert), 1);
    end(&f);
}

static void test_deletion_leaves_no_membership(void **state)
{
    struct fixture f;
    struct account_id account;
    (void)state;
    begin(&f);
    uint64_t anna = add_user(&f, "anna");
    add_user(&f, "bert");
    uint64_t team = add_group(&f, "team");
    assert_int_equal(groups_add_member(f.users, STR("team"), STR("anna"), &f.err), 0);
    assert_int_equal(groups_add_member(f.users, STR("team"), STR("bert"), &f.err), 0);
    assert_int_equal(users_delete(f.users, STR("bert"), &account, &f.err), 0);
    assert_string_equal(members(&f, "team"), "anna");
    assert_int_equal(groups_delete(f.users, STR("team"), &f.err), 0);
    assert_int_equal(groups_delete(f.users, STR("team"), &f.err), -ERR_NOT_FOUND);
    assert_int_equal(group_count(&f, anna), 0);
    assert_int_not_equal(add_group(&f, "team"), team); /* an id is never given twice */
    assert_int_equal(groups_add(f.users, STR("team"), &(struct group){ .id = 0 }, &f.err), -ERR_EXISTS);
    end(&f);
}

static void note(struct fixture *f, enum acl_kind kind, uint64_t id, uint64_t account, const char *owner)
{
    struct acl_entry entry = { kind, false, id, RIGHT_READ, STR("x") };
    assert_int_equal(grants_note(f->users, &entry, (struct account_id){ account }, str_c(owner),
                                 users_domain(str_c(owner)), &f->err),
                     0);
}

static int add_account(void *ctx, struct account_id account, struct str owner, struct err *err)
{
    struct buf *text = ctx;
    (void)err;
    buf_printf(text, "%s%d:" STR_FMT, text->n ? " " : "", (int)account.n, STR_ARG(owner));
    return 0;
}

static const char *found(struct fixture *f, uint64_t user, uint64_t group, const char *domain,
                         bool every_domain)
{
    struct acl_identity who = { user, &group, group ? 1 : 0 };
    buf_clear(&f->text);
    assert_int_equal(grants_find(f->users, &who, str_c(domain), every_domain, add_account, &f->text, &f->err),
                     0);
    return buf_c(&f->text);
}

static void test_grants_are_found_by_those_they_are_for(void **state)
{
    struct fixture f;
    uint64_t before, after;
    (void)state;
    begin(&f);
    note(&f, ACL_USER, 7, 1, "anna@a.example");
    note(&f, ACL_USER, 8, 1, "anna@a.example");
    note(&f, ACL_GROUP, 7, 2, "bert@a.example");
    note(&f, ACL_ANYONE, 0, 3, "carl@a.example");
    note(&f, ACL_ANYONE, 0, 4, "dora@b.example");
    note(&f, ACL_ANYONE, 0, 5, "emil");
    assert_string_equal(found(&f, 7, 0, "c.example", false), "1:anna@a.example");
    assert_string_equal(found(&f, 9, 7, "c.example", false), "2:bert@a.example");
    assert_string_equal(found(&f, 9, 0, "a.example", false), "3:carl@a.example");
    assert_string_equal(found(&f, 9, 0, "", false), "5:emil");
    assert_string_equal(found(&f, 9, 0, "", true), "5:emil 3:carl@a.example 4:dora@b.example");
    assert_int_equal(store_version(f.store, DIRECTORY_ACCOUNT, &before, &f.err), 0);
    note(&f, ACL_USER, 7, 1, "anna@a.example"); /* noted already: no commit */
    assert_int_equal(store_version(f.store, DIRECTORY_ACCOUNT, &after, &f.err), 0);
    assert_int_equal(before, after);
    end(&f);
}

static void test_a_domain_has_one_public_account(void **state)
{
    struct fixture f;
    struct account_id one, again, other;
    (void)state;
    begin(&f);
    assert_int_equal(grants_public_account(f.users, STR("a.example"), &one, &f.err), -ERR_NOT_FOUND);
    assert_int_equal(grants_add_public_account(f.users, STR("a.example"), &one, &f.err), 0);
    assert_int_equal(grants_add_public_account(f.users, STR("a.example"), &again, &f.err), 0);
    assert_int_equal(one.n, again.n);
    assert_int_equal(grants_add_public_account(f.users, STR(""), &other, &f.err), 0);
    assert_int_not_equal(one.n, other.n);
    assert_int_equal(grants_public_account(f.users, STR(""), &again, &f.err), 0);
    assert_int_equal(other.n, again.n);
    assert_int_not_equal(add_user(&f, "anna"), other.n);
    end(&f);
}

static void test_a_failing_store_is_told(void **state)
{
    struct fixture f;
    struct acl_entry entry = { ACL_USER, false, 7, RIGHT_READ, STR("x") };
    (void)state;
    begin(&f);
    faulty_store_plan(f.store, &(struct faulty_plan){ .ops = FAULTY_COMMIT, .nth = 1, .error = ERR_IO });
    assert_int_equal(grants_note(f.users, &entry, (struct account_id){ 1 }, STR("anna"), STR(""), &f.err),
                     -ERR_IO);
    assert_string_equal(found(&f, 7, 0, "", false), "");
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_groups_have_members),
        cmocka_unit_test(test_deletion_leaves_no_membership),
        cmocka_unit_test(test_grants_are_found_by_those_they_are_for),
        cmocka_unit_test(test_a_domain_has_one_public_account),
        cmocka_unit_test(test_a_failing_store_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
