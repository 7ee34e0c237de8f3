#include "net/proxy.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Never behind the end; a header is within the input and its limit, and every shorter input asks for more. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct proxy_header header, again;
    struct err err;
    char text[ADDR_TEXT_BYTES];

    if (proxy_parse(str_make(data, n), &header, &err) != 0)
        return 0;
    assert(header.bytes > 0 && header.bytes <= n && header.bytes <= PROXY_BYTES_MAX);
    assert(header.local == (header.peer.family == ADDR_NONE));
    addr_format(&header.peer, true, text);
    assert(proxy_parse(str_make(data, header.bytes - 1), &again, &err) == -ERR_AGAIN);
    assert(proxy_parse(str_make(data, header.bytes), &again, &err) == 0 && again.bytes == header.bytes);
    return 0;
}
