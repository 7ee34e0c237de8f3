#include "auth/directory/names.h"
#include "base/codec.h"
#include "base/testing.h"
#include "store/faulty/faulty.h"
#include "store/mem/mem.h"

#include <stdlib.h>

struct fixture {
    struct store *store; /* faulty, over memory */
    struct clock_fake clock;
    struct users *users;
    struct names *names;
    struct arena arena;
    struct err err;
};

static void begin_with(struct fixture *f, const char *default_domain, bool sign_in_with_alias)
{
    struct store *inner = NULL;
    *f = (struct fixture){ .arena = ARENA_INIT };
    assert_int_equal(mem_store_open((struct mem_store_options){ NULL }, &inner, NULL), 0);
    faulty_store_open(&inner, &f->store);
    clock_fake_init(&f->clock, 1700000000000);
    struct users_params users = { f->store, &f->clock.clock, 1, 8192 };
    assert_int_equal(users_open(&users, &f->users, &f->err), 0);
    struct names_params names = { f->users, default_domain, '+', sign_in_with_alias };
    assert_int_equal(names_new(&names, &f->names, &f->err), 0);
}

static void begin(struct fixture *f)
{
    begin_with(f, "example.org", true);
}

static void end(struct fixture *f)
{
    names_free(&f->names);
    assert_null(f->names);
    names_free(&f->names);
    users_free(&f->users);
    store_close(&f->store);
    arena_deinit(&f->arena);
}

static void add_user(struct fixture *f, const char *name)
{
    struct user user;
    int r = users_add(f->users, str_c(name), STR("secret"), &user, &f->err);
    assert_row(r == 0, 0, f->err.text);
}

static int add_alias(struct fixture *f, const char *alias, const char *target)
{
    return names_add_alias(f->names, str_c(alias), str_c(target), NULL, NULL, &f->err);
}

static void must_alias(struct fixture *f, const char *alias, const char *target)
{
    int r = add_alias(f, alias, target);
    assert_row(r == 0, 0, f->err.text);
}

static void put(struct fixture *f, const char *key, struct str value)
{
    struct batch batch = BATCH_INIT;
    uint64_t version;
    assert_int_equal(store_version(f->store, DIRECTORY_ACCOUNT, &version, NULL), 0);
    batch_put(&batch, str_c(key), value);
    assert_int_equal(store_commit(f->store, DIRECTORY_ACCOUNT, version, version + 1, &batch, NULL), 0);
    batch_deinit(&batch);
}

/* Whom a provider knows, without an account until somebody asks. */
static int find_elsewhere(void *ctx, struct str name, struct user *user_out, struct err *err)
{
    struct fixture *f = ctx;
    if (str_eq(name, STR("down@example.org")))
        return err_set(err, ERR_UNAVAILABLE, "the provider is down");
    if (!str_eq(name, STR("ldap@example.org")))
        return err_set(err, ERR_NOT_FOUND, "nobody");
    int r = users_find(f->users, name, user_out, err);
    return r == -ERR_NOT_FOUND ? users_add_foreign(f->users, name, "ldap", user_out, err) : r;
}

/* "anna@example.org bob@example.org [lists]", or the kind of the error. */
static const char *recipients(struct fixture *f, struct str address)
{
    struct names_recipients out;
    struct buf text = BUF_INIT;
    int r = names_recipients(f->names, address, find_elsewhere, f, &f->arena, &out, &f->err);
    for (size_t i = 0; r == 0 && i < out.count; i++)
        buf_printf(&text, "%s" STR_FMT, i ? " " : "", STR_ARG(out.list[i].name));
    if (r == 0 && !str_is_nil(out.mailbox))
        buf_printf(&text, " [" STR_FMT "]", STR_ARG(out.mailbox));
    if (r < 0)
        buf_printf(&text, "%s", err_kind_name((enum err_kind)(-r)));
    const char *copy = arena_dup(&f->arena, buf_str(&text)).p;
    buf_deinit(&text);
    return copy;
}

/* ---- signing in ---- */

