#include "proc/entry.h"
#include "proc/proc.h"
#include "proc/texts.h"

#include "afpacket/afpacket.h"
#include "unix/unix.h"

#define MODE_DIRECTORY 0040555
#define MODE_TEXT 0100444

static const struct proc_entry texts[] = {
#define TEXT(name, function) { .path = "net/" name, .mode = MODE_TEXT, .fill = function }
    TEXT("arp", proc_arp), TEXT("dev", proc_dev), TEXT("dev_mcast", proc_dev_mcast), TEXT("icmp", proc_icmp4),
    TEXT("icmp6", proc_icmp6), TEXT("if_inet6", proc_if_inet6), TEXT("igmp", proc_igmp), TEXT("igmp6", proc_igmp6),
    TEXT("ipv6_route", proc_ipv6_route), TEXT("netlink", proc_netlink), TEXT("netstat", proc_netstat), TEXT("packet", afpacket_proc_text),
    TEXT("protocols", proc_protocols), TEXT("psched", proc_psched), TEXT("ptype", proc_ptype), TEXT("raw", proc_raw4),
    TEXT("raw6", proc_raw6), TEXT("route", proc_route), TEXT("rt_cache", proc_rt_cache), TEXT("snmp", proc_snmp),
    TEXT("snmp6", proc_snmp6), TEXT("sockstat", proc_sockstat), TEXT("sockstat6", proc_sockstat6),
    TEXT("softnet_stat", proc_softnet_stat), TEXT("tcp", proc_tcp4), TEXT("tcp6", proc_tcp6), TEXT("udp", proc_udp4),
    TEXT("udp6", proc_udp6), TEXT("udplite", proc_udplite4), TEXT("udplite6", proc_udplite6),
    TEXT("unix", unix_proc_text),
    TEXT("weir/drops", proc_drops), TEXT("weir/listeners", proc_listeners),
#undef TEXT
};

int proc_each_text(struct net *net, proc_visit visit, void *ctx)
{
    int result = 0;
    (void)net;
    for (size_t i = 0; i < array_count(texts) && !result; i++) result = visit(ctx, &texts[i]);
    return result;
}

static int each_entry(struct net *net, proc_visit visit, void *ctx)
{
    int result = proc_each_text(net, visit, ctx);
    if (!result) result = proc_each_special(net, visit, ctx);
    if (!result) result = proc_each_sysctl(net, visit, ctx);
    return result ? result : proc_each_interface(net, visit, ctx);
}

/* The rest of path behind directory and a slash; NULL: not below it. */
static const char *below(const char *path, const char *directory)
{
    size_t length = strlen(directory);
    if (!length) return path;
    return !strncmp(path, directory, length) && path[length] == '/' ? path + length + 1 : NULL;
}

struct mode_walk { const char *path; };

static int visit_mode(void *ctx, const struct proc_entry *e)
{
    const struct mode_walk *w = ctx;
    if (!strcmp(e->path, w->path)) return e->mode;
    return below(e->path, w->path) ? MODE_DIRECTORY : 0;
}

int proc_mode(struct net *net, const char *path)
{
    struct mode_walk w = { path };
    int mode = each_entry(net, visit_mode, &w);
    return mode ? mode : -ENOENT;
}

/* Found an entry: what to do with it. */
struct action {
    struct net *net;
    const char *path;
    struct text *text;   /* read */
    const char *bytes;   /* write */
    size_t count;
    int result;
};

static int visit_read(void *ctx, const struct proc_entry *e)
{
    struct action *a = ctx;
    if (strcmp(e->path, a->path)) return 0;
    if (e->fill) e->fill(a->net, a->text);
    else proc_integers_fill(&e->integers, a->text);
    return 1;
}

static int missing(struct net *net, const char *path)
{
    return proc_mode(net, path) < 0 ? -ENOENT : -EISDIR;
}

int proc_read(struct net *net, const struct credentials *by, const char *path, struct text *text)
{
    struct action a = { .net = net, .path = path, .text = text };
    int mode = proc_mode(net, path);
    if (mode >= 0 && !(mode & 0004) && by->uid && !credentials_can(by, CAP_NET_ADMIN)) return -EACCES;
    return each_entry(net, visit_read, &a) ? 0 : missing(net, path);
}

static int visit_write(void *ctx, const struct proc_entry *e)
{
    struct action *a = ctx;
    if (strcmp(e->path, a->path)) return 0;
    if (!(e->mode & 0200)) a->result = -EACCES;
    else if (e->take) a->result = e->take(a->net, a->bytes, a->count);
    else a->result = proc_integers_take(a->net, e, a->bytes, a->count);
    return 1;
}

long proc_write(struct net *net, const struct credentials *by, const char *path, const char *bytes, size_t count)
{
    struct action a = { .net = net, .path = path, .bytes = bytes, .count = count };
    int mode = proc_mode(net, path);
    if (mode < 0) return mode;
    if (mode == MODE_DIRECTORY) return -EISDIR;
    if (by->uid && !credentials_can(by, CAP_NET_ADMIN)) return -EACCES;
    each_entry(net, visit_write, &a);
    return a.result ? a.result : (long)count;
}

/* Names come once each, although a directory stands in the path of many entries: a name is told at the first entry that
 * has it, found by walking up to there again. */
struct list_walk {
    struct net *net;
    const char *directory;
    int (*visit)(void *ctx, const char *name, int mode);
    void *ctx;
    size_t index;
};
struct earlier { const char *directory, *name; size_t name_length, index, end; };

static int visit_earlier(void *ctx, const struct proc_entry *e)
{
    struct earlier *w = ctx;
    if (w->index++ == w->end) return 2;
    const char *rest = below(e->path, w->directory);
    return rest && !strncmp(rest, w->name, w->name_length) && (rest[w->name_length] == '/' || !rest[w->name_length]);
}

static int visit_list(void *ctx, const struct proc_entry *e)
{
    struct list_walk *w = ctx;
    size_t index = w->index++;
    const char *rest = below(e->path, w->directory);
    if (!rest) return 0;
    char name[64];
    const char *slash = strchr(rest, '/');
    size_t length = slash ? (size_t)(slash - rest) : strlen(rest);
    if (length >= sizeof name) return 0;
    memcpy(name, rest, length);
    name[length] = 0;
    struct earlier before = { w->directory, name, length, 0, index };
    if (slash && each_entry(w->net, visit_earlier, &before) == 1) return 0;
    return w->visit(w->ctx, name, slash ? MODE_DIRECTORY : e->mode);
}

int proc_list(struct net *net, const char *path, int (*visit)(void *ctx, const char *name, int mode), void *ctx)
{
    struct list_walk w = { .net = net, .directory = path, .visit = visit, .ctx = ctx };
    int mode = *path ? proc_mode(net, path) : MODE_DIRECTORY;
    if (mode < 0) return mode;
    if (mode != MODE_DIRECTORY) return -ENOTDIR;
    each_entry(net, visit_list, &w);
    return 0;
}

/* --- shared by the texts */

unsigned long proc_pointer(struct net *net, uint64_t which)
{
    return (uint32_t)siphash_2u64(&net->machine->hash_key, which, net->inode);
}

void proc_end_line(struct text *t, size_t start, size_t width)
{
    while (t->length - start < width && !t->is_cut) text_put(t, " ", 1);
    text_put(t, "\n", 1);
}

void proc_each_sock(struct net *net, void (*visit)(void *ctx, struct sock *sk), void *ctx)
{
    list_for_each(it, &net->sock->all) visit(ctx, list_entry(it, struct sock, all_node));
}
