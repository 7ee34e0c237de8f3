#include "auth/passwd/scheme.h"
#include "auth/testing_memory.h"
#include "base/codec.h"

#include <sodium.h>
#include <stdlib.h>
#include <unistd.h>

/* All of "secret", made by Dovecot 2.3 (doveadm pw), perl's crypt() and openssl. */
static const struct {
    struct str stored;
    bool weak, plain;
} secrets[] = {
    { STR_INIT("{PLAIN}secret"), true, true },
    { STR_INIT("{cleartext}secret"), true, true },
    { STR_INIT("{PLAIN.B64}c2VjcmV0"), true, true },
    { STR_INIT("{CLEAR.hex}736563726574"), true, true },
    { STR_INIT("{SSHA512}OddluTjZuszzmUooSXLDx7VHalfykPbCIj8W8w2gNATqKp3qeGIirDNO+"
               "QleorQFcdmxvL9KX2mIzB5z9MuMyX9KyQU="),
      true },
    { STR_INIT("{SSHA256}Od53OcXB9vVstu2YGkW+/JZh5Fcb4DsEZ6MdZoAtVal+E3PR"), true },
    { STR_INIT("{SSHA256.HEX}743274506a3b40bf7dfe17f627f25fe3a46c4c36fab873fa757c579e43e43ae789366c66"),
      true },
    { STR_INIT("{SSHA}s5Ot9o6Qcx1Rl2hOVRUHOd00+CmoIfS7"), true },
    { STR_INIT("{SMD5}6du44mHfvc0W8CfIwZojoO3rsfM="), true },
    { STR_INIT("{SMD5.HEX}0886efde6c105b5d3d95a68c23936472a987b97e"), true },
    { STR_INIT(
          "{SHA512}vSsar3708Jvp9Szi2NWZZ02Bqp1qRCFpbcTZPdBhnWgs5WtNZKnvCXdhztmeD2cmW192CF5bDufKRpayrW/isg=="),
      true },
    { STR_INIT("{SHA256}K7gNU3sdo+OL0wNhqoVWhr3g6s1xYv72ol/pe/Unols="), true },
    { STR_INIT("{SHA256}2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"), true },
    { STR_INIT("{SHA256.HEX}2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"), true },
    { STR_INIT("{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="), true },
    { STR_INIT("{SHA1}5en6G6MezRroT3XKqkdPOmY/BfQ="), true },
    { STR_INIT("{LDAP-MD5}Xr4ilOzQ4PCOq3aQ0qbuaQ=="), true },
    { STR_INIT("{MD5}Xr4ilOzQ4PCOq3aQ0qbuaQ=="), true },
    { STR_INIT("{PLAIN-MD5}5ebe2294ecd0e0f08eab7690d2a6ee69"), true },
    { STR_INIT("{MD5}$1$uEXIAj/M$4SpvLJfj75cvUKra/48ne/"), true },
    { STR_INIT("{MD5-CRYPT}$1$kQqXJwTT$CTfjGLtZ3HylnobOCv856."), true },
    { STR_INIT("$1$kQqXJwTT$CTfjGLtZ3HylnobOCv856."), true },
    { STR_INIT("{DES-CRYPT}36CBQkyPJIyP6"), true },
    { STR_INIT("36CBQkyPJIyP6"), true }, /* no scheme: {CRYPT} is the default here */
    { STR_INIT("{SHA512-CRYPT}$6$14R0qL2XD74U1yRU$0reKEuc4hIQ2QnVvKzswur/"
               ".138GBXeSWAlISSDV9S620FLB.gIyYKGzcR9k7ba3g7CN.UUWoIjrPyu812t3s1") },
    { STR_INIT("$6$14R0qL2XD74U1yRU$0reKEuc4hIQ2QnVvKzswur/"
               ".138GBXeSWAlISSDV9S620FLB.gIyYKGzcR9k7ba3g7CN.UUWoIjrPyu812t3s1") },
    { STR_INIT("{SHA512-CRYPT.B64}"
               "JDYkYVAzcENmNzVqUGdiSWJRbCRqYzNRaWcxSGtYTURpVnBNc1dQbWZxdHU2akFRRXFYdjlXOTl5T3doOHZPeUgwYmxyZ"
               "HFKTWNldU9PYVJIa3pzNEFkSktIL1JLRld6dTJSdVFtRC9mLg==") },
    { STR_INIT("{SHA256-CRYPT}$5$57g3gRhFF6ecdxcr$MAy3INV.tdczOJZOzpKQlOmTEJSJ4K7dkBL0It/9JC3") },
    { STR_INIT("{BLF-CRYPT}$2y$05$e9c4qSVIC6p/nQtjjJVroO1la5XQ.O1SLgExhi/TAXAfINsDEJK/O") },
    { STR_INIT("{CRYPT}$2y$05$Xb3hnh9V/81tTcE.ZokAve250n/AfUyLPXdidDD5tl9zC2.X0543i") },
    { STR_INIT("{CRYPT}$y$j9T$F5Jx5fExrKuPp53xLKQ..1$GmcwIgvdUC9qLWcKCi6gklUa1dM3ziD43YxYNURLKy0") },
    { STR_INIT("{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$zeULysausTxXDtLwWVZ9pA$t+y60syvirjrfLbIAhLr3GjVh7+"
               "giwtq3g1stZsWjmA") },
    { STR_INIT("{ARGON2I}$argon2i$v=19$m=32768,t=4,p=1$6vZWCOQa1TMq+4lBjUdi6A$zuBOZFLUzAQV/"
               "k36q9+mtF6UDUd0CaIRULyX8T9ltQA") },
    { STR_INIT("{PBKDF2}$1$HHOkaBYWpPAuW/gf$5000$7b404de988810512622f28522d2137474da471c7") },
    { STR_INIT("{SCRAM-SHA-1}4096,2q1klNLJ5rYTMYEKMOrHDA==,jj7pjLHyymbxRAVi53wnPi7MpBQ=,Lo/BzpsN5+qldDQm/"
               "9owtREuMHY=") },
    { STR_INIT("{SCRAM-SHA-256}4096,EeHsGrk7u+zBx5+hym1OqA==,mmo8ujb5Zk4rheDHXFr6rrfdkAWTsas+pPar3KxUhV0=,"
               "QG7zkApzdwrFZ7GGCNC1cIyFhzI3zeaF/uypYOc4REU=") },
};