static void fill(struct fixture *f)
{
    add_user(f, "anna@example.org");
    add_user(f, "bob@example.org");
    add_user(f, "root");
    add_user(f, "carla+work@example.org");
    add_user(f, "dora@example.net");
    assert_int_equal(names_add_domain(f->names, STR("example.org"), STR_NIL, &f->err), 0);
    assert_int_equal(names_add_domain(f->names, STR("other.example"), STR("example.org"), &f->err), 0);
    must_alias(f, "a.nna@example.org", "anna@example.org");
    must_alias(f, "short", "a.nna@example.org");
    must_alias(f, "team@example.org", "anna@example.org");
    must_alias(f, "team@example.org", "bob@example.org");
    must_alias(f, "all@example.org", "team@example.org");
    must_alias(f, "all@example.org", "anna@example.org");
    must_alias(f, "all@example.org", "dora@example.net");
    must_alias(f, "@example.net", "dora@example.net");
    must_alias(f, "by.catch.all@example.org", "@example.net");
    must_alias(f, "postmaster@example.org", "root");
}

static void test_what_is_typed_to_sign_in_means_an_account(void **state)
{
    static const struct {
        struct str typed;
        const char *name; /* NULL: not found */
    } cases[] = {
        { STR_INIT("anna@example.org"), "anna@example.org" },
        { STR_INIT("ANNA@Example.ORG"), "anna@example.org" },
        { STR_INIT("anna"), "anna@example.org" },
        { STR_INIT("Anna"), "anna@example.org" },
        { STR_INIT("anna@other.example"), "anna@example.org" },
        { STR_INIT("root"), "root" },
        { STR_INIT("root@example.org"), "root" },
        { STR_INIT("root@other.example"), "root" },
        { STR_INIT("dora@example.net"), "dora@example.net" },
        { STR_INIT("dora"), "dora@example.org" }, /* nobody: as a provider would be asked */
        { STR_INIT("a.nna@example.org"), "anna@example.org" },
        { STR_INIT("a.nna"), "anna@example.org" },
        { STR_INIT("short"), "anna@example.org" },
        { STR_INIT("postmaster@other.example"), "root" },
        { STR_INIT("team@example.org"), "team@example.org" },             /* several: nobody */
        { STR_INIT("anna+lists@example.org"), "anna+lists@example.org" }, /* no detail here */
        { STR_INIT("any@example.net"), "any@example.net" },               /* a catch-all opens nothing */
        { STR_INIT("new@strange.example"), "new@strange.example" },
        { STR_INIT("@example.org"), "@example.org" },
        { STR_INIT("@example.net"), "@example.net" },
        { STR_INIT("by.catch.all@example.org"), "by.catch.all@example.org" },
        { STR_INIT("@"), "@" },
        { STR_INIT("@@"), "@@" },
        { STR_INIT(""), NULL },
        { STR_INIT("../../etc/passwd"), NULL },
        { STR_INIT("anna\0@example.org"), NULL },
        { STR_INIT("anna@example.org\r\n"), NULL },
        { STR_INIT("\377anna"), NULL },
    };
    struct fixture f;
    (void)state;
    begin(&f);
    fill(&f);
    for (int again = 0; again < 2; again++) /* from the store, then from memory */
        for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
            char name[USER_NAME_BYTES_MAX + 1] = "";
            int r = names_sign_in(f.names, cases[i].typed, name, &f.err);
            assert_row(r == (cases[i].name ? 0 : -ERR_NOT_FOUND), i, cases[i].typed.p);
            assert_row(r < 0 || strcmp(name, cases[i].name) == 0, i, name);
        }
    end(&f);
}

static void test_what_a_provider_calls_a_user_means_an_account(void **state)
{
    static const struct {
        struct str told;
        const char *name; /* NULL: not found */
    } cases[] = {
        { STR_INIT("anna"), "anna@example.org" },
        { STR_INIT("Anna@Other.example"), "anna@example.org" },
        { STR_INIT("root@example.org"), "root" },
        { STR_INIT("new"), "new@example.org" },
        { STR_INIT("new@other.example"), "new@example.org" },
        { STR_INIT("new@strange.example"), "new@strange.example" },
        { STR_INIT("short"), "short@example.org" }, /* an alias is another one's name */
        { STR_INIT("a.nna@example.org"), "a.nna@example.org" },
        { STR_INIT(""), NULL },
        { STR_INIT("an/na"), NULL },
    };
    struct fixture f;
    (void)state;
    begin(&f);
    fill(&f);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        char name[USER_NAME_BYTES_MAX + 1];
        int r = names_of_provider(f.names, cases[i].told, name, &f.err);
        assert_row(r == (cases[i].name ? 0 : -ERR_NOT_FOUND), i, cases[i].told.p);
        assert_row(strcmp(name, cases[i].name ? cases[i].name : "") == 0, i, name);
    }
    end(&f);
}

