/* /proc/net/snmp, netstat and snmp6: the counters of machine/mib.def under Linux's names. */
#include "proc/texts.h"

struct counter { const char *group, *name; };
static const struct counter counters[] = {
#define MIB(group, name) { #group, #name },
#include "machine/mib.def"
#undef MIB
};
static_assert(array_count(counters) == MIB_COUNT, "one name for each counter");

static bool is_in(size_t i, const char *group) { return !strcmp(counters[i].group, group); }

/* What is no count: settings shown among the counters. */
static int64_t value_of(const struct net *net, size_t i)
{
    switch (i) {
    case MIB_Ip_Forwarding: return net->sysctl.ip_forward ? 1 : 2;
    case MIB_Ip_DefaultTTL: return net->sysctl.ip_default_ttl;
    case MIB_Tcp_RtoAlgorithm: return 1;
    case MIB_Tcp_RtoMin: return 200;
    case MIB_Tcp_RtoMax: return 120000;
    case MIB_Tcp_MaxConn: return -1;
    default: return (int64_t)net->mib[i];
    }
}

static void put_group(struct net *net, struct text *t, const char *group)
{
    text_printf(t, "%s:", group);
    for (size_t i = 0; i < MIB_COUNT; i++)
        if (is_in(i, group)) text_printf(t, " %s", counters[i].name);
    text_printf(t, "\n%s:", group);
    for (size_t i = 0; i < MIB_COUNT; i++)
        if (is_in(i, group)) text_printf(t, " %ld", (long)value_of(net, i));
    text_put(t, "\n", 1);
}

#define TYPES_PER_LINE 16

static void put_type_line(struct text *t, const unsigned *types, const uint64_t *values, unsigned count)
{
    if (!count) return;
    text_printf(t, "IcmpMsg:");
    for (unsigned i = 0; i < count; i++) text_printf(t, " %sType%u", types[i] & 256 ? "Out" : "In", types[i] & 255);
    text_printf(t, "\nIcmpMsg:");
    for (unsigned i = 0; i < count; i++) text_printf(t, " %lu", (unsigned long)values[i]);
    text_put(t, "\n", 1);
}

static void put_icmp_types(struct net *net, struct text *t)
{
    unsigned types[TYPES_PER_LINE], count = 0;
    uint64_t values[TYPES_PER_LINE];
    for (unsigned i = 0; i < 512; i++) {
        uint64_t value = i & 256 ? net->icmp_types_out[i & 255] : net->icmp_types_in[i];
        if (!value) continue;
        types[count] = i;
        values[count++] = value;
        if (count < TYPES_PER_LINE) continue;
        put_type_line(t, types, values, count);
        count = 0;
    }
    put_type_line(t, types, values, count);
}

void proc_snmp(struct net *net, struct text *t)
{
    put_group(net, t, "Ip");
    put_group(net, t, "Icmp");
    put_icmp_types(net, t);
    put_group(net, t, "Tcp");
    put_group(net, t, "Udp");
    put_group(net, t, "UdpLite");
}

void proc_netstat(struct net *net, struct text *t)
{
    put_group(net, t, "TcpExt");
    put_group(net, t, "IpExt");
}

static void put_column(struct net *net, struct text *t, const char *group)
{
    for (size_t i = 0; i < MIB_COUNT; i++) {
        char name[64];
        if (!is_in(i, group)) continue;
        text_format(name, sizeof name, "%s%s", group, counters[i].name);
        text_printf(t, "%-32s\t%lu\n", name, (unsigned long)net->mib[i]);
    }
}

static void put_types6(struct text *t, const char *direction, const uint64_t *values)
{
    for (unsigned i = 0; i < 256; i++) {
        char name[32];
        if (!values[i]) continue;
        text_format(name, sizeof name, "Icmp6%sType%u", direction, i);
        text_printf(t, "%-32s\t%lu\n", name, (unsigned long)values[i]);
    }
}

void proc_snmp6(struct net *net, struct text *t)
{
    put_column(net, t, "Ip6");
    put_column(net, t, "Icmp6");
    put_types6(t, "In", net->icmp6_types_in);
    put_types6(t, "Out", net->icmp6_types_out);
    put_column(net, t, "Udp6");
    put_column(net, t, "UdpLite6");
}

/* One processor: packets of all interfaces. */
void proc_softnet_stat(struct net *net, struct text *t)
{
    text_printf(t, "%08x", (unsigned)(net->mib[MIB_Ip_InReceives] + net->mib[MIB_Ip6_InReceives]));
    for (int i = 1; i < 15; i++) text_printf(t, " %08x", 0);
    text_put(t, "\n", 1);
}