static void test_scheme_takes_its_password_and_no_other(void **state)
{
    (void)state;
    static const char *const wrong[] = { "Secret", "secre", "secrets", "" };
    for (size_t i = 0; i < ARRAY_COUNT(secrets); i++) {
        struct err err = { 0 };
        struct scheme_facts facts;
        assert_row(scheme_check(secrets[i].stored, "CRYPT", &facts, &err) == 0, i, err.text);
        assert_row(facts.weak == secrets[i].weak && facts.plain == secrets[i].plain && !facts.never, i,
                   secrets[i].stored.p);
        assert_row(scheme_verify(secrets[i].stored, "CRYPT", STR("secret"), &err) == 0, i,
                   secrets[i].stored.p);
        for (size_t k = 0; k < ARRAY_COUNT(wrong); k++)
            assert_row(scheme_verify(secrets[i].stored, "CRYPT", str_c(wrong[k]), &err) == -ERR_AUTH, i,
                       wrong[k]);
        assert_row(scheme_verify(secrets[i].stored, "CRYPT", str_make("secret\0x", 8), &err) == -ERR_AUTH, i,
                   "NUL");
    }
}

static void test_scheme_takes_bytes_as_they_are(void **state)
{
    (void)state;
    struct str stored = STR("{BLF-CRYPT}$2y$05$2/MVTVZj/LzAf8S.ORZcL.4Vx.A9M7jz3l9L00A4PD9Pvqw4ot3dq");
    assert_int_equal(scheme_verify(stored, "PLAIN", STR("p\303\244ssword: {x}"), NULL), 0);
    assert_int_equal(scheme_verify(STR("{PLAIN}!{x}*"), "PLAIN", STR("!{x}*"), NULL), 0);
    assert_int_equal(scheme_verify(STR("secret"), "PLAIN", STR("secret"), NULL), 0);
}