static void test_nobody_signs_in_with_an_alias_when_that_is_off(void **state)
{
    char name[USER_NAME_BYTES_MAX + 1];
    struct fixture f;
    (void)state;
    begin_with(&f, "example.org", false);
    fill(&f);
    assert_int_equal(names_sign_in(f.names, STR("short"), name, &f.err), 0);
    assert_string_equal(name, "short@example.org");
    assert_int_equal(names_sign_in(f.names, STR("anna"), name, &f.err), 0);
    assert_string_equal(name, "anna@example.org");
    end(&f);
}

static void test_without_a_default_domain_names_are_as_typed(void **state)
{
    char name[USER_NAME_BYTES_MAX + 1];
    struct fixture f;
    (void)state;
    begin_with(&f, "", true);
    add_user(&f, "anna@example.org");
    assert_int_equal(names_sign_in(f.names, STR("anna"), name, &f.err), 0);
    assert_string_equal(name, "anna");
    assert_string_equal(recipients(&f, STR("anna")), "not-found");
    assert_string_equal(recipients(&f, STR("anna@example.org")), "anna@example.org");
    /* Nobody has said which domains are ours. */
    assert_string_equal(recipients(&f, STR("anna@strange.example")), "not-found");
    end(&f);
}

static void test_default_domain_is_checked(void **state)
{
    struct fixture f;
    struct names *names = NULL;
    (void)state;
    begin(&f);
    struct names_params params = { f.users, "a@b", '+', true };
    assert_int_equal(names_new(&params, &names, &f.err), -ERR_INVALID);
    params.default_domain = "a/b";
    assert_int_equal(names_new(&params, &names, &f.err), -ERR_INVALID);
    assert_null(names);
    end(&f);
}

/* ---- deliveries ---- */

static void test_addresses_have_recipients(void **state)
{
    static const struct {
        struct str address;
        const char *recipients;
    } cases[] = {
        { STR_INIT("Anna@Example.org"), "anna@example.org" },
        { STR_INIT("anna"), "anna@example.org" },
        { STR_INIT("anna@other.example"), "anna@example.org" },
        { STR_INIT("anna+Lists/Dev@example.org"), "anna@example.org [Lists/Dev]" },
        { STR_INIT("anna+@example.org"), "anna@example.org []" },
        { STR_INIT("anna+a+b@example.org"), "anna@example.org [a+b]" },
        { STR_INIT("anna+a b@example.org"), "anna@example.org [a b]" }, /* no name has a blank */
        { STR_INIT("a.nna+lists@example.org"), "anna@example.org [lists]" },
        { STR_INIT("carla+work@example.org"), "carla+work@example.org" },
        { STR_INIT("carla@example.org"), "not-found" },
        { STR_INIT("+lists@example.org"), "not-found" },
        { STR_INIT("anna@exam+ple.org"), "cannot" }, /* a domain has no detail */
        { STR_INIT("anna+lists"), "anna@example.org [lists]" },
        { STR_INIT("team@example.org"), "anna@example.org bob@example.org" },
        { STR_INIT("team+lists@example.org"), "anna@example.org bob@example.org" },
        { STR_INIT("all@example.org"), "anna@example.org bob@example.org dora@example.net" },
        { STR_INIT("any.thing@example.net"), "dora@example.net" },
        { STR_INIT("any+thing@example.net"), "dora@example.net" },
        { STR_INIT("@example.net"), "dora@example.net" },
        { STR_INIT("root@other.example"), "root" },
        { STR_INIT("ldap"), "ldap@example.org" },
        { STR_INIT("ldap+box@example.org"), "ldap@example.org [box]" },
        { STR_INIT("down@example.org"), "unavailable" },
        { STR_INIT("anna@strange.example"), "cannot" },
        { STR_INIT("anna+x@strange.example"), "cannot" },
        { STR_INIT(""), "not-found" },
        { STR_INIT("@"), "not-found" },
        { STR_INIT("anna@"), "not-found" },
        { STR_INIT("../anna@example.org"), "not-found" },
        { STR_INIT("anna\r\n@example.org"), "not-found" },
        { STR_INIT("anna\0+x@example.org"), "not-found" },
    };
    struct fixture f;
    (void)state;
    begin(&f);
    fill(&f);
    for (int again = 0; again < 2; again++)
        for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
            const char *got = recipients(&f, cases[i].address);
            assert_row(strcmp(got, cases[i].recipients) == 0, i, got);
        }
    end(&f);
}

