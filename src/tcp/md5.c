/* Signed segments (RFC 2385, TCP_MD5SIG): each carries the MD5 of its pseudo-header, header without options, payload and a key
 * shared with the peer. Keys belong to addresses; where a key matches, what is not signed with it is dropped without a word. */
#include "tcp/data.h"
#include "base/md5.h"
#include "tcp/tcp_net.h"

enum { OPTION_NOP = 1, OPTION_MD5 = 19, OPTION_BYTES = 2 + MD5_BYTES };

static const struct tcp_md5_key *keys_of(const struct tcp_sock *tp) { return tp->settings->md5_keys; }

/* The longest prefix; of equal ones, a key for the main routing domain alone (there is no other here). */
const struct tcp_md5_key *tcp_md5_find(const struct tcp_sock *tp, const ip_addr_t *remote)
{
    const struct tcp_md5_key *best = NULL;

    for (const struct tcp_md5_key *k = keys_of(tp); k; k = k->next) {
        if (!ip_in_prefix(remote, &k->address, k->prefix_bits)) continue;
        if (!best || k->prefix_bits > best->prefix_bits || (k->prefix_bits == best->prefix_bits && k->is_domain_bound && !best->is_domain_bound)) best = k;
    }
    return best;
}

static struct tcp_md5_key **find_exact(struct tcp_settings *s, const struct tcp_md5_key *like)
{
    for (struct tcp_md5_key **k = &s->md5_keys; *k; k = &(*k)->next)
        if (ip_equal(&(*k)->address, &like->address) && (*k)->prefix_bits == like->prefix_bits && (*k)->is_domain_bound == like->is_domain_bound) return k;
    return NULL;
}

static int add_key(struct tcp_sock *tp, const struct tcp_md5_key *given)
{
    struct tcp_settings *s = tcp_settings_own(tp);
    struct tcp_md5_key **at = s ? find_exact(s, given) : NULL, *k = at ? *at : NULL;

    if (!s) return -ENOMEM;
    if (!k) {
        k = machine_alloc(net_of(tp)->machine, sizeof(*k));
        if (!k) return -ENOMEM;
        *k = *given;
        k->next = s->md5_keys;
        s->md5_keys = k;
        return 0;
    }
    memcpy(k->key, given->key, sizeof(k->key));
    k->key_bytes = given->key_bytes;
    return 0;
}

static int remove_key(struct tcp_sock *tp, const struct tcp_md5_key *given)
{
    struct tcp_md5_key **at = keys_of(tp) ? find_exact((struct tcp_settings *)(uintptr_t)tp->settings, given) : NULL, *k;

    if (!at) return -ENOENT;
    k = *at;
    *at = k->next;
    machine_free(net_of(tp)->machine, k, sizeof(*k));
    return 0;
}

/* prefix: of TCP_MD5SIG_EXT, or negative: the whole address. */
static int parse_address(const struct sock *sk, const struct tcp_md5sig *given, int prefix, struct tcp_md5_key *k)
{
    uint32_t most;

    if (given->tcpm_addr.ss_family != sk->family) return -EINVAL;
    if (sk->family == AF_INET6) {
        struct sockaddr_in6 sin6;
        memcpy(&sin6, &given->tcpm_addr, sizeof(sin6));
        k->address = ip_from6(&sin6.sin6_addr);
    } else {
        struct sockaddr_in sin;
        memcpy(&sin, &given->tcpm_addr, sizeof(sin));
        k->address = ip_from4((be32_t){ sin.sin_addr.s_addr });
    }
    most = ip_is4(&k->address) ? 32 : 128;
    if (prefix > (int)most) return -EINVAL;
    k->prefix_bits = (uint8_t)(prefix < 0 ? most : (uint32_t)prefix);
    return 0;
}

static int set_key(struct sock *sk, const struct user_option *o, bool is_extended)
{
    struct tcp_md5_key k = { 0 };
    struct tcp_md5sig given;
    int prefix = -1, error = option_in(o, &given, sizeof(given));

    if (error) return error;
    if (is_extended && given.tcpm_flags & TCP_MD5SIG_FLAG_PREFIX) prefix = given.tcpm_prefixlen;
    error = parse_address(sk, &given, prefix, &k);
    if (error) return error;
    k.is_domain_bound = given.tcpm_flags & TCP_MD5SIG_FLAG_IFINDEX;
    if (is_extended && given.tcpm_ifindex && k.is_domain_bound) return -EINVAL; /* Linux: must be a VRF, and here is none */
    if (!given.tcpm_keylen) return remove_key(tcp_of(sk), &k);
    if (given.tcpm_keylen > TCP_MD5SIG_MAXKEYLEN) return -EINVAL;
    k.key_bytes = (uint8_t)given.tcpm_keylen;
    memcpy(k.key, given.tcpm_key, k.key_bytes);
    return add_key(tcp_of(sk), &k);
}

