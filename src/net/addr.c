#include "net/addr.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>

static const uint8_t mapped_prefix[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

static struct net_addr from_ipv6(const uint8_t ip[16], uint16_t port, uint32_t scope)
{
    struct net_addr addr = { .family = ADDR_IPV6, .port = port, .scope = scope };
    if (memcmp(ip, mapped_prefix, sizeof mapped_prefix) == 0) {
        addr.family = ADDR_IPV4;
        addr.scope = 0;
        memcpy(addr.ip, ip + 12, 4);
    } else {
        memcpy(addr.ip, ip, 16);
    }
    return addr;
}

struct net_addr addr_from_sockaddr(const struct sockaddr *sa, socklen_t n)
{
    struct net_addr addr = { .family = ADDR_NONE };
    if (n >= sizeof(sa_family_t) && sa->sa_family == AF_UNIX) {
        addr.family = ADDR_UNIX;
    } else if (n >= sizeof(struct sockaddr_in) && sa->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, sa, sizeof in);
        addr.family = ADDR_IPV4;
        addr.port = ntohs(in.sin_port);
        memcpy(addr.ip, &in.sin_addr, 4);
    } else if (n >= sizeof(struct sockaddr_in6) && sa->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, sa, sizeof in6);
        addr = from_ipv6(in6.sin6_addr.s6_addr, ntohs(in6.sin6_port), in6.sin6_scope_id);
    }
    return addr;
}

socklen_t addr_to_sockaddr(const struct net_addr *addr, struct sockaddr_storage *out)
{
    memset(out, 0, sizeof *out);
    if (addr->family == ADDR_IPV4) {
        struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(addr->port) };
        memcpy(&in.sin_addr, addr->ip, 4);
        memcpy(out, &in, sizeof in);
        return sizeof in;
    }
    struct sockaddr_in6 in6 = {
        .sin6_family = AF_INET6,
        .sin6_port = htons(addr->port),
        .sin6_scope_id = addr->scope,
    };
    memcpy(&in6.sin6_addr, addr->ip, 16);
    memcpy(out, &in6, sizeof in6);
    return sizeof in6;
}

int addr_parse_ip(struct str text, struct net_addr *addr_out, struct err *err)
{
    char c_text[INET6_ADDRSTRLEN + 1];
    uint8_t ip[16];

    if (text.n == 0 || text.n >= sizeof c_text || memchr(text.p, '\0', text.n))
        return err_set(err, ERR_SYNTAX, "not an IP address");
    memcpy(c_text, text.p, text.n);
    c_text[text.n] = '\0';
    if (inet_pton(AF_INET, c_text, ip) == 1) {
        *addr_out = (struct net_addr){ .family = ADDR_IPV4 };
        memcpy(addr_out->ip, ip, 4);
        return 0;
    }
    if (inet_pton(AF_INET6, c_text, ip) == 1) {
        *addr_out = from_ipv6(ip, 0, 0);
        return 0;
    }
    return err_set(err, ERR_SYNTAX, "not an IP address: %s", c_text);
}

const char *addr_format(const struct net_addr *addr, bool with_port, char out[static ADDR_TEXT_BYTES])
{
    char ip[INET6_ADDRSTRLEN] = "";
    switch (addr->family) {
    case ADDR_IPV4:
        inet_ntop(AF_INET, addr->ip, ip, sizeof ip);
        snprintf(out, ADDR_TEXT_BYTES, with_port ? "%s:%u" : "%s", ip, addr->port);
        break;
    case ADDR_IPV6:
        inet_ntop(AF_INET6, addr->ip, ip, sizeof ip);
        snprintf(out, ADDR_TEXT_BYTES, with_port ? "[%s]:%u" : "%s", ip, addr->port);
        break;
    default:
        snprintf(out, ADDR_TEXT_BYTES, "%s", addr->family == ADDR_UNIX ? "unix" : "unknown");
    }
    return out;
}

bool addr_equal(const struct net_addr *a, const struct net_addr *b)
{
    return a->family == b->family && a->port == b->port && a->scope == b->scope &&
           memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}

bool addr_is_loopback(const struct net_addr *addr)
{
    static const uint8_t ipv6_loopback[16] = { [15] = 1 };
    switch (addr->family) {
    case ADDR_UNIX:
        return true;
    case ADDR_IPV4:
        return addr->ip[0] == 127;
    case ADDR_IPV6:
        return memcmp(addr->ip, ipv6_loopback, 16) == 0;
    default:
        return false;
    }
}

bool addr_as_ipv6(const struct net_addr *addr, uint8_t out[static 16])
{
    memset(out, 0, 16);
    if (addr->family == ADDR_IPV6)
        memcpy(out, addr->ip, 16);
    if (addr->family == ADDR_IPV4) {
        memcpy(out, mapped_prefix, sizeof mapped_prefix);
        memcpy(out + sizeof mapped_prefix, addr->ip, 4);
    }
    return addr->family == ADDR_IPV4 || addr->family == ADDR_IPV6;
}

struct str addr_client_key(const struct net_addr *addr, char out[static ADDR_KEY_BYTES])
{
    if (addr->family != ADDR_IPV4 && addr->family != ADDR_IPV6)
        return STR_NIL;
    size_t ip_bytes = addr->family == ADDR_IPV4 ? 4 : 8;
    out[0] = (char)addr->family;
    memcpy(out + 1, addr->ip, ip_bytes);
    return str_make(out, 1 + ip_bytes);
}

/* The byte of a netmask of `bits` ones at position `i`. */
static uint8_t mask_byte(unsigned bits, unsigned i)
{
    if (bits >= 8 * (i + 1))
        return 0xff;
    return bits <= 8 * i ? 0 : (uint8_t)(0xff00u >> (bits - 8 * i));
}

int cidr_parse(struct str text, struct net_cidr *cidr_out, struct err *err)
{
    struct str bits_text;
    struct net_addr base;
    uint64_t bits;
    int r = addr_parse_ip(str_cut(text, '/', &bits_text), &base, err);
    if (r < 0)
        return r;

    unsigned bits_max = base.family == ADDR_IPV4 ? 32 : 128;
    if (str_is_nil(bits_text))
        bits = bits_max;
    else if (!str_to_u64(bits_text, bits_max, &bits))
        return err_set(err, ERR_SYNTAX, "not a network: " STR_FMT, STR_ARG(text));
    for (unsigned i = 0; i < bits_max / 8; i++)
        if (base.ip[i] & (uint8_t)~mask_byte((unsigned)bits, i))
            return err_set(err, ERR_INVALID, "not a network, it has bits behind its mask: " STR_FMT,
                           STR_ARG(text));
    *cidr_out = (struct net_cidr){ .base = base, .bits = (uint8_t)bits };
    return 0;
}

bool cidr_contains(const struct net_cidr *cidr, const struct net_addr *addr)
{
    if (cidr->base.family != addr->family)
        return false;
    for (unsigned i = 0; i < sizeof addr->ip; i++)
        if ((cidr->base.ip[i] ^ addr->ip[i]) & mask_byte(cidr->bits, i))
            return false;
    return true;
}
