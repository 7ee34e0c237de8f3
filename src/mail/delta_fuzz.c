/* Log records and account and mailbox records from anywhere: never more than an error,
 * and what is accepted is written back alike. */
#include "mail/delta.h"
#include "mail/record.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str bytes = str_make(data, size);
    struct arena arena = ARENA_INIT;
    struct buf first = BUF_INIT, second = BUF_INIT;
    struct log_record record;
    struct account_record account;
    struct mailbox_record mailbox;
    struct reader r = reader_make(bytes);
    struct delta d;
    struct err err;

    if (log_record_open(bytes, &record, &err) == 0) {
        uint64_t before = record.version_before, again = before;
        while (log_record_next(&record, &arena, &d, &err) == 1) {
            struct log_record reread;
            struct delta same;
            uint64_t modseq = again;
            buf_clear(&first);
            log_record_begin(again, &first);
            delta_encode(&d, &modseq, &first);
            if (log_record_open(buf_str(&first), &reread, &err) < 0 ||
                log_record_next(&reread, &arena, &same, &err) != 1)
                abort();
            buf_clear(&second);
            log_record_begin(again, &second);
            modseq = again;
            delta_encode(&same, &modseq, &second);
            if (!str_eq(buf_str(&first), buf_str(&second)))
                abort();
            again = modseq;
        }
    }
    if (account_record_decode(bytes, &account, &err) == 0)
        account_record_encode(&account, &second);
    if (mailbox_record_decode(&r, &mailbox))
        mailbox_record_encode(&mailbox, &second);
    buf_deinit(&first);
    buf_deinit(&second);
    arena_deinit(&arena);
    return 0;
}
