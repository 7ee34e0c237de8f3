/* The embedded engine keeps the contract, with and without the inline committer and with segments so small
 * that everything rolls. */
#include "store/rocks/rocks_testing.h"

#include "store/conformance.h"

static int open_new(void *ctx, struct store **store_out, struct err *err)
{
    struct fixture *f = ctx;
    bool inline_commit = f->options.inline_commit;
    fixture_settings(f);
    f->options.inline_commit = inline_commit;
    f->options.watermark_bytes = 0;
    return rocks_store_open(&f->options, store_out, err);
}

static int open_again(void *ctx, struct store **store_out, struct err *err)
{
    struct fixture *f = ctx;
    return rocks_store_open(&f->options, store_out, err);
}

static void clean(void *ctx)
{
    struct fixture *f = ctx;
    if (f->folder[0])
        fixture_remove(f->folder);
}

int main(void)
{
    struct fixture with = { .options.inline_commit = true }, without = { .options.inline_commit = false };
    const struct conformance_target targets[] = {
        { "rocks", &with, open_new, open_again, false, clean },
        { "rocks, committer thread only", &without, open_new, open_again, false, clean },
    };
    return conformance_run(&targets[0]) + conformance_run_faults(&targets[0]) + conformance_run(&targets[1]);
}