static void test_scheme_says_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        struct str stored;
        int r;
    } cases[] = {
        { STR_INIT("{NTLM}878D8014606CDA29677A44EFA1353FC7"), -ERR_CANNOT },
        { STR_INIT("{SHA256.b32}x"), -ERR_CANNOT },
        { STR_INIT("{}x"), -ERR_CANNOT },
        { STR_INIT("{SHA256"), -ERR_SYNTAX },
        { STR_INIT("{SHA256}"), 0 }, /* matches nothing */
        { STR_INIT("{SHA256}K7gNU3sdo+OL0wNhqoVWhr3g6s1xYv72ol/pe/Unol"), -ERR_SYNTAX },
        { STR_INIT("{SHA256.hex}K7gN"), -ERR_SYNTAX },
        { STR_INIT("{SSHA}5en6G6MezRroT3XKqkdPOmY/"), -ERR_SYNTAX }, /* shorter than its digest */
        { STR_INIT("{CRYPT}secret"), -ERR_CANNOT },
        { STR_INIT("{CRYPT}$3$$8846f7eaee8fb117ad06bdd830b7586c"), -ERR_CANNOT },
        { STR_INIT("{CRYPT}$2y$4$x"), -ERR_SYNTAX },
        { STR_INIT("{CRYPT}$2y$16$x"), 0 },
        { STR_INIT("{CRYPT}$2y$17$x"), -ERR_LIMIT },
        { STR_INIT("{CRYPT}$2y$31$x"), -ERR_LIMIT },
        { STR_INIT("{CRYPT}$6$rounds=5000000$x$y"), 0 },
        { STR_INIT("{CRYPT}$6$rounds=5000001$x$y"), -ERR_LIMIT },
        { STR_INIT("{CRYPT}$5$rounds=99999999999999999999$x$y"), -ERR_SYNTAX },
        { STR_INIT("{CRYPT}$y$jDT$x$y"), 0 },          /* 256 MiB */
        { STR_INIT("{CRYPT}$y$jET$x$y"), -ERR_LIMIT }, /* 512 MiB */
        { STR_INIT("{CRYPT}$y$jzzzz$x$y"), -ERR_CANNOT },
        { STR_INIT("{CRYPT}$6$x y$z"), -ERR_SYNTAX },
        { STR_INIT("{ARGON2ID}$argon2id$v=19$m=1048576,t=8,p=1$x$y"), 0 },
        { STR_INIT("{ARGON2ID}$argon2id$v=19$m=1048576,t=9,p=1$x$y"), -ERR_LIMIT },
        { STR_INIT("{ARGON2ID}$argon2id$v=19$m=1048577,t=1,p=1$x$y"), -ERR_LIMIT },
        { STR_INIT("{ARGON2ID}$argon2id$v=19$m=4294967295,t=4294967295,p=1$x$y"), -ERR_LIMIT },
        { STR_INIT("{ARGON2ID}$argon2id$m=1,t=1,p=1$x$y"), -ERR_SYNTAX },
        { STR_INIT("{ARGON2ID}x"), -ERR_SYNTAX },
        { STR_INIT("{PBKDF2}$1$salt$10000000$7b404de988810512622f28522d2137474da471c7"), 0 },
        { STR_INIT("{PBKDF2}$1$salt$10000001$7b404de988810512622f28522d2137474da471c7"), -ERR_LIMIT },
        { STR_INIT("{PBKDF2}$1$salt$0$7b404de988810512622f28522d2137474da471c7"), -ERR_SYNTAX },
        { STR_INIT("{PBKDF2}$1$$1$7b404de988810512622f28522d2137474da471c7"), -ERR_SYNTAX },
        { STR_INIT("{PBKDF2}$1$salt$1$7b40"), -ERR_SYNTAX },
        { STR_INIT("{SCRAM-SHA-1}4096,,jj7pjLHyymbxRAVi53wnPi7MpBQ=,Lo/BzpsN5+qldDQm/9owtREuMHY="),
          -ERR_SYNTAX },
        { STR_INIT("{SCRAM-SHA-1}4096,YQ==,jj7pjLHyymbxRAVi53wnPi7MpBQ="), -ERR_SYNTAX },
        { STR_INIT("{SCRAM-SHA-256}1,YQ==,jj7pjLHyymbxRAVi53wnPi7MpBQ=,Lo/BzpsN5+qldDQm/9owtREuMHY="),
          -ERR_SYNTAX },
        { STR_INIT("{PLAIN.hex}6100"), -ERR_SYNTAX },
        { STR_INIT("!"), 0 }, /* no password */
        { STR_INIT("*"), 0 },
        { STR_INIT("!$6$x$y"), 0 },
        { STR_INIT(""), 0 },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct err err = { 0 };
        struct scheme_facts facts;
        int r = scheme_check(cases[i].stored, "CRYPT", &facts, &err);
        if (r != cases[i].r)
            print_error("%d %s\n", r, err.text);
        assert_row(r == cases[i].r, i, cases[i].stored.p);
        if (r < 0)
            assert_row(scheme_verify(cases[i].stored, "CRYPT", STR("secret"), NULL) == r, i, "verify");
    }
}