int tcp_md5_set(struct sock *sk, const struct user_option *o) { return set_key(sk, o, false); }
int tcp_md5_set_extended(struct sock *sk, const struct user_option *o) { return set_key(sk, o, true); }

bool tcp_md5_inherit(struct tcp_sock *child, const struct tcp_sock *listener)
{
    const struct tcp_md5_key *k = tcp_md5_find(listener, &child->inet.remote);
    struct tcp_md5_key own;

    if (!k) return true;
    own = *k;
    own.next = NULL;
    own.address = child->inet.remote;
    own.prefix_bits = ip_is4(&own.address) ? 32 : 128;
    return !add_key(child, &own);
}

void tcp_md5_release(struct machine *m, struct tcp_md5_key *k)
{
    while (k) {
        struct tcp_md5_key *next = k->next;
        machine_free(m, k, sizeof(*k));
        k = next;
    }
}

static void add_addresses(struct md5 *m, const ip_addr_t *source, const ip_addr_t *destination, uint32_t segment_bytes)
{
    if (ip_is4(source)) {
        struct { be32_t source, destination; uint8_t zero, protocol; be16_t bytes; } h = { ip_get4(source), ip_get4(destination), 0, IPPROTO_TCP, be16((uint16_t)segment_bytes) };
        md5_add(m, &h, sizeof(h));
        return;
    }
    be32_t tail[2] = { be32(segment_bytes), be32(IPPROTO_TCP) };
    md5_add(m, source->bytes, 16);
    md5_add(m, destination->bytes, 16);
    md5_add(m, tail, sizeof(tail));
}

static int add_piece(void *ctx, const uint8_t *at, uint32_t bytes)
{
    md5_add(ctx, at, bytes);
    return 0;
}

/* p begins at its TCP header, which lies in one piece. */
static void digest(const struct tcp_md5_key *k, const struct packet *p, const ip_addr_t *source, const ip_addr_t *destination, uint8_t *out)
{
    uint32_t bytes = packet_bytes(p), header_bytes;
    struct wire_tcp h;
    struct md5 m;

    memcpy(&h, packet_data(p), sizeof(h));
    header_bytes = (uint32_t)(h.offset_reserved >> 4) * 4;
    h.checksum = be16(0);
    md5_init(&m);
    add_addresses(&m, source, destination, bytes);
    md5_add(&m, &h, sizeof(h));
    if (bytes > header_bytes) packet_visit(p, header_bytes, bytes - header_bytes, add_piece, &m);
    md5_add(&m, k->key, k->key_bytes);
    md5_end(&m, out);
}

void tcp_md5_sign(const struct tcp_md5_key *k, struct packet *p, const ip_addr_t *source, const ip_addr_t *destination)
{
    uint8_t *option = packet_data(p) + sizeof(struct wire_tcp);

    if (option[2] == OPTION_MD5) digest(k, p, source, destination, option + 4); /* tcp_write_options() puts it first */
}

/* The signature in the options of a header. NULL: none. */
static const uint8_t *find_signature(const struct packet *p, uint32_t header_bytes)
{
    const uint8_t *at = packet_data(p) + sizeof(struct wire_tcp), *end = packet_data(p) + header_bytes;

    if (header_bytes < sizeof(struct wire_tcp) + OPTION_BYTES) return NULL;
    while (at < end && *at) {
        if (*at == OPTION_NOP) {
            at++;
            continue;
        }
        if (end - at < 2 || at[1] < 2 || at[1] > end - at) return NULL;
        if (*at == OPTION_MD5 && at[1] == OPTION_BYTES) return at + 2;
        at += at[1];
    }
    return NULL;
}

bool tcp_md5_is_signed(const struct tcp_md5_key *k, const struct packet *p, uint32_t header_bytes)
{
    const uint8_t *signature = find_signature(p, header_bytes);
    uint8_t right[MD5_BYTES];

    if (!signature) return false;
    digest(k, p, &p->ip.source, &p->ip.destination, right);
    return !memcmp(right, signature, sizeof(right));
}

/* Signed where there is a key, and not where there is none. */
bool tcp_md5_admits(const struct tcp_sock *tp, struct packet *p, uint32_t header_bytes)
{
    const struct tcp_md5_key *k = tcp_md5_find(tp, &p->ip.source);
    bool has_signature = find_signature(p, header_bytes);

    if (!k && !has_signature) return true;
    if (!k) {
        count(net_of(tp), TcpExt, TCPMD5Unexpected);
        packet_drop(p, DROP_TCP_MD5UNEXPECTED);
    } else if (!has_signature) {
        count(net_of(tp), TcpExt, TCPMD5NotFound);
        packet_drop(p, DROP_TCP_MD5NOTFOUND);
    } else if (!tcp_md5_is_signed(k, p, header_bytes)) {
        count(net_of(tp), TcpExt, TCPMD5Failure);
        packet_drop(p, DROP_TCP_MD5FAILURE);
    } else {
        return true;
    }
    return false;
}
