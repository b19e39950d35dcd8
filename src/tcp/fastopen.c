/* Fast Open's keys and cookies. A cookie is SipHash of client and server address under a key of the listener's own or of the
 * namespace, so that it need not be kept; the key before stays good while a new one spreads (RFC 7413 §4.1.2). */
#include "base/text.h"
#include "tcp/data.h"
#include "tcp/fastopen.h"
#include "tcp/tcp_net.h"

static uint32_t load_le32(const uint8_t *at) { return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24; }
static uint64_t load_le64(const uint8_t *at) { return load_le32(at) | (uint64_t)load_le32(at + 4) << 32; }
static void store_le32(uint8_t *at, uint32_t v)
{
    for (unsigned i = 0; i < 4; i++) at[i] = (uint8_t)(v >> 8 * i);
}

void tcp_fastopen_need_key(struct net *net)
{
    struct tcp_fastopen_keys *keys = &net->tcp->fastopen.keys;
    if (keys->count) return;
    random_bytes(&net->machine->random.keys, keys->key[0], FASTOPEN_KEY_BYTES);
    keys->count = 1;
}

int tcp_fastopen_set_keys(struct tcp_sock *tp, const uint8_t *keys, uint32_t count)
{
    struct tcp_settings *own = tcp_settings_own(tp);
    if (own && !own->fastopen_keys) own->fastopen_keys = machine_alloc(tp->inet.sk.net->machine, sizeof *own->fastopen_keys);
    if (!own || !own->fastopen_keys) return -ENOMEM;
    own->fastopen_keys->count = count;
    memcpy(own->fastopen_keys->key, keys, count * FASTOPEN_KEY_BYTES);
    return 0;
}

static const struct tcp_fastopen_keys *keys_of(const struct tcp_sock *listener)
{
    return listener->settings->fastopen_keys ? listener->settings->fastopen_keys : &listener->inet.sk.net->tcp->fastopen.keys;
}

static void make_cookie(const uint8_t *key, const ip_addr_t *client, const ip_addr_t *server, struct tcp_fastopen_cookie *out)
{
    struct siphash_key k = { { load_le64(key), load_le64(key + 8) } };
    uint32_t v4[2] = { client->word[3], server->word[3] };
    ip_addr_t v6[2] = { *client, *server };
    uint64_t hash = ip_is4(client) ? siphash(&k, v4, sizeof v4) : siphash(&k, v6, sizeof v6);
    *out = (struct tcp_fastopen_cookie){ .bytes = FASTOPEN_OWN_COOKIE_BYTES };
    store_le32(out->value, (uint32_t)hash);
    store_le32(out->value + 4, (uint32_t)(hash >> 32));
}

bool tcp_fastopen_cookie_for(const struct tcp_sock *listener, const ip_addr_t *client, const ip_addr_t *server, struct tcp_fastopen_cookie *out)
{
    const struct tcp_fastopen_keys *keys = keys_of(listener);
    if (!keys->count) return false;
    make_cookie(keys->key[0], client, server, out);
    return true;
}

unsigned tcp_fastopen_cookie_is_ours(const struct tcp_sock *listener, const ip_addr_t *client, const ip_addr_t *server,
                                     const struct tcp_fastopen_cookie *c)
{
    const struct tcp_fastopen_keys *keys = keys_of(listener);
    for (unsigned i = 0; i < keys->count; i++) {
        struct tcp_fastopen_cookie right;
        make_cookie(keys->key[i], client, server, &right);
        if (c->bytes == right.bytes && !memcmp(c->value, right.value, FASTOPEN_OWN_COOKIE_BYTES)) return i + 1;
    }
    return 0;
}

struct tcp_fastopen_cookie tcp_fastopen_offered(const struct tcp_options *o)
{
    struct tcp_fastopen_cookie c = { .bytes = -1 };
    if (!o->has_fastopen) return c;
    c.bytes = (int8_t)o->fastopen_bytes;
    c.is_experimental = o->fastopen_is_experimental;
    memcpy(c.value, o->fastopen, o->fastopen_bytes);
    return c;
}

