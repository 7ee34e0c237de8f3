#include "base/network.h"

#include <arpa/inet.h>

static const unsigned char mapped_prefix[12] = { [10] = 0xff, [11] = 0xff }; /* RFC 4291, 2.5.5.2 */

static bool parse_ip(struct str text, struct network *network, unsigned *bits_out)
{
    char room[NETWORK_TEXT_BYTES_MAX + 1];
    if (text.n == 0 || text.n > NETWORK_TEXT_BYTES_MAX)
        return false;
    memcpy(room, text.p, text.n);
    room[text.n] = '\0';
    if (strlen(room) != text.n)
        return false;
    *bits_out = 32;
    memcpy(network->ip, mapped_prefix, sizeof mapped_prefix);
    if (inet_pton(AF_INET, room, network->ip + sizeof mapped_prefix) == 1)
        return true;
    *bits_out = 128;
    return inet_pton(AF_INET6, room, network->ip) == 1;
}

/* The bits of byte `i` that belong to the prefix. */
static unsigned mask_of(unsigned prefix_bits, unsigned i)
{
    unsigned before = i * 8;
    if (prefix_bits <= before)
        return 0;
    return prefix_bits >= before + 8 ? 0xff : (0xff00u >> (prefix_bits - before)) & 0xff;
}

int network_parse(struct str text, struct network *network_out, struct err *err)
{
    struct network network = { .prefix_bits = 0 };
    struct str prefix, ip = str_cut(text, '/', &prefix);
    unsigned bits = 0;
    uint64_t length;
    bool good = parse_ip(ip, &network, &bits);
    length = bits;
    if (good && !str_is_nil(prefix))
        good = str_to_u64(prefix, bits, &length);
    if (!good)
        return err_set(err, ERR_INVALID, "\"" STR_FMT "\" is no address or network, such as 192.0.2.0/24",
                       STR_ARG(str_sub(text, 0, NETWORK_TEXT_BYTES_MAX)));
    network.prefix_bits = (unsigned)length + 128 - bits;
    for (unsigned i = 0; i < NETWORK_IP_BYTES; i++)
        if (network.ip[i] & ~mask_of(network.prefix_bits, i))
            return err_set(err, ERR_INVALID, "\"" STR_FMT "\" has bits behind its prefix",
                           STR_ARG(str_sub(text, 0, NETWORK_TEXT_BYTES_MAX)));
    *network_out = network;
    return 0;
}

bool network_contains(const struct network *network, const unsigned char ip[NETWORK_IP_BYTES])
{
    for (unsigned i = 0; i < NETWORK_IP_BYTES; i++)
        if ((ip[i] ^ network->ip[i]) & mask_of(network->prefix_bits, i))
            return false;
    return true;
}

int network_list_check(struct str list, struct err *err)
{
    struct network network;
    int r = 0;
    for (struct str word; r == 0 && !str_is_nil(word = str_next_word(&list));)
        r = network_parse(word, &network, err);
    return r;
}

bool network_list_contains(struct str list, const unsigned char ip[NETWORK_IP_BYTES])
{
    struct network network;
    for (struct str word; !str_is_nil(word = str_next_word(&list));)
        if (network_parse(word, &network, NULL) == 0 && network_contains(&network, ip))
            return true;
    return false;
}