static void test_disabled_users_may_refuse_mail(void **state)
{
    struct fixture f;
    struct user_hold_note note = { .reason = "" };
    (void)state;
    begin(&f);
    fill(&f);
    assert_int_equal(users_set_hold(f.users, STR("bob@example.org"), USER_DISABLED, &note, false, &f.err), 0);
    assert_string_equal(recipients(&f, STR("bob")), "bob@example.org");
    assert_int_equal(users_set_hold(f.users, STR("bob@example.org"), USER_DISABLED, &note, true, &f.err), 0);
    assert_string_equal(recipients(&f, STR("bob")), "denied");
    assert_string_equal(recipients(&f, STR("team")), "anna@example.org"); /* the others go on */
    assert_int_equal(users_set_hold(f.users, STR("anna@example.org"), USER_DISABLED, &note, true, &f.err), 0);
    assert_string_equal(recipients(&f, STR("team")), "denied");
    assert_int_equal(users_set_hold(f.users, STR("bob@example.org"), USER_LOCKED, &note, true, &f.err), 0);
    assert_int_equal(users_set_disabled(f.users, STR("bob@example.org"), false, &f.err), 0);
    assert_string_equal(recipients(&f, STR("bob")), "bob@example.org"); /* a lock refuses none */
    end(&f);
}

/* ---- aliases ---- */

static void test_aliases_are_checked(void **state)
{
    static const struct {
        const char *alias, *target;
        int r;
    } cases[] = {
        { "anna@example.org", "bob@example.org", -ERR_EXISTS }, /* a user */
        { "Bob", "anna@example.org", -ERR_EXISTS },
        { "team@example.org", "Anna@example.org", -ERR_EXISTS },
        { "team", "anna@other.example", -ERR_EXISTS }, /* the same two, spelled otherwise */
        { "new@example.org", "nobody@example.org", -ERR_NOT_FOUND },
        { "new@example.org", "down@example.org", -ERR_UNAVAILABLE },
        { "new@example.org", "ldap@example.org", 0 },
        { "new@strange.example", "anna@example.org", -ERR_CANNOT },
        { "a/b@example.org", "anna@example.org", -ERR_INVALID },
        { "", "anna@example.org", -ERR_INVALID },
        { "@", "anna@example.org", -ERR_INVALID },
        { "@a@example.org", "anna@example.org", -ERR_INVALID },
        { "self@example.org", "self@example.org", -ERR_NOT_FOUND },
        { "team@example.org", "team@example.org", -ERR_INVALID },
        { "team@example.org", "all@example.org", -ERR_INVALID }, /* all stands for team */
    };
    struct fixture f;
    (void)state;
    begin(&f);
    fill(&f);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        assert_row(names_add_alias(f.names, str_c(cases[i].alias), str_c(cases[i].target), find_elsewhere, &f,
                                   &f.err) == cases[i].r,
                   i, f.err.text);
    end(&f);
}

static void test_aliases_go_so_deep_and_no_deeper(void **state)
{
    struct fixture f;
    char alias[32], target[32] = "anna", name[USER_NAME_BYTES_MAX + 1];
    (void)state;
    begin_with(&f, "", true);
    add_user(&f, "anna");
    for (int i = 1; i <= NAMES_ALIAS_DEPTH_MAX + 1; i++) {
        snprintf(alias, sizeof alias, "alias%d", i);
        assert_row(add_alias(&f, alias, target) == (i <= NAMES_ALIAS_DEPTH_MAX ? 0 : -ERR_LIMIT), i,
                   f.err.text);
        if (i <= NAMES_ALIAS_DEPTH_MAX) {
            assert_string_equal(recipients(&f, str_c(alias)), "anna");
            assert_int_equal(names_sign_in(f.names, str_c(alias), name, &f.err), 0);
            assert_string_equal(name, "anna");
        }
        snprintf(target, sizeof target, "%s", alias);
    }
    end(&f);
}

