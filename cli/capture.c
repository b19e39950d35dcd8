/* Who sent a frame, and who received it, is told by the capture where it knows (Linux cooked captures), by the addresses that
 * the user calls local, or else by the frame alone: then every address is a host, and both ends are judged from one place. */
#include "cli/capture.h"

#include <pcap/pcap.h>
#include <pcap/sll.h>
#include <stdlib.h>
#include <string.h>

#define HOSTS 1024 /* told apart; all others are one */
#define ETHERNET_BYTES 14
#define SNAP_BYTES 262144
enum { TYPE_IP4 = 0x0800, TYPE_ARP = 0x0806, TYPE_IP6 = 0x86dd, TYPE_VLAN = 0x8100, TYPE_VLAN_OUTER = 0x88a8, SOLICIT = 135 };

struct reader {
    const struct capture_options *options;
    struct capture_result *result;
    struct referee *referee;
    int link;
    uint8_t (*hosts)[16];
    unsigned host_count;
    uint8_t mac[6];
    bool has_mac;                       /* of the local host */
    bool sees_both;                     /* ends of a connection */
};

/* A frame as the referee takes it, and its addresses; any when it has none. */
struct frame {
    const uint8_t *at;
    size_t bytes;
    uint64_t now_ns;
    enum referee_link link;
    uint8_t source[16], destination[16];
    bool has_addresses, is_loopback, is_to_group;
};

static void map4(uint8_t to[16], const uint8_t *from)
{
    memset(to, 0, 10);
    to[10] = to[11] = 0xff;
    memcpy(to + 12, from, 4);
}

static void take_ip4(struct frame *f, const uint8_t *ip, size_t bytes)
{
    if (bytes < 20) return;
    map4(f->source, ip + 12);
    map4(f->destination, ip + 16);
    f->has_addresses = true;
    f->is_to_group = ip[16] >= 224;
}

/* A solicitation goes to a group, but is for its target. */
static void take_ip6(struct frame *f, const uint8_t *ip, size_t bytes)
{
    if (bytes < 40) return;
    memcpy(f->source, ip + 8, 16);
    memcpy(f->destination, ip + 24, 16);
    f->has_addresses = true;
    f->is_to_group = ip[24] == 0xff;
    if (f->is_to_group && ip[6] == 58 && bytes >= 64 && ip[40] == SOLICIT) {
        memcpy(f->destination, ip + 48, 16);
        f->is_to_group = false;
    }
}

static void take_network(struct frame *f, unsigned type, const uint8_t *at, size_t bytes)
{
    if (type == TYPE_IP4) take_ip4(f, at, bytes);
    if (type == TYPE_IP6) take_ip6(f, at, bytes);
    if (type == TYPE_ARP && bytes >= 28) {
        map4(f->source, at + 14);
        map4(f->destination, at + 24);
        f->has_addresses = true;
    }
}

static unsigned load16(const uint8_t *at) { return (unsigned)(at[0] << 8 | at[1]); }

static bool take_packet(struct frame *f, const uint8_t *at, size_t bytes)
{
    if (!bytes || (at[0] >> 4 != 4 && at[0] >> 4 != 6)) return false;
    f->link = REFEREE_IP;
    f->at = at;
    f->bytes = bytes;
    take_network(f, at[0] >> 4 == 4 ? TYPE_IP4 : TYPE_IP6, at, bytes);
    return f->has_addresses;
}

static bool take_ethernet(struct frame *f, const uint8_t *at, size_t bytes)
{
    static const uint8_t zero[12];
    size_t header = ETHERNET_BYTES;
    if (bytes < header) return false;
    unsigned type = load16(at + 12);
    while ((type == TYPE_VLAN || type == TYPE_VLAN_OUTER) && bytes >= header + 4) {
        type = load16(at + header + 2);
        header += 4;
    }
    f->is_loopback = memcmp(at, zero, 12) == 0;
    if (header != ETHERNET_BYTES) return take_packet(f, at + header, bytes - header);
    f->link = REFEREE_ETHERNET;
    f->at = at;
    f->bytes = bytes;
    take_network(f, type, at + header, bytes - header);
    return f->has_addresses;
}

static bool is_local(const struct reader *r, const uint8_t address[16])
{
    for (unsigned i = 0; i < r->options->local_count; i++)
        if (memcmp(r->options->locals[i], address, 16) == 0) return true;
    return false;
}

static unsigned host_of(struct reader *r, const uint8_t address[16])
{
    for (unsigned i = 0; i < r->host_count; i++)
        if (memcmp(r->hosts[i], address, 16) == 0) return i;
    if (r->host_count == HOSTS) return HOSTS;
    memcpy(r->hosts[r->host_count], address, 16);
    return r->host_count++;
}

static void show(struct reader *r, const struct frame *f, unsigned host, bool is_sent)
{
    referee_frame(r->referee, host, is_sent, f->link, 0, f->now_ns, f->at, f->bytes);
}