static void test_scheme_without_a_password_takes_none(void **state)
{
    (void)state;
    static const char *const none[] = { "",        "!",     "*", "!$1$kQqXJwTT$CTfjGLtZ3HylnobOCv856.",
                                        "{PLAIN}", "{SSHA}" };
    for (size_t i = 0; i < ARRAY_COUNT(none); i++) {
        struct scheme_facts facts;
        assert_row(scheme_check(str_c(none[i]), "CRYPT", &facts, NULL) == 0 && facts.never, i, none[i]);
        assert_row(scheme_verify(str_c(none[i]), "CRYPT", STR(""), NULL) == -ERR_AUTH, i, none[i]);
        assert_row(scheme_verify(str_c(none[i]), "CRYPT", STR("secret"), NULL) == -ERR_AUTH, i, none[i]);
        assert_row(scheme_verify(str_c(none[i]), "CRYPT", STR("!"), NULL) == -ERR_AUTH, i, none[i]);
    }
}

static void test_scheme_argon2_is_not_wrong_for_want_of_memory(void **state)
{
    (void)state;
    struct str stored = STR("{ARGON2ID}$argon2id$v=19$m=65536,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$"
                            "0000000000000000000000000000000000000000000");
    assert_int_equal(scheme_verify(stored, "CRYPT", STR("secret"), NULL), -ERR_AUTH);
    struct rlimit before = testing_memory_low();
    int r = scheme_verify(stored, "CRYPT", STR("secret"), NULL);
    testing_memory_back(before);
    assert_int_equal(r, -ERR_UNAVAILABLE);
}

static void test_scheme_text_has_a_limit(void **state)
{
    (void)state;
    char text[SCHEME_STORED_BYTES_MAX + 1];
    struct scheme_facts facts;
    memset(text, 'A', sizeof text);
    memcpy(text, "{SSHA}", 6);
    assert_int_equal(scheme_check(str_make(text, sizeof text), "CRYPT", &facts, NULL), -ERR_LIMIT);
    memset(text, 'a', sizeof text);
    assert_int_equal(scheme_check(str_make(text, USER_PASSWORD_BYTES_MAX), "PLAIN", &facts, NULL), 0);
    assert_int_equal(scheme_check(str_make(text, USER_PASSWORD_BYTES_MAX + 1), "PLAIN", &facts, NULL),
                     -ERR_SYNTAX);
}

