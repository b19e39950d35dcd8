/* /proc/net/route and ipv6_route. */
#include "ip/address.h"
#include "proc/texts.h"

#define ROUTE_WIDTH 127

static be32_t mask4(unsigned prefix_bits) { return be32(prefix_bits ? UINT32_MAX << (32 - prefix_bits) : 0); }

static unsigned flags4(const struct ip_route_row *r)
{
    unsigned flags = RTF_UP;
    if (r->kind == RTN_UNREACHABLE || r->kind == RTN_PROHIBIT) flags = RTF_UP | RTF_REJECT;
    if (r->has_gateway) flags |= RTF_GATEWAY;
    if (r->prefix_bits == 32) flags |= RTF_HOST;
    return flags;
}

/* Linux shows the main table, without what is local or broadcast. */
static int put_route4(void *ctx, const struct ip_route_row *r)
{
    struct text *t = ctx;
    if (r->table != RT_TABLE_MAIN || r->kind == RTN_BROADCAST || r->kind == RTN_MULTICAST || r->kind == RTN_LOCAL) return 0;
    size_t start = t->length;
    uint32_t gateway = r->has_gateway ? ip_get4(&r->gateway).raw : 0;
    text_printf(t, "%s\t%08X\t%08X\t%04X\t%d\t%u\t%d\t%08X\t%d\t%u\t%u", r->device ? r->device->name : "*", ip_get4(&r->destination).raw,
        gateway, flags4(r), 0, 0u, (int)r->metric, mask4(r->prefix_bits).raw, r->advmss_bytes ? (int)r->advmss_bytes + 40 : 0,
        r->window, 0u);
    proc_end_line(t, start, ROUTE_WIDTH);
    return 0;
}

void proc_route(struct net *net, struct text *t)
{
    size_t start = t->length;
    text_printf(t, "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT");
    proc_end_line(t, start, ROUTE_WIDTH);
    ip_route_each(net, 4, put_route4, t);
}

static void put_address(struct text *t, const ip_addr_t *a)
{
    for (int i = 0; i < 16; i++) text_printf(t, "%02x", a->bytes[i]);
}

#define ROUTE6_LOCAL 0x80000000u    /* RTF_LOCAL */
#define ROUTE6_REJECT 0x0200u
#define ROUTE6_NONEXTHOP 0x00200000u

static unsigned flags6(const struct ip_route_row *r)
{
    unsigned flags = RTF_UP;
    if (r->kind == RTN_LOCAL) flags |= ROUTE6_LOCAL | ROUTE6_NONEXTHOP;
    if (r->kind == RTN_UNREACHABLE || r->kind == RTN_PROHIBIT || r->kind == RTN_BLACKHOLE) flags |= ROUTE6_REJECT | ROUTE6_NONEXTHOP;
    if (r->has_gateway) flags |= RTF_GATEWAY;
    return flags;
}

static void put_row6(struct text *t, const struct ip_route_row *r)
{
    const ip_addr_t none = ip_any6();
    put_address(t, &r->destination);
    text_printf(t, " %02x ", r->prefix_bits);
    put_address(t, &none);
    text_printf(t, " 00 ");
    put_address(t, r->has_gateway ? &r->gateway : &none);
    text_printf(t, " %08x %08x %08x %08x %8s\n", r->metric, r->references + 1, (unsigned)r->use_count, flags6(r), r->device ? r->device->name : "");
}

/* Linux ends each table with the entry that refuses, unless a default route stands there. */
static void put_null_entry6(struct text *t)
{
    const ip_addr_t none = ip_any6();
    put_address(t, &none);
    text_printf(t, " 00 ");
    put_address(t, &none);
    text_printf(t, " 00 ");
    put_address(t, &none);
    text_printf(t, " ffffffff 00000001 00000000 %08x %8s\n", ROUTE6_REJECT | ROUTE6_NONEXTHOP, "lo");
}

struct table6 { struct text *t; bool is_local, has_default; };

static int put_route6(void *ctx, const struct ip_route_row *r)
{
    struct table6 *table = ctx;
    if ((r->table == RT_TABLE_LOCAL) != table->is_local) return 0;
    if (!r->prefix_bits) table->has_default = true;
    put_row6(table->t, r);
    return 0;
}

void proc_ipv6_route(struct net *net, struct text *t)
{
    struct table6 main = { .t = t }, local = { .t = t, .is_local = true };
    ip_route_each(net, 6, put_route6, &main);
    if (!main.has_default) put_null_entry6(t);
    ip_route_each(net, 6, put_route6, &local);
    put_null_entry6(t);
}

void proc_rt_cache(struct net *net, struct text *t)
{
    size_t start = t->length;
    (void)net;
    text_printf(t, "Iface\tDestination\tGateway \tFlags\t\tRefCnt\tUse\tMetric\tSource\t\tMTU\tWindow\tIRTT\tTOS\tHHRef\tHHUptod\tSpecDst");
    proc_end_line(t, start, ROUTE_WIDTH);
}
