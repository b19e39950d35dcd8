/* Sysctls that are no integers: names of congestion controls, lists of ports. */
#include "proc/entry.h"
#include "tcp/fastopen.h"

static void put_word(struct text *t, const char *word, bool *is_first)
{
    text_printf(t, *is_first ? "%s" : " %s", word);
    *is_first = false;
}

static void fill_available(struct net *net, struct text *t)
{
    bool is_first = true;
    (void)net;
    for (size_t i = 0; i < cc_table_count; i++) put_word(t, cc_table[i]->name, &is_first);
    text_put(t, "\n", 1);
}

static void fill_allowed(struct net *net, struct text *t) { text_printf(t, "%s\n", net->sysctl.tcp_allowed_congestion_control); }
static void fill_default(struct net *net, struct text *t) { text_printf(t, "%s\n", net->sysctl.tcp_congestion_control); }

/* Linux: proc_dostring takes the first line. */
static size_t line_length(const char *bytes, size_t count)
{
    const char *end = memchr(bytes, '\n', count);
    return end ? (size_t)(end - bytes) : count;
}

static const struct cc_ops *find_word(const char *word, size_t length)
{
    char name[16];
    if (!length || length >= sizeof name) return NULL;
    memcpy(name, word, length);
    name[length] = 0;
    return cc_find(name);
}

static int take_default(struct net *net, const char *bytes, size_t count)
{
    const struct cc_ops *ops = find_word(bytes, line_length(bytes, count));
    if (!ops) return -ENOENT;
    memcpy(net->sysctl.tcp_congestion_control, ops->name, strlen(ops->name) + 1);
    return 0;
}

static int take_allowed(struct net *net, const char *bytes, size_t count)
{
    char allowed[sizeof net->sysctl.tcp_allowed_congestion_control];
    struct text t = text_in(allowed, sizeof allowed - 1);
    size_t length = line_length(bytes, count);
    bool is_first = true;
    for (size_t at = 0; at < length;) {
        size_t end = at;
        while (end < length && bytes[end] != ' ') end++;
        const struct cc_ops *ops = end > at ? find_word(bytes + at, end - at) : NULL;
        if (end > at && !ops) return -ENOENT;
        if (ops) put_word(&t, ops->name, &is_first);
        at = end + 1;
    }
    if (t.is_cut) return -EINVAL;
    allowed[t.length] = 0;
    memcpy(net->sysctl.tcp_allowed_congestion_control, allowed, t.length + 1);
    return 0;
}

void proc_bitmap_fill(const uint32_t *map, unsigned bits, struct text *t)
{
    bool is_first = true;
    for (unsigned from = 0; from < bits; from++) {
        if (!(map[from / 32] >> (from % 32) & 1)) continue;
        unsigned to = from;
        while (to + 1 < bits && (map[(to + 1) / 32] >> ((to + 1) % 32) & 1)) to++;
        text_printf(t, is_first ? "%u" : ",%u", from);
        if (to > from) text_printf(t, "-%u", to);
        is_first = false;
        from = to;
    }
    text_put(t, "\n", 1);
}

/* "from" or "from-to" at *at; steps behind the comma. */
static int parse_range(const char *bytes, size_t length, size_t *at, unsigned bits, int64_t range[2])
{
    for (int i = 0; i < 2; i++) {
        size_t eaten = text_parse_i64(bytes + *at, length - *at, &range[i]);
        if (!eaten || range[i] < 0 || range[i] >= bits) return -EINVAL;
        *at += eaten;
        if (!i) range[1] = range[0];
        if (i || *at == length || bytes[*at] != '-') break;
        (*at)++;
    }
    if (range[1] < range[0] || (*at < length && bytes[*at] != ',')) return -EINVAL;
    if (*at < length) (*at)++;
    return 0;
}

int proc_bitmap_take(uint32_t *map, unsigned bits, const char *bytes, size_t count)
{
    size_t length = line_length(bytes, count);
    int64_t range[2];
    for (size_t at = 0; at < length;)
        if (parse_range(bytes, length, &at, bits, range)) return -EINVAL;
    memset(map, 0, bits / 8);
    for (size_t at = 0; at < length;) {
        parse_range(bytes, length, &at, bits, range);
        for (int64_t i = range[0]; i <= range[1]; i++) map[i / 32] |= 1u << (i % 32);
    }
    return 0;
}

static void fill_reserved(struct net *net, struct text *t) { proc_bitmap_fill(net->sysctl.local_reserved_ports, 65536, t); }
static int take_reserved(struct net *net, const char *bytes, size_t count)
{
    return proc_bitmap_take(net->sysctl.local_reserved_ports, 65536, bytes, count);
}

static void fill_ratemask6(struct net *net, struct text *t) { proc_bitmap_fill(net->sysctl.icmp6_ratemask, 256, t); }
static int take_ratemask6(struct net *net, const char *bytes, size_t count)
{
    return proc_bitmap_take(net->sysctl.icmp6_ratemask, 256, bytes, count);
}

static const struct proc_entry rows[] = {
    { .path = "sys/net/ipv4/tcp_available_congestion_control", .mode = 0100444, .fill = fill_available },
    { .path = "sys/net/ipv4/tcp_allowed_congestion_control", .mode = 0100644, .fill = fill_allowed, .take = take_allowed },
    { .path = "sys/net/ipv4/tcp_congestion_control", .mode = 0100644, .fill = fill_default, .take = take_default },
    { .path = "sys/net/ipv4/tcp_fastopen_key", .mode = 0100600, .fill = tcp_fastopen_key_fill, .take = tcp_fastopen_key_take },
    { .path = "sys/net/ipv4/ip_local_reserved_ports", .mode = 0100644, .fill = fill_reserved, .take = take_reserved },
    { .path = "sys/net/ipv6/icmp/ratemask", .mode = 0100644, .fill = fill_ratemask6, .take = take_ratemask6 },
};

int proc_each_special(struct net *net, proc_visit visit, void *ctx)
{
    int result = 0;
    (void)net;
    for (size_t i = 0; i < array_count(rows) && !result; i++) result = visit(ctx, &rows[i]);
    return result;
}
