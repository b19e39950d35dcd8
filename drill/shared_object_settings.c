/* Settings of the network namespace that packetdrill runs in become the machine's: sysctls whose value differs,
 * addresses, routes with their metrics, segmentation offload and an impassable qdisc of tun0. Scripts change them
 * there, by any tool. */
#include "drill/shared_object.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "machine/machine.h"
#include "proc/proc.h"
#include "tcp/fastopen.h"

enum { VALUE_BYTES = 8192, DUMP_BYTES = 65536 };

static bool take_flag(struct shared_flags *f, const char *name, size_t name_bytes, const char *value,
                      size_t value_bytes)
{
    char text[64];
    if (value_bytes >= sizeof text) return false;
    memcpy(text, value, value_bytes);
    text[value_bytes] = 0;
    if (name_bytes == 5 && !memcmp(name, "local", 5) && f->local_count < 4)
        memcpy(f->local[f->local_count++], text, sizeof text);
    else if (name_bytes == 6 && !memcmp(name, "remote", 6) && f->remote_count < 4)
        memcpy(f->remote[f->remote_count++], text, sizeof text);
    else if (name_bytes == 3 && !memcmp(name, "mtu", 3)) f->mtu_bytes = (unsigned)strtoul(text, NULL, 0);
    else if (name_bytes == 4 && !memcmp(name, "seed", 4)) f->seed = strtoull(text, NULL, 0);
    else return false;
    return true;
}

void shared_flags_parse(const char *text, struct shared_flags *out)
{
    *out = (struct shared_flags){ .seed = 1 };
    while (text && *text) {
        size_t bytes = strcspn(text, ","), name_bytes = strcspn(text, "=,");
        size_t value_at = name_bytes < bytes ? name_bytes + 1 : bytes;
        if (!take_flag(out, text, name_bytes, text + value_at, bytes - value_at))
            fprintf(stderr, "libweir-packetdrill: flag not understood: %.*s\n", (int)bytes, text);
        text += bytes;
        if (*text) text++;
    }
}

unsigned shared_host_mtu(void)
{
    struct ifreq r = { 0 };
    int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    memcpy(r.ifr_name, shared_device, sizeof shared_device);
    unsigned mtu = s >= 0 && !ioctl(s, SIOCGIFMTU, &r) ? (unsigned)r.ifr_mtu : 0;
    if (s >= 0) close(s);
    return mtu;
}

/* --- rtnetlink */

typedef void (*visit_message)(struct shared_host *h, const struct nlmsghdr *m, void *ctx);

