/* The integers of machine/sysctl.def, and how integers are read and written under /proc/sys (Linux: proc_dointvec_minmax). */
#include "ip/address.h"
#include "proc/entry.h"
#include "proc/sysctl.h"
#include "tcp/tcp_net.h"

#define VALUES_MOST 4
#define MODE_SYSCTL 0100644

static int64_t get(const struct proc_integers *v, unsigned i) { return v->v64 ? v->v64[i] : v->v32[i]; }

void proc_integers_fill(const struct proc_integers *v, struct text *t)
{
    int64_t unit = v->unit ? v->unit : 1;
    for (unsigned i = 0; i < v->count; i++) text_printf(t, i ? "\t%ld" : "%ld", (long)(get(v, i) / unit));
    text_put(t, "\n", 1);
}

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f' || c == '\0'; }

/* Fewer numbers than there are fields change only the first ones; none at all, or anything else than numbers, is EINVAL. */
static int parse(const struct proc_integers *v, const char *bytes, size_t count, int64_t *values)
{
    int64_t unit = v->unit ? v->unit : 1;
    unsigned n = 0;
    for (size_t at = 0; n < v->count; n++) {
        while (at < count && is_space(bytes[at])) at++;
        if (at == count) break;
        size_t eaten = text_parse_i64(bytes + at, count - at, &values[n]);
        if (!eaten || (at + eaten < count && !is_space(bytes[at + eaten]))) return -EINVAL;
        at += eaten;
        if (values[n] < v->low || values[n] > v->high) return -EINVAL;
        values[n] *= unit;
    }
    return n ? 0 : -EINVAL;
}

int proc_integers_take(struct net *net, const struct proc_entry *e, const char *bytes, size_t count)
{
    struct proc_integers v = e->integers;
    int64_t values[VALUES_MOST];
    assert(v.count <= VALUES_MOST);
    for (unsigned i = 0; i < v.count; i++) values[i] = get(&v, i);
    int error = parse(&v, bytes, count, values);
    if (!error && e->check) error = e->check(net, values);
    if (error) return error;
    bool is_other = false;
    for (unsigned i = 0; i < v.count; i++) {
        is_other = is_other || get(&v, i) != values[i];
        if (v.v64) v.v64[i] = values[i];
        else v.v32[i] = (int32_t)values[i];
    }
    if (is_other && e->changed) e->changed(net, &v);
    return 0;
}

/* --- values that have to fit others */

static int check_port_range(struct net *net, int64_t *v)
{
    return v[1] < v[0] || v[0] < net->sysctl.ip_unprivileged_port_start ? -EINVAL : 0;
}

static int check_unprivileged(struct net *net, int64_t *v)
{
    return net->sysctl.ip_local_port_range[0] < v[0] ? -EINVAL : 0;
}

/* An empty range is kept as 1 0. */
static int check_group_range(struct net *net, int64_t *v)
{
    (void)net;
    if (v[0] <= v[1]) return 0;
    v[0] = 1;
    v[1] = 0;
    return 0;
}

static void spread_forwarding(struct net *net, struct proc_integers *v)
{
    sysctl_set_forwarding4(net, (int32_t)v->v64[0]);
}

/* Any write lets Fast Open try again. */
static int check_blackhole(struct net *net, int64_t *v)
{
    (void)v;
    net->tcp->fastopen.disabled_times = 0;
    return 0;
}

struct row { const char *path; size_t offset; unsigned count; int64_t low, high; };
static const struct row rows[] = {
#define SYSCTL(path, field, initial, low, high) { "sys/net/" path, offsetof(struct net_sysctl, field), 1, low, high },
#define SYSCTL_VECTOR(path, field, n, ...) { "sys/net/" path, offsetof(struct net_sysctl, field), n, 0, INT32_MAX },
#include "machine/sysctl.def"
#undef SYSCTL
#undef SYSCTL_VECTOR
};

/* What the plain form in sysctl.def cannot say. */
struct extra {
    const char *path;
    int64_t low, high;
    int (*check)(struct net *net, int64_t *values);
    void (*changed)(struct net *net, struct proc_integers *v);
};
static const struct extra extras[] = {
    { "sys/net/ipv4/ip_local_port_range", 1, 65535, check_port_range, NULL },
    { "sys/net/ipv4/ip_unprivileged_port_start", 0, 65535, check_unprivileged, NULL },
    { "sys/net/ipv4/ping_group_range", 0, UINT32_MAX - 1, check_group_range, NULL },
    { "sys/net/ipv4/tcp_rmem", 1, INT32_MAX, NULL, NULL },
    { "sys/net/ipv4/tcp_wmem", 1, INT32_MAX, NULL, NULL },
    { "sys/net/ipv4/tcp_fastopen_blackhole_timeout_sec", 0, INT32_MAX, check_blackhole, NULL },
    { "sys/net/ipv4/ip_forward", INT32_MIN, INT32_MAX, NULL, spread_forwarding },
};

int proc_each_sysctl(struct net *net, proc_visit visit, void *ctx)
{
    int result = 0;
    for (size_t i = 0; i < array_count(rows) && !result; i++) {
        const struct row *r = &rows[i];
        struct proc_entry e = { .path = r->path, .mode = MODE_SYSCTL };
        e.integers = (struct proc_integers){ .v64 = (int64_t *)(void *)((char *)&net->sysctl + r->offset), .count = r->count,
            .low = r->low, .high = r->high };
        for (size_t k = 0; k < array_count(extras); k++) {
            if (strcmp(extras[k].path, r->path)) continue;
            e.integers.low = extras[k].low;
            e.integers.high = extras[k].high;
            e.check = extras[k].check;
            e.changed = extras[k].changed;
        }
        result = visit(ctx, &e);
    }
    return result;
}