/* As two machines could make it, or a damaged restore: the store is not trusted. */
static void test_a_loop_in_the_directory_does_no_harm(void **state)
{
    char name[USER_NAME_BYTES_MAX + 1];
    struct fixture f;
    (void)state;
    begin_with(&f, "", true);
    add_user(&f, "anna");
    put(&f, "L/x", STR("\1\1\2y"));
    put(&f, "L/y", STR("\1\2\2x\5anna"));
    put(&f, "L/z", STR("\1\1\2z"));
    assert_string_equal(recipients(&f, STR("x")), "anna");
    assert_string_equal(recipients(&f, STR("z")), "not-found");
    assert_int_equal(names_sign_in(f.names, STR("z"), name, &f.err), 0);
    assert_string_equal(name, "z");
    assert_int_equal(add_alias(&f, "w", "z"), -ERR_LIMIT);
    end(&f);
}

static void test_work_for_one_address_is_bounded(void **state)
{
    struct fixture f;
    struct buf value = BUF_INIT;
    (void)state;
    begin_with(&f, "", true);
    for (int level = 0; level < 6; level++) { /* each stands for the next, two hundred times */
        char key[16], target[16];
        buf_clear(&value);
        buf_put_u8(&value, 1);
        buf_put_varint(&value, 200);
        snprintf(key, sizeof key, "L/l%d", level);
        for (int i = 0; i < 200; i++) {
            snprintf(target, sizeof target, "l%d", level + 1);
            buf_put_str(&value, str_c(target));
        }
        put(&f, key, buf_str(&value));
    }
    assert_string_equal(recipients(&f, STR("l0")), "limit");
    assert_int_equal(add_alias(&f, "top", "l0"), -ERR_LIMIT);
    buf_deinit(&value);
    end(&f);
}

static int note_alias(void *ctx, struct str alias, struct str target, struct err *err)
{
    (void)err;
    buf_printf(ctx, STR_FMT "=" STR_FMT " ", STR_ARG(alias), STR_ARG(target));
    return 0;
}

static void assert_aliases(struct fixture *f, const char *expected)
{
    struct buf text = BUF_INIT;
    assert_int_equal(names_list_aliases(f->names, note_alias, &text, &f->err), 0);
    assert_str(buf_str(&text), expected);
    buf_deinit(&text);
}

static void test_aliases_are_listed_and_deleted(void **state)
{
    struct fixture f;
    struct account_id gone;
    (void)state;
    begin_with(&f, "", true);
    add_user(&f, "anna");
    add_user(&f, "bob");
    assert_aliases(&f, "");
    must_alias(&f, "team", "bob");
    must_alias(&f, "team", "anna");
    must_alias(&f, "B", "bob");
    assert_aliases(&f, "b=bob team=bob team=anna ");
    assert_int_equal(names_delete_alias(f.names, STR("team"), STR("carl"), &f.err), -ERR_NOT_FOUND);
    assert_int_equal(names_delete_alias(f.names, STR("anna"), STR_NIL, &f.err), -ERR_NOT_FOUND);
    assert_int_equal(names_delete_alias(f.names, STR("Team"), STR("BOB"), &f.err), 0);
    assert_aliases(&f, "b=bob team=anna ");
    assert_string_equal(recipients(&f, STR("team")), "anna");
    must_alias(&f, "team", "bob");
    assert_int_equal(users_delete(f.users, STR("bob"), &gone, &f.err), 0);
    assert_aliases(&f, "team=anna "); /* who is called bob next gets nothing of it */
    assert_int_equal(names_delete_alias(f.names, STR("team"), STR_NIL, &f.err), 0);
    assert_aliases(&f, "");
    assert_string_equal(recipients(&f, STR("team")), "not-found");
    end(&f);
}

static void test_an_alias_has_a_limit(void **state)
{
    struct fixture f;
    struct buf value = BUF_INIT;
    char target[16];
    (void)state;
    begin_with(&f, "", true);
    add_user(&f, "anna");
    add_user(&f, "bob");
    buf_put_u8(&value, 1);
    buf_put_varint(&value, NAMES_TARGETS_MAX - 1);
    for (int i = 0; i < NAMES_TARGETS_MAX - 1; i++) {
        snprintf(target, sizeof target, "user%d", i);
        buf_put_str(&value, str_c(target));
    }
    put(&f, "L/many", buf_str(&value));
    assert_int_equal(add_alias(&f, "many", "anna"), 0);
    assert_int_equal(add_alias(&f, "many", "bob"), -ERR_LIMIT);
    assert_string_equal(recipients(&f, STR("many")), "anna");
    buf_deinit(&value);
    end(&f);
}

