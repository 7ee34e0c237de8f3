#include "net/tls_ticket.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* What is taken is written as something that is taken, too. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct tls_tickets *tickets = tls_tickets_new(&clock_system);
    struct buf bytes = BUF_INIT;
    struct err err;
    int r = tls_tickets_decode(tickets, str_make(data, n), &err);
    assert(r == 0 || r == -ERR_CORRUPT);
    tls_tickets_encode(tickets, &bytes);
    assert(tls_tickets_decode(tickets, buf_str(&bytes), &err) == 0);
    buf_deinit(&bytes);
    tls_tickets_free(&tickets);
    return 0;
}
