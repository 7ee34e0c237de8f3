/* testing.h: what every unit test includes: cmocka with the headers it wants, and a few helpers. */
#ifndef LOFT_BASE_TESTING_H
#define LOFT_BASE_TESTING_H

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

/* In a table-driven test: say which row failed.
 * `for (size_t i...) { TEST_ROW(i, cases[i].in); ... }` prints at debug only. */
#define assert_row(condition, row, what)                                                                     \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            print_error("row %zu (%s): %s\n", (size_t)(row), (what), #condition);                            \
            fail();                                                                                          \
        }                                                                                                    \
    } while (0)

static inline void assert_str(struct str actual, const char *expected)
{
    struct str e = str_c(expected);
    if (expected == NULL ? !str_is_nil(actual) : str_is_nil(actual) || !str_eq(actual, e)) {
        print_error("got  <" STR_FMT ">\nwant <%s>\n", STR_ARG(actual), expected ? expected : "NIL");
        fail();
    }
}

#endif