static void test_damaged_records_are_told_not_used(void **state)
{
    static const struct str values[] = {
        STR_INIT(""),       STR_INIT("\2\1\2y"),  STR_INIT("\1"),     STR_INIT("\1\0"),    STR_INIT("\1\1"),
        STR_INIT("\1\1\2"), STR_INIT("\1\1\2yz"), STR_INIT("\1\1\1"), STR_INIT("\1\2\2y"), STR_INIT("\1\1\0"),
    };
    char name[USER_NAME_BYTES_MAX + 1];
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(values); i++) {
        struct fixture f;
        begin(&f);
        put(&f, "L/x", values[i]);
        assert_row(names_sign_in(f.names, STR("x"), name, &f.err) == -ERR_CORRUPT, i, f.err.text);
        assert_row(strcmp(recipients(&f, STR("x")), "corrupt") == 0, i, f.err.text);
        put(&f, "V/example.net", i % 2 ? STR("\1") : STR("\2\1"));
        assert_row(strcmp(recipients(&f, STR("x@example.net")), "corrupt") == 0, i, f.err.text);
        end(&f);
    }
}

/* ---- domains ---- */

static int note_domain(void *ctx, struct str domain, struct str other, struct err *err)
{
    (void)err;
    buf_printf(ctx, STR_FMT "%s" STR_FMT " ", STR_ARG(domain), other.n ? "=" : "", STR_ARG(other));
    return 0;
}

static void assert_domains(struct fixture *f, const char *expected)
{
    struct buf text = BUF_INIT;
    assert_int_equal(names_list_domains(f->names, note_domain, &text, &f->err), 0);
    assert_str(buf_str(&text), expected);
    buf_deinit(&text);
}

static void test_domains_come_and_go(void **state)
{
    struct fixture f;
    struct account_id gone;
    (void)state;
    begin_with(&f, "", true);
    add_user(&f, "root");
    add_user(&f, "anna@example.org");
    /* The first brings those of all users with it. */
    assert_int_equal(names_add_domain(f.names, STR("Example.NET"), STR_NIL, &f.err), 0);
    assert_domains(&f, "example.net example.org ");
    assert_string_equal(recipients(&f, STR("anna@example.org")), "anna@example.org");
    assert_string_equal(recipients(&f, STR("anna@example.com")), "cannot");
    assert_string_equal(recipients(&f, STR("root")), "root");
    assert_int_equal(names_add_domain(f.names, STR("example.net"), STR_NIL, &f.err), -ERR_EXISTS);
    assert_int_equal(names_add_domain(f.names, STR("a@b"), STR_NIL, &f.err), -ERR_INVALID);
    assert_int_equal(names_add_domain(f.names, STR("x"), STR("X"), &f.err), -ERR_INVALID);
    assert_int_equal(names_add_domain(f.names, STR("x"), STR("y"), &f.err), -ERR_NOT_FOUND);
    assert_int_equal(names_add_domain(f.names, STR("x"), STR("example.org"), &f.err), 0);
    assert_int_equal(names_add_domain(f.names, STR("z"), STR("x"), &f.err), -ERR_NOT_FOUND);
    assert_domains(&f, "example.net example.org x=example.org ");
    assert_string_equal(recipients(&f, STR("anna@x")), "anna@example.org");

    assert_int_equal(names_delete_domain(f.names, STR("nowhere"), &f.err), -ERR_NOT_FOUND);
    assert_int_equal(names_delete_domain(f.names, STR("example.org"), &f.err), -ERR_CANNOT);
    assert_string_equal(f.err.text, "there are users in example.org, such as anna@example.org");
    assert_int_equal(users_delete(f.users, STR("anna@example.org"), &gone, &f.err), 0);
    assert_int_equal(names_delete_domain(f.names, STR("example.org"), &f.err), -ERR_CANNOT);
    assert_string_equal(f.err.text, "x is another name for example.org");
    assert_int_equal(names_delete_domain(f.names, STR("X"), &f.err), 0);
    must_alias(&f, "a@example.org", "root");
    assert_int_equal(names_delete_domain(f.names, STR("example.org"), &f.err), -ERR_CANNOT);
    assert_int_equal(names_delete_alias(f.names, STR("a@example.org"), STR_NIL, &f.err), 0);
    assert_int_equal(names_delete_domain(f.names, STR("example.org"), &f.err), 0);
    assert_domains(&f, "example.net ");
    end(&f);
}