bool tcp_fastopen_put(struct tcp_options *o, const struct tcp_fastopen_cookie *c, bool is_signed)
{
    uint32_t taken = (o->has_mss ? 4u : 0u) + (o->has_timestamp ? 12u : o->has_sack_permitted ? 4u : 0u) + (o->has_window_scale ? 4u : 0u) +
        (is_signed ? TCP_MD5_OPTION_BYTES : 0u);
    if (c->bytes < 0) return false;
    uint32_t needed = ((c->is_experimental ? 4u : 2u) + (uint32_t)c->bytes + 3u) & ~3u;
    if (taken + needed > 40) return false;
    o->has_fastopen = true;
    o->fastopen_is_experimental = c->is_experimental;
    o->fastopen = c->value;
    o->fastopen_bytes = (uint8_t)c->bytes;
    return true;
}

void tcp_fastopen_take_data(struct tcp_sock *tp, const struct tcp_segment *seg)
{
    if (seq_equal(seg->end_seq, tp->rcv.nxt)) return; /* no more than the SYN */
    struct packet *p = packet_part(seg->packet, 0, seg->payload_bytes);
    if (!p) return; /* not acknowledged: the peer sends it again */
    p->net = tp->inet.sk.net;
    p->truesize_bytes = seg->packet->truesize_bytes;
    p->time_ns = seg->packet->time_ns;
    p->tcp = (struct packet_tcp){ .seq = seq_add(seg->seq, 1), .end_seq = seg->end_seq, .flags = seg->flags & (uint8_t)~TCP_SYN };
    tp->segs_in = tp->data_segs_in = 1; /* Linux: the SYN anew */
    tcp_receive_append(tp, p);
    tp->bytes_received = seg->payload_bytes;
    tp->rcv.open.data_was_taken = true;
    if (seg->flags & TCP_FIN) tcp_process_fin(tp);
}

/* --- net.ipv4.tcp_fastopen_key: "a-b-c-d" or "a-b-c-d,e-f-g-h", numbers in hexadecimal */

void tcp_fastopen_key_fill(struct net *net, struct text *t)
{
    const struct tcp_fastopen_keys *keys = &net->tcp->fastopen.keys;
    for (unsigned i = 0; i < max_of(keys->count, 1u); i++) {
        const uint8_t *key = keys->key[i];
        text_printf(t, "%s%08x-%08x-%08x-%08x", i ? "," : "", load_le32(key), load_le32(key + 4), load_le32(key + 8), load_le32(key + 12));
    }
    text_put(t, "\n", 1);
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/* As the kernel's sscanf() reads %x: blanks before it, perhaps 0x, and of too many digits the last eight. */
static bool parse_word(const char **at, const char *end, uint32_t *out)
{
    const char *s = *at;
    while (s < end && is_blank(*s)) s++;
    if (end - s > 2 && s[0] == '0' && (s[1] | 0x20) == 'x' && digit_of(s[2]) >= 0) s += 2;
    const char *first = s;
    for (*out = 0; s < end && digit_of(*s) >= 0; s++) *out = *out << 4 | (uint32_t)digit_of(*s);
    *at = s;
    return s > first;
}

/* Whatever follows the four numbers is not looked at. */
static bool parse_key(const char *at, const char *end, uint8_t key[FASTOPEN_KEY_BYTES])
{
    for (unsigned i = 0; i < 4; i++) {
        uint32_t word;
        if (i && (at == end || *at++ != '-')) return false;
        if (!parse_word(&at, end, &word)) return false;
        store_le32(key + 4 * i, word);
    }
    return true;
}

int tcp_fastopen_key_take(struct net *net, const char *bytes, size_t count)
{
    enum { LONGEST = FASTOPEN_KEY_BYTES * 2 * FASTOPEN_KEYS + 5 * FASTOPEN_KEYS - 1 };
    struct tcp_fastopen_keys keys = { .count = 1 };
    const char *line = memchr(bytes, '\n', count), *end = bytes + min_of(line ? (size_t)(line - bytes) : count, (size_t)LONGEST);
    const char *comma = memchr(bytes, ',', (size_t)(end - bytes));
    if (!parse_key(bytes, comma ? comma : end, keys.key[0])) return -EINVAL;
    if (comma && !parse_key(comma + 1, end, keys.key[1])) return -EINVAL;
    if (comma) keys.count = 2;
    net->tcp->fastopen.keys = keys;
    return 0;
}