static void test_scheme_gives_scram_of_its_own_and_of_plain_passwords(void **state)
{
    (void)state;
    struct scram_verifier v, w;
    struct err err = { 0 };
    struct str stored = STR(
        "{SCRAM-SHA-256}4096,EeHsGrk7u+zBx5+hym1OqA==,mmo8ujb5Zk4rheDHXFr6rrfdkAWTsas+pPar3KxUhV0=,"
        "QG7zkApzdwrFZ7GGCNC1cIyFhzI3zeaF/uypYOc4REU=");
    assert_int_equal(scheme_scram(stored, "CRYPT", SCRAM_SHA_256, STR("other"), &v, &err), 0);
    assert_true(scram_matches(&v, STR("secret")) && v.iterations == 4096 && v.salt_bytes == 16);
    assert_int_equal(
        scram_derive(SCRAM_SHA_256, STR("secret"), str_make(v.salt, v.salt_bytes), 4096, &w, &err), 0);
    assert_memory_equal(v.server_key, w.server_key, 32);
    assert_int_equal(scheme_scram(stored, "CRYPT", SCRAM_SHA_1, STR("other"), &v, &err), -ERR_CANNOT);
    assert_int_equal(scheme_scram(STR("{PLAIN}secret"), "CRYPT", SCRAM_SHA_1, STR("salt"), &v, &err), 0);
    assert_true(v.hash == SCRAM_SHA_1 && v.salt_bytes == 4 && scram_matches(&v, STR("secret")));
    assert_int_equal(scheme_scram(STR("{PLAIN}"), "CRYPT", SCRAM_SHA_1, STR("salt"), &v, &err), -ERR_CANNOT);
    assert_int_equal(scheme_scram(STR("36CBQkyPJIyP6"), "CRYPT", SCRAM_SHA_1, STR("salt"), &v, &err),
                     -ERR_CANNOT);
    assert_int_equal(scheme_scram(STR("{X}"), "CRYPT", SCRAM_SHA_1, STR("salt"), &v, &err), -ERR_CANNOT);
}

/* Where Debian's dovecot-core is: what it makes now, whatever its version. */
static void test_scheme_takes_what_dovecot_makes(void **state)
{
    (void)state;
    static const char *const names[] = { "SSHA512",     "SSHA256",       "SSHA",         "SMD5",
                                         "SHA512",      "SHA256",        "SHA",          "SHA1",
                                         "LDAP-MD5",    "PLAIN-MD5",     "SHA512-CRYPT", "SHA256-CRYPT",
                                         "MD5-CRYPT",   "BLF-CRYPT",     "CRYPT",        "ARGON2ID",
                                         "ARGON2I",     "PBKDF2",        "PLAIN",        "CLEARTEXT",
                                         "SCRAM-SHA-1", "SCRAM-SHA-256", "SSHA512.hex",  "SHA256.b64",
                                         "PLAIN.b64",   "MD5",           "DES-CRYPT" };
    if (access("/usr/bin/doveadm", X_OK) != 0)
        skip();
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        char command[128], stored[SCHEME_STORED_BYTES_MAX] = "";
        struct err err = { 0 };
        snprintf(command, sizeof command, "doveadm pw -s %s -p 'a-b %%{c}' 2>/dev/null", names[i]);
        FILE *pipe = popen(command, "r");
        assert_non_null(pipe);
        bool got = fgets(stored, sizeof stored, pipe) != NULL;
        pclose(pipe);
        if (!got)
            continue; /* a version that does not know it */
        assert_row(scheme_verify(str_trim(str_c(stored)), "CRYPT", STR("a-b %{c}"), &err) == 0, i, stored);
        assert_row(scheme_verify(str_trim(str_c(stored)), "CRYPT", STR("b-b %{c}"), &err) == -ERR_AUTH, i,
                   stored);
    }
}

static void test_scheme_names_are_known_whatever_their_case(void **state)
{
    (void)state;
    assert_true(scheme_is_known(STR("crypt")) && scheme_is_known(STR("Md5")) &&
                scheme_is_known(STR("PLAIN")));
    assert_false(scheme_is_known(STR("")) || scheme_is_known(STR("ROT13")) ||
                 scheme_is_known(STR("PLAIN.b64")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scheme_takes_its_password_and_no_other),
        cmocka_unit_test(test_scheme_takes_bytes_as_they_are),
        cmocka_unit_test(test_scheme_says_what_is_wrong),
        cmocka_unit_test(test_scheme_without_a_password_takes_none),
        cmocka_unit_test(test_scheme_argon2_is_not_wrong_for_want_of_memory),
        cmocka_unit_test(test_scheme_text_has_a_limit),
        cmocka_unit_test(test_scheme_gives_scram_of_its_own_and_of_plain_passwords),
        cmocka_unit_test(test_scheme_takes_what_dovecot_makes),
        cmocka_unit_test(test_scheme_names_are_known_whatever_their_case),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
