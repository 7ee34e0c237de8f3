/* cmd_comparator.c: COMPARATOR: how SEARCH, SORT and THREAD compare text.     RFC 5255, 4.7 to 4.9; RFC 4790 */
#include "imap/cmd/command.h"
#include "imap/wire/session_args.h"
#include "imap/wire/writer.h"

/* Does an argument mean this one? "default" is the server's own: RFC 5255, 4.7 */
static bool is_meant(struct str arg, enum collation collation)
{
    if (str_eq_nocase(arg, STR("default")))
        return collation == COLLATION_UNICODE_CASEMAP;
    return collation_matches(collation, arg);
}

/* All that some argument means, the widely useful ones first; the first of the first argument that means any is chosen. */
static size_t find(const struct comparator_args *a, enum collation matches[static COLLATION_COUNT],
                   enum collation *chosen_out)
{
    size_t count = 0, best = SIZE_MAX;
    for (enum collation c = 0; c < COLLATION_COUNT; c++) {
        size_t i = 0;
        while (i < a->count && !is_meant(a->orders[i], c))
            i++;
        if (i == a->count)
            continue;
        matches[count++] = c;
        if (i < best) {
            best = i;
            *chosen_out = c;
        }
    }
    return count;
}

int comparator_run(struct session *s, const void *args, struct err *err)
{
    const struct comparator_args *a = args;
    enum collation matches[COLLATION_COUNT], chosen = s->collation;
    struct buf *out = session_out(s);
    size_t count = a->count ? find(a, matches, &chosen) : 0;
    if (a->count && count == 0) {
        session_code(s, "BADCOMPARATOR");
        return err_set(err, ERR_CANNOT, "None of these comparators is there");
    }
    if (count)
        s->collation = chosen;
    buf_add_lit(out, "* COMPARATOR ");
    write_astring(out, collation_name(s->collation), false);
    for (size_t i = 0; count > 1 && i < count; i++) {
        buf_add(out, i == 0 ? STR(" (") : STR(" "));
        write_astring(out, collation_name(matches[i]), false);
    }
    buf_add(out, count > 1 ? STR(")\r\n") : STR("\r\n"));
    return 0;
}
