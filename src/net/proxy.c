/* Section numbers are those of haproxy's doc/proxy-protocol.txt. */
#include "net/proxy.h"

static const char v2_signature[12] = { '\r', '\n', '\r', '\n', '\0', '\r', '\n', 'Q', 'U', 'I', 'T', '\n' };

enum { V2_FIXED_BYTES = 16, V2_COMMAND_LOCAL = 0x20, V2_COMMAND_PROXY = 0x21 };

static int bad(struct err *err, const char *what)
{
    return err_set(err, ERR_SYNTAX, "PROXY header: %s", what);
}

/* Decimal, no leading zero, 0..65535. */
static bool parse_port(struct str text, uint16_t *port_out)
{
    uint64_t port;
    if ((text.n > 1 && text.p[0] == '0') || !str_to_u64(text, 65535, &port))
        return false;
    *port_out = (uint16_t)port;
    return true;
}

/* Two addresses of the family that the line names. Text of a mapped address says TCP6 and becomes IPv4. */
static bool parse_ip(struct str text, bool ipv6, struct net_addr *addr_out)
{
    bool looks_ipv6 = str_find_char(text, ':') >= 0;
    return looks_ipv6 == ipv6 && addr_parse_ip(text, addr_out, NULL) == 0;
}

/* 2.1: "PROXY TCP4 SRC DST SPORT DPORT CRLF", one blank between, or "PROXY UNKNOWN ... CRLF". */
static int parse_v1_line(struct str line, struct proxy_header *header, struct err *err)
{
    struct str rest, word = str_cut(line, ' ', &rest);
    if (!str_eq(word, STR("PROXY")) || str_is_nil(rest))
        return bad(err, "version 1 without a protocol");

    struct str protocol = str_cut(rest, ' ', &rest);
    if (str_eq(protocol, STR("UNKNOWN"))) { /* the rest of the line must be ignored */
        header->local = true;
        return 0;
    }
    bool ipv6 = str_eq(protocol, STR("TCP6"));
    if (!ipv6 && !str_eq(protocol, STR("TCP4")))
        return bad(err, "protocol is not TCP4, TCP6 or UNKNOWN");

    struct str word4[4];
    for (size_t i = 0; i < ARRAY_COUNT(word4); i++) {
        if (str_is_nil(rest))
            return bad(err, "too few fields");
        word4[i] = str_cut(rest, ' ', &rest);
    }
    if (!str_is_nil(rest))
        return bad(err, "too many fields");
    if (!parse_ip(word4[0], ipv6, &header->peer) || !parse_ip(word4[1], ipv6, &header->local_addr))
        return bad(err, "wrong address");
    if (!parse_port(word4[2], &header->peer.port) || !parse_port(word4[3], &header->local_addr.port))
        return bad(err, "wrong port");
    return 0;
}

static int parse_v1(struct str in, struct proxy_header *header, struct err *err)
{
    struct str head = str_sub(in, 0, PROXY_V1_BYTES_MAX);
    ptrdiff_t lf = str_find_char(head, '\n');
    if (lf < 0) {
        if (head.n == PROXY_V1_BYTES_MAX)
            return err_set(err, ERR_LIMIT, "PROXY header: line above %d bytes", PROXY_V1_BYTES_MAX);
        return -ERR_AGAIN;
    }
    if (lf == 0 || head.p[lf - 1] != '\r')
        return bad(err, "line does not end in CRLF");
    header->bytes = (size_t)lf + 1;
    return parse_v1_line(str_sub(head, 0, (size_t)lf - 1), header, err);
}

static uint16_t big_endian_16(const unsigned char *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

/* An address of `ip_bytes` in network order; by way of the text-free path that maps IPv4-mapped ones. */
static struct net_addr v2_addr(const unsigned char *ip, size_t ip_bytes, uint16_t port)
{
    struct net_addr addr = { .family = ip_bytes == 4 ? ADDR_IPV4 : ADDR_IPV6, .port = port };
    struct sockaddr_storage storage;
    memcpy(addr.ip, ip, ip_bytes);
    socklen_t n = addr_to_sockaddr(&addr, &storage);
    return addr_from_sockaddr((const struct sockaddr *)&storage, n);
}

/* 2.2: signature, version and command, family and transport, length, addresses, TLVs (which we skip). */
static int parse_v2(struct str in, struct proxy_header *header, struct err *err)
{
    static const struct {
        unsigned char family_transport;
        unsigned char ip_bytes; /* 0: no address that we use */
        unsigned short bytes_min;
    } families[] = {
        { 0x00, 0, 0 },   /* AF_UNSPEC */
        { 0x11, 4, 12 },  /* TCP over IPv4 */
        { 0x21, 16, 36 }, /* TCP over IPv6 */
        { 0x31, 0, 216 }, /* Unix stream */
    };
    const unsigned char *p = (const unsigned char *)in.p;

    if (in.n < V2_FIXED_BYTES)
        return -ERR_AGAIN;
    if (p[12] != V2_COMMAND_LOCAL && p[12] != V2_COMMAND_PROXY)
        return bad(err, "not version 2 with LOCAL or PROXY");
    size_t length = big_endian_16(p + 14);
    header->bytes = V2_FIXED_BYTES + length;
    if (header->bytes > PROXY_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "PROXY header: above %d bytes", PROXY_BYTES_MAX);
    header->local = true;
    if (p[12] == V2_COMMAND_PROXY) {
        size_t i = 0;
        while (i < ARRAY_COUNT(families) && families[i].family_transport != p[13])
            i++;
        if (i == ARRAY_COUNT(families))
            return bad(err, "family and transport are not of a stream");
        if (length < families[i].bytes_min)
            return bad(err, "too short for its addresses");
        header->local = families[i].ip_bytes == 0;
        if (!header->local && in.n >= header->bytes) {
            size_t n = families[i].ip_bytes;
            const unsigned char *a = p + V2_FIXED_BYTES;
            header->peer = v2_addr(a, n, big_endian_16(a + 2 * n));
            header->local_addr = v2_addr(a + n, n, big_endian_16(a + 2 * n + 2));
        }
    }
    return in.n < header->bytes ? -ERR_AGAIN : 0;
}

int proxy_parse(struct str in, struct proxy_header *header_out, struct err *err)
{
    static const struct str v1_start = STR_INIT("PROXY ");
    struct str signature = str_make(v2_signature, sizeof v2_signature);
    struct proxy_header header = { .local = false };
    int r;

    if (str_starts(signature, str_sub(in, 0, signature.n)))
        r = in.n < signature.n ? -ERR_AGAIN : parse_v2(in, &header, err);
    else if (str_starts(v1_start, str_sub(in, 0, v1_start.n)))
        r = in.n < v1_start.n ? -ERR_AGAIN : parse_v1(in, &header, err);
    else
        r = bad(err, "missing");
    if (r == 0)
        *header_out = header;
    return r;
}
