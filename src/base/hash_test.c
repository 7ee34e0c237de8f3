#include "base/hash.h"
#include "base/testing.h"

#include <stdlib.h>
#include <xxhash.h>

/* What is stored was made by one of them and is read by the other. */
static void test_hash_is_xxh3_at_every_length(void **state)
{
    (void)state;
    enum { LONGEST = 5000 };
    unsigned char *bytes = malloc(LONGEST);
    assert_non_null(bytes);
    for (size_t i = 0; i < LONGEST; i++)
        bytes[i] = (unsigned char)(i * 131 + i / 256);
    for (size_t n = 0; n <= LONGEST; n++)
        assert_true(hash_xxh3(bytes, n) == XXH3_64bits(bytes, n));
    assert_true(hash_xxh3(bytes + 1, LONGEST - 1) == XXH3_64bits(bytes + 1, LONGEST - 1));
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_hash_is_xxh3_at_every_length) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
