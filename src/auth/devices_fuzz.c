/* A record of a device is refused, or it is written again just as it was. */
#include "auth/devices_private.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct device device, again;
    char text[DEVICE_NETWORK_BYTES];
    struct buf out = BUF_INIT;
    if (device_decode(str_make((const char *)data, size), &device, NULL) < 0)
        return 0;
    device_network(&device, text);
    device_encode(&device, &out);
    if (device_decode(buf_str(&out), &again, NULL) < 0 ||
        memcmp(&device.ip, &again.ip, sizeof again.ip) != 0 || strcmp(device.client, again.client) != 0 ||
        strcmp(device.mechanism, again.mechanism) != 0 || device.last_ms != again.last_ms ||
        device.noticed != again.noticed)
        abort();
    buf_deinit(&out);
    return 0;
}