/* The local host's link-layer address, once seen, tells of what has no address, or a link-local one. */
static void judge_local(struct reader *r, const struct frame *f)
{
    bool is_sent = is_local(r, f->source), is_received = is_local(r, f->destination) || (f->is_to_group && !is_sent);
    const uint8_t *mac = f->link == REFEREE_ETHERNET && !f->is_loopback ? f->at : NULL;
    if (mac && is_sent && !r->has_mac) {
        memcpy(r->mac, mac + 6, 6);
        r->has_mac = true;
    }
    if (mac && r->has_mac) {
        is_sent = memcmp(mac + 6, r->mac, 6) == 0;
        is_received = !is_sent && (memcmp(mac, r->mac, 6) == 0 || mac[0] & 1);
    }
    if (is_sent) show(r, f, 0, true);
    if (is_received) show(r, f, 0, false);
}

static void judge_both(struct reader *r, const struct frame *f)
{
    show(r, f, host_of(r, f->source), true);
    if (!f->is_to_group) show(r, f, host_of(r, f->destination), false);
}

/* Cooked: the kernel says which way. */
static void judge_cooked(struct reader *r, struct frame *f, const uint8_t *at, size_t bytes)
{
    size_t header = r->link == DLT_LINUX_SLL ? 16 : 20;
    if (bytes <= header) return;
    unsigned way = r->link == DLT_LINUX_SLL ? load16(at) : at[10];
    if (way == LINUX_SLL_OTHERHOST || !take_packet(f, at + header, bytes - header)) return;
    show(r, f, 0, way == LINUX_SLL_OUTGOING);
}

static void judge_frame(struct reader *r, const uint8_t *at, size_t bytes, uint64_t now_ns)
{
    struct frame f = { .now_ns = now_ns };
    bool is_whole = false;
    switch (r->link) {
    case DLT_LINUX_SLL:
    case DLT_LINUX_SLL2: judge_cooked(r, &f, at, bytes); return;
    case DLT_EN10MB: is_whole = take_ethernet(&f, at, bytes); break;
    case DLT_NULL:
    case DLT_LOOP: is_whole = bytes > 4 && take_packet(&f, at + 4, bytes - 4); break;
    default: is_whole = take_packet(&f, at, bytes);
    }
    if (!is_whole) return;
    r->sees_both = !r->options->local_count || f.is_loopback;
    if (r->options->local_count) judge_local(r, &f);
    else judge_both(r, &f);
}

/* What is captured beside both ends was neither just sent nor just received. */
static bool is_far(const struct reader *r, const uint8_t *at, size_t bytes)
{
    static const uint8_t zero[12];
    if (r->options->local_count || r->link == DLT_LINUX_SLL || r->link == DLT_LINUX_SLL2 || r->link == DLT_NULL || r->link == DLT_LOOP) return false;
    return r->link != DLT_EN10MB || bytes < 12 || memcmp(at, zero, 12) != 0;
}

static bool begin(struct reader *r, const uint8_t *at, size_t bytes)
{
    r->referee = referee_create(&(struct referee_config){ .has_offloads = r->options->has_offloads, .sees_all = r->options->is_complete,
        .is_far = is_far(r, at, bytes), .on_violation = r->options->on_violation, .ctx = r->options->ctx });
    if (!r->referee) snprintf(r->result->error, sizeof r->result->error, "no memory");
    return r->referee;
}

static bool read_all(struct reader *r, pcap_t *file)
{
    struct pcap_pkthdr *head;
    const u_char *at;
    uint64_t now_ns = 0;
    int got;
    while ((got = pcap_next_ex(file, &head, &at)) == 1) {
        if (!r->referee && !begin(r, at, head->caplen)) return false;
        now_ns = (uint64_t)head->ts.tv_sec * 1000000000 + (uint64_t)head->ts.tv_usec; /* nanoseconds: so it was opened */
        if (r->result->frames++ == 0) r->result->began_ns = now_ns;
        if (head->caplen < head->len) r->result->cut++;
        else judge_frame(r, at, head->caplen, now_ns);
    }
    if (got != PCAP_ERROR_BREAK) snprintf(r->result->error, sizeof r->result->error, "%s", pcap_geterr(file));
    if (r->referee) referee_end(r->referee, now_ns);
    return got == PCAP_ERROR_BREAK;
}

static bool is_known(int link)
{
    return link == DLT_EN10MB || link == DLT_RAW || link == DLT_IPV4 || link == DLT_IPV6 || link == DLT_LINUX_SLL || link == DLT_LINUX_SLL2 ||
           link == DLT_NULL || link == DLT_LOOP;
}

bool capture_judge(const char *path, const struct capture_options *options, struct capture_result *result)
{
    struct reader r = { .options = options, .result = result };
    bool is_read = false;
    *result = (struct capture_result){ 0 };
    pcap_t *file = pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, result->error);
    if (!file) return false;
    r.link = pcap_datalink(file);
    r.hosts = calloc(HOSTS, sizeof *r.hosts);
    if (!r.hosts) snprintf(result->error, sizeof result->error, "no memory");
    else if (!is_known(r.link)) snprintf(result->error, sizeof result->error, "link type %d is not supported", r.link);
    else is_read = read_all(&r, file);
    if (r.referee) {
        result->connections = r.sees_both ? (referee_flows(r.referee) + 1) / 2 : referee_flows(r.referee);
        for (int rule = 0; rule < RULE_COUNT; rule++) {
            result->judged[rule] = referee_judged(r.referee, (enum referee_rule)rule);
            result->broken[rule] = referee_broken(r.referee, (enum referee_rule)rule);
        }
        referee_destroy(r.referee);
    }
    free(r.hosts);
    pcap_close(file);
    return is_read;
}
