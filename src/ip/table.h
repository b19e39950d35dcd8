/* Route rows by prefix: one hash table for all tables and versions, probed once for each prefix length in use, longest
 * first, so a lookup costs O(lengths in use) whatever the number of rows. Of the ip room; owned by struct ip_net. */
#ifndef WEIR_IP_TABLE_H
#define WEIR_IP_TABLE_H

#include "ip/address.h"

enum {
    IP_TABLE_LOCAL,
    IP_TABLE_MAIN,
    IP_TABLE_DEFAULT,
    IP_TABLES
}; /* those the rules of Linux look into, in this order */

struct ip_lengths { uint32_t counts[129]; uint64_t used[3]; };

struct ip_table {
    struct chain *buckets;             /* struct ip_prefix.node */
    uint32_t bucket_count, prefix_count;
    struct ip_lengths lengths[2][IP_TABLES]; /* [version is 6] */
    struct rb_root ordered[2];         /* struct ip_row_entry.tree: as `ip route` shows them */
};
struct ip_prefix {
    struct chain_node node;
    ip_addr_t address;
    uint32_t table;
    uint8_t version, bits;
    struct list rows;
};
struct ip_row_entry { struct ip_route_row row; struct rb_node tree; struct ip_prefix *prefix; }; /* row first */

void ip_table_stop(struct machine *m, struct ip_table *t);
/* 0, -EEXIST, -ENOENT, -ENOBUFS. Copies; takes a device reference. */
int ip_table_add(struct net *net, const struct ip_route_row *row, enum route_existing existing);
/* New end of the row like this one. 0 or -ESRCH */
int ip_table_renew(struct net *net, const struct ip_route_row *row);
int ip_table_remove(struct net *net, const struct ip_route_row *row); /* 0 or -ESRCH */
/* Removes every row that unwanted() names. As on Linux nobody is told of the IPv4 ones. */
void ip_table_flush(
    struct net *net, bool (*unwanted)(const struct ip_route_row *row, const void *ctx), const void *ctx);
/* Best row for the address in one table: longest prefix, then tos, then lowest metric, with a usable device that is
 * out_ifindex when that is not 0. Borrowed until the next change. */
const struct ip_route_row *ip_table_lookup(struct net *net, unsigned table, const ip_addr_t *a, int32_t out_ifindex);
/* local, main, default in turn. */
const struct ip_route_row *ip_fib_lookup(struct net *net, const ip_addr_t *a, int32_t out_ifindex);
ip_addr_t ip_masked(const ip_addr_t *a, unsigned prefix_bits); /* prefix_bits in the address's own version */

#endif