static void test_new_names_are_ours_and_no_aliases(void **state)
{
    static const struct {
        const char *name;
        int r;
    } cases[] = {
        { "new@example.org", 0 },
        { "new", 0 },
        { "new@example.net", 0 },
        { "new@strange.example", -ERR_CANNOT },
        { "short", -ERR_EXISTS },
        { "anna", -ERR_EXISTS }, /* with the default domain it is she */
        { "root@other.example", -ERR_EXISTS },
        { "Team@example.org", -ERR_EXISTS },
        { "a/b", -ERR_INVALID },
    };
    struct fixture f;
    (void)state;
    begin(&f);
    fill(&f);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        assert_row(names_check_new(f.names, str_c(cases[i].name), &f.err) == cases[i].r, i, f.err.text);
    end(&f);
}

/* ---- the store ---- */

static void test_a_store_that_fails_makes_nobody_unknown(void **state)
{
    char name[USER_NAME_BYTES_MAX + 1];
    (void)state;
    for (uint64_t n = 1;; n++) {
        struct fixture f;
        begin(&f);
        fill(&f);
        faulty_store_plan(f.store, &(struct faulty_plan){ .ops = FAULTY_ALL, .nth = n, .error = ERR_IO });
        int r = names_sign_in(f.names, STR("short"), name, &f.err);
        const char *got = recipients(&f, STR("all@other.example"));
        bool all_broken = faulty_store_count(f.store) < n;
        assert_row(r == -ERR_IO || (r == 0 && strcmp(name, "anna@example.org") == 0), n,
                   r < 0 ? f.err.text : name);
        assert_row(strcmp(got, "io") == 0 ||
                       strcmp(got, "anna@example.org bob@example.org dora@example.net") == 0,
                   n, got);
        assert_row(all_broken || r == -ERR_IO || strcmp(got, "io") == 0, n, got);
        end(&f);
        if (all_broken)
            break;
    }
}

static void test_known_names_are_read_from_memory(void **state)
{
    static const char *const typed[] = { "anna@example.org", "ANNA@example.org", "dora@example.net" };
    char name[USER_NAME_BYTES_MAX + 1];
    struct fixture f;
    (void)state;
    begin(&f);
    fill(&f);
    for (size_t i = 0; i < ARRAY_COUNT(typed); i++)
        for (int again = 0; again < 2; again++) {
            faulty_store_plan(f.store, &(struct faulty_plan){ .ops = FAULTY_GET | FAULTY_SCAN });
            assert_int_equal(names_sign_in(f.names, str_c(typed[i]), name, &f.err), 0);
            assert_string_not_equal(recipients(&f, str_c(typed[i])), "not-found");
            assert_row(again == 0 || faulty_store_count(f.store) == 0, i, typed[i]);
        }
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_typed_to_sign_in_means_an_account),
        cmocka_unit_test(test_what_a_provider_calls_a_user_means_an_account),
        cmocka_unit_test(test_nobody_signs_in_with_an_alias_when_that_is_off),
        cmocka_unit_test(test_without_a_default_domain_names_are_as_typed),
        cmocka_unit_test(test_default_domain_is_checked),
        cmocka_unit_test(test_addresses_have_recipients),
        cmocka_unit_test(test_disabled_users_may_refuse_mail),
        cmocka_unit_test(test_aliases_are_checked),
        cmocka_unit_test(test_aliases_go_so_deep_and_no_deeper),
        cmocka_unit_test(test_a_loop_in_the_directory_does_no_harm),
        cmocka_unit_test(test_work_for_one_address_is_bounded),
        cmocka_unit_test(test_aliases_are_listed_and_deleted),
        cmocka_unit_test(test_an_alias_has_a_limit),
        cmocka_unit_test(test_damaged_records_are_told_not_used),
        cmocka_unit_test(test_domains_come_and_go),
        cmocka_unit_test(test_new_names_are_ours_and_no_aliases),
        cmocka_unit_test(test_a_store_that_fails_makes_nobody_unknown),
        cmocka_unit_test(test_known_names_are_read_from_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