/* All messages of a dump of the host's. */
static void dump(struct shared_host *h, uint16_t type, uint8_t family, visit_message visit, void *ctx)
{
    struct { struct nlmsghdr n; struct rtmsg body; char room[32];
    } ask = { .n = { .nlmsg_len = sizeof ask, .nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
              .body = { .rtm_family = family } };
    char *buffer = malloc(DUMP_BYTES);
    int s = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    /* The first member of each of these requests is the family; what follows is zero. */
    bool more = buffer && s >= 0 && send(s, &ask, sizeof ask, 0) == sizeof ask;
    while (more) {
        ssize_t n = recv(s, buffer, DUMP_BYTES, 0);
        if (n <= 0) break;
        for (struct nlmsghdr *m = (void *)buffer; NLMSG_OK(m, n); m = NLMSG_NEXT(m, n)) {
            more = m->nlmsg_type != NLMSG_DONE && m->nlmsg_type != NLMSG_ERROR;
            if (!more) break;
            visit(h, m, ctx);
        }
    }
    if (s >= 0) close(s);
    free(buffer);
}

static const void *attribute(const struct nlmsghdr *m, size_t header_bytes, unsigned short type, size_t *bytes)
{
    size_t left = m->nlmsg_len - NLMSG_SPACE(header_bytes);
    for (const struct rtattr *a = (const void *)((const char *)m + NLMSG_SPACE(header_bytes)); RTA_OK(a, left);
         a = RTA_NEXT(a, left)) {
        if ((a->rta_type & NLA_TYPE_MASK) != type) continue;
        if (bytes) *bytes = RTA_PAYLOAD(a);
        return RTA_DATA(a);
    }
    return NULL;
}

static void copy_address(struct shared_host *h, const struct nlmsghdr *m, void *ctx)
{
    const struct ifaddrmsg *a = NLMSG_DATA(m);
    const void *address = attribute(m, sizeof *a, IFA_LOCAL, NULL);
    char text[INET6_ADDRSTRLEN], with_prefix[INET6_ADDRSTRLEN + 8];
    (void)ctx;
    if (m->nlmsg_type != RTM_NEWADDR || a->ifa_index != if_nametoindex(shared_device) || a->ifa_scope == RT_SCOPE_LINK)
        return;
    if (!address) address = attribute(m, sizeof *a, IFA_ADDRESS, NULL);
    if (!address || !inet_ntop(a->ifa_family, address, text, sizeof text)) return;
    snprintf(with_prefix, sizeof with_prefix, "%s/%u", text, a->ifa_prefixlen);
    weir_address_add(h->machine, shared_device, with_prefix);
}

void shared_copy_addresses(struct shared_host *h) { dump(h, RTM_GETADDR, AF_UNSPEC, copy_address, NULL); }

struct route_request { struct nlmsghdr n; struct rtmsg r; char attributes[1024]; };

static void add_attribute(struct route_request *q, unsigned short type, const void *data, size_t bytes)
{
    if (!data || q->n.nlmsg_len + RTA_SPACE(bytes) > sizeof *q) return;
    struct rtattr *a = (void *)((char *)q + NLMSG_ALIGN(q->n.nlmsg_len));
    a->rta_type = type;
    a->rta_len = (unsigned short)RTA_LENGTH(bytes);
    memcpy(RTA_DATA(a), data, bytes);
    q->n.nlmsg_len = (uint32_t)(NLMSG_ALIGN(q->n.nlmsg_len) + RTA_SPACE(bytes));
}

static uint32_t machine_ifindex(struct shared_host *h, int s)
{
    struct ifreq r = { 0 };
    memcpy(r.ifr_name, shared_device, sizeof shared_device);
    return weir_ioctl(h->task, s, SIOCGIFINDEX, &r) ? 0 : (uint32_t)r.ifr_ifindex;
}

/* A route over the device with its metrics; the gateway says nothing on a device without link addresses. */
static void copy_route(struct shared_host *h, const struct nlmsghdr *m, void *ctx)
{
    const struct rtmsg *r = NLMSG_DATA(m);
    const int s = *(const int *)ctx;
    static const unsigned short copied[] = { RTA_DST, RTA_PRIORITY, RTA_PREFSRC, RTA_METRICS };
    const uint32_t *out_index = attribute(m, sizeof *r, RTA_OIF, NULL);
    if (m->nlmsg_type != RTM_NEWROUTE || r->rtm_table != RT_TABLE_MAIN || r->rtm_protocol == RTPROT_KERNEL) return;
    if (!out_index || *out_index != if_nametoindex(shared_device)) return;
    struct route_request q = { .n = { .nlmsg_len = NLMSG_LENGTH(sizeof *r), .nlmsg_type = RTM_NEWROUTE,
        .nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_REPLACE }, .r = *r };
    uint32_t index = machine_ifindex(h, s);
    q.r.rtm_flags = 0;
    if (r->rtm_family == AF_INET) q.r.rtm_scope = RT_SCOPE_LINK;
    for (size_t i = 0; i < sizeof copied / sizeof copied[0]; i++) {
        size_t bytes;
        const void *data = attribute(m, sizeof *r, copied[i], &bytes);
        if (data) add_attribute(&q, copied[i], data, bytes);
    }
    add_attribute(&q, RTA_OIF, &index, sizeof index);
    weir_send(h->task, s, &q, q.n.nlmsg_len, 0);
}

static void copy_routes(struct shared_host *h)
{
    int s = weir_socket(h->task, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
    if (s < 0) return;
    dump(h, RTM_GETROUTE, AF_INET, copy_route, &s);
    dump(h, RTM_GETROUTE, AF_INET6, copy_route, &s);
    weir_close(h->task, s);
}

/* pfifo with room for no packet: nothing leaves. fq: paced. */
static void look_at_qdisc(struct shared_host *h, const struct nlmsghdr *m, void *ctx)
{
    const struct tcmsg *t = NLMSG_DATA(m);
    const char *kind = attribute(m, sizeof *t, TCA_KIND, NULL);
    const uint32_t *limit = attribute(m, sizeof *t, TCA_OPTIONS, NULL);
    (void)ctx;
    if (m->nlmsg_type != RTM_NEWQDISC || (unsigned)t->tcm_ifindex != if_nametoindex(shared_device)) return;
    weir_device_pace(h->machine, shared_device, kind && !strcmp(kind, "fq"));
    weir_device_block(h->machine, shared_device, kind && !strcmp(kind, "pfifo") && limit && !*limit);
}

static void copy_offload(struct shared_host *h)
{
    struct ethtool_value value = { .cmd = ETHTOOL_GTSO };
    struct ifreq r = { .ifr_data = (void *)&value };
    int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    memcpy(r.ifr_name, shared_device, sizeof shared_device);
    /* Off is also what a tun says that nobody holds: software segmentation tells whether a script asked for it. */
    value.cmd = ETHTOOL_GGSO;
    if (s >= 0 && !ioctl(s, SIOCETHTOOL, &r)) weir_tun_offload(h->machine, shared_device, value.data);
    if (s >= 0) close(s);
}

/* --- sysctls */

struct walk { struct shared_host *host; char path[256]; char ours[VALUE_BYTES], theirs[VALUE_BYTES]; };

/* The same numbers or words, however they are set apart. */
static bool same_words(const char *a, const char *b)
{
    for (;;) {
        while (isspace((unsigned char)*a)) a++;
        while (isspace((unsigned char)*b)) b++;
        while (*a && *a == *b && !isspace((unsigned char)*a)) a++, b++;
        if ((*a && !isspace((unsigned char)*a)) || (*b && !isspace((unsigned char)*b))) return false;
        if (!*a && !*b) return true;
    }
}

static void copy_sysctl(struct walk *w)
{
    char host_path[sizeof w->path + 8];
    snprintf(host_path, sizeof host_path, "/proc/%s", w->path);
    int fd = open(host_path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    ssize_t n = read(fd, w->theirs, sizeof w->theirs - 1);
    close(fd);
    long ours = weir_proc_read(w->host->task, w->path, w->ours, sizeof w->ours - 1);
    if (n <= 0 || ours < 0 || (size_t)ours >= sizeof w->ours) return;
    w->theirs[n] = w->ours[ours] = 0;
    /* A key of zeros reads like one that was never set. */
    bool is_key = !strcmp(w->path, "sys/net/ipv4/tcp_fastopen_key");
    if (is_key || !same_words(w->ours, w->theirs)) weir_proc_write(w->host->task, w->path, w->theirs, (size_t)n);
}

static int visit_sysctl(void *ctx, const char *name, int mode)
{
    struct walk *w = ctx;
    size_t before = strlen(w->path);
    int bytes = snprintf(w->path + before, sizeof w->path - before, "/%s", name);
    if (bytes < 0 || before + (size_t)bytes >= sizeof w->path) return 0;
    if (S_ISDIR(mode)) proc_list(((struct machine *)w->host->machine)->initial_net, w->path, visit_sysctl, w);
    else if ((mode & 0600) == 0600) copy_sysctl(w);
    w->path[before] = 0;
    return 0;
}

static void copy_sysctls(struct shared_host *h)
{
    struct walk *w = calloc(1, sizeof *w);
    if (!w) return;
    w->host = h;
    strcpy(w->path, "sys/net");
    proc_list(((struct machine *)h->machine)->initial_net, w->path, visit_sysctl, w);
    free(w);
}

void shared_copy_settings(struct shared_host *h)
{
    h->is_stale = false;
    copy_sysctls(h);
    if (!if_nametoindex(shared_device)) return;
    copy_routes(h);
    copy_offload(h);
    dump(h, RTM_GETQDISC, AF_UNSPEC, look_at_qdisc, NULL);
}

/* The host's TCP metrics are of its own connections; and its kernel may have no fq. */
void shared_follow_command(struct shared_host *h, const char *command)
{
    if (strstr(command, "tcp_metrics flush")) tcp_metrics_flush(((struct machine *)h->machine)->initial_net, NULL);
    const char *qdisc = strstr(command, "tc qdisc");
    if (qdisc && strstr(qdisc, "dev tun0"))
        weir_device_pace(h->machine, shared_device, strstr(qdisc, "root fq") != NULL);
}

/* --- /proc/net for the commands of scripts */

static const char *const published[] = { "tcp", "tcp6", "netstat", "snmp", "snmp6", "sockstat" };

static void publish(struct shared_host *h, const char *name, char *text, size_t room)
{
    char path[128];
    snprintf(path, sizeof path, "net/%s", name);
    long bytes = weir_proc_read(h->task, path, text, room);
    if (bytes < 0 || (size_t)bytes > room) return;
    snprintf(path, sizeof path, "%s/%s", h->proc_directory, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return;
    for (ssize_t done = 0, n; done < bytes && (n = write(fd, text + done, (size_t)(bytes - done))) > 0;) done += n;
    close(fd);
}

void shared_publish_proc(struct shared_host *h)
{
    enum { ROOM_BYTES = 1 << 20 };
    static const char pattern[] = "/tmp/weir-packetdrill-XXXXXX";
    char *text = malloc(ROOM_BYTES);
    if (!h->proc_directory[0]) {
        memcpy(h->proc_directory, pattern, sizeof pattern);
        if (!mkdtemp(h->proc_directory)) h->proc_directory[0] = 0;
    }
    for (size_t i = 0; text && h->proc_directory[0] && i < sizeof published / sizeof published[0]; i++)
        publish(h, published[i], text, ROOM_BYTES);
    free(text);
    char path[128]; /* where nstat and ss of iproute2 look */
    static const char *const names[][2] = { { "PROC_NET_NETSTAT", "netstat" },
                                            { "PROC_NET_SNMP", "snmp" },
                                            { "PROC_NET_SNMP6", "snmp6" },
                                            { "NSTAT_HISTORY", "nstat" } };
    for (size_t i = 0; h->proc_directory[0] && i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", h->proc_directory, names[i][1]);
        setenv(names[i][0], path, 1);
    }
}

void shared_unpublish_proc(struct shared_host *h)
{
    char path[128];
    if (!h->proc_directory[0]) return;
    for (size_t i = 0; i < sizeof published / sizeof published[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", h->proc_directory, published[i]);
        unlink(path);
    }
    snprintf(path, sizeof path, "%s/nstat", h->proc_directory);
    unlink(path);
    rmdir(h->proc_directory);
}
