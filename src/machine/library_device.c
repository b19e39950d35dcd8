/* include/weir/device.h: devices of a machine for the program that embeds it. */
#include <weir/device.h>

#include "device/capture.h"
#include "device/frame.h"
#include "device/impairment.h"
#include "device/link.h"
#include "device/tap.h"
#include "device/tun.h"
#include "ip/address.h"
#include "machine/library.h"

static struct net *net_of(struct weir_machine *m) { return ((struct machine *)m)->initial_net; }

static const struct impairment_config *to_config(const struct weir_link_faults *f, struct impairment_config *out)
{
    if (!f) return NULL;
    *out = (struct impairment_config){ .delay_ns = f->delay_ns, .jitter_ns = f->jitter_ns, .loss = f->loss,
        .duplicate = f->duplicate, .corrupt = f->corrupt, .reorder = f->reorder, .rate_bits_per_s = f->rate_bits_per_s,
        .limit_packets = f->limit_packets, .seed = f->seed };
    return out;
}

int weir_link(struct weir_machine *a, const char *a_name, struct weir_machine *b, const char *b_name, uint32_t mtu_bytes,
              const struct weir_link_faults *faults)
{
    struct impairment_config config;
    struct net_device *ends[2];
    int error = link_create(net_of(a), a_name, net_of(b), b_name, mtu_bytes, to_config(faults, &config), &ends[0], &ends[1]);
    for (int i = 0; i < 2 && !error; i++) error = device_set_up(ends[i], true);
    machine_settle((struct machine *)a);
    machine_settle((struct machine *)b);
    return error;
}

enum { ETHERNET_MTU_MIN = 68 }; /* RFC 791: what every link carries; Linux: ETH_MIN_MTU */

struct library_port {
    struct library_port *next;
    struct machine *machine;
    bool (*send)(void *ctx, const void *frame, size_t bytes);
    bool (*send_frame)(void *ctx, const struct weir_port_frame *frame); /* instead, of a port that offloads */
    void *ctx;
};

/* False: a checksum is open whose place nobody knows. */
static bool describe(struct packet *p, struct weir_port_frame *out)
{
    struct frame f;
    out->is_checksum_partial = p->checksum == PACKET_CHECKSUM_PARTIAL;
    if (!out->is_checksum_partial && !p->gso_bytes) return true;
    if (!frame_parse_link(p, &f)) return false;
    out->checksum_start = (uint16_t)f.transport;
    out->checksum_offset = (uint16_t)frame_checksum_field(f.protocol);
    out->gso_bytes = p->gso_bytes;
    out->gso_protocol = f.protocol;
    out->ip_version = f.version;
    out->header_bytes = (uint16_t)f.payload;
    return out->checksum_offset > 0;
}

static bool port_send(void *ctx, struct packet *frame)
{
    struct library_port *port = ctx;
    uint32_t bytes = packet_bytes(frame);
    struct weir_port_frame described = { .byte_count = bytes };
    if (port->send_frame && !describe(frame, &described)) return false;
    void *flat = memory_alloc(port->machine->memory, bytes);
    bool taken = flat && packet_read(frame, 0, flat, bytes);
    described.bytes = flat;
    if (taken) taken = port->send_frame ? port->send_frame(port->ctx, &described) : port->send(port->ctx, flat, bytes);
    if (flat) machine_free(port->machine, flat, bytes);
    return taken;
}

/* mac NULL: no link layer. */
static struct net_device *create_device(struct library_port *port, const char *name, const uint8_t mac[6], uint32_t mtu_bytes, int *error)
{
    struct net *net = port->machine->initial_net;
    struct tun_config tun = { .mtu_bytes = mtu_bytes, .send = port_send, .ctx = port };
    struct tap_config tap = { .mtu_bytes = mtu_bytes, .send = port_send, .ctx = port, .takes_checksum_and_gso = port->send_frame != NULL };
    if (!mac) return device_create(net, &tun_device_ops, name, &tun, error);
    memcpy(tap.mac.bytes, mac, sizeof tap.mac.bytes);
    return device_create(net, &tap_device_ops, name, &tap, error);
}

static int create_port(struct machine *m, const char *name, const uint8_t mac[6], uint32_t mtu_bytes, const struct library_port *wanted)
{
    int error;
    if (mtu_bytes && (mtu_bytes < ETHERNET_MTU_MIN || mtu_bytes > UINT16_MAX)) return -EINVAL;
    struct library_port *port = machine_alloc(m, sizeof *port); /* lives as long as the machine */
    if (!port) return -ENOMEM;
    *port = *wanted;
    port->next = m->ports;
    struct net_device *d = create_device(port, name, mac, mtu_bytes, &error);
    if (!d) {
        machine_free(m, port, sizeof *port);
        return error;
    }
    m->ports = port;
    error = device_set_up(d, true);
    machine_settle(m);
    return error;
}

int weir_port_create(struct weir_machine *machine, const char *name, const uint8_t mac[6], uint32_t mtu_bytes,
                     bool (*send)(void *ctx, const void *frame, size_t bytes), void *ctx)
{
    struct machine *m = (struct machine *)machine;
    return create_port(m, name, mac, mtu_bytes, &(struct library_port){ .machine = m, .send = send, .ctx = ctx });
}

int weir_port_create_offloading(struct weir_machine *machine, const char *name, const uint8_t mac[6], uint32_t mtu_bytes,
                                bool (*send)(void *ctx, const struct weir_port_frame *frame), void *ctx)
{
    struct machine *m = (struct machine *)machine;
    return send ? create_port(m, name, mac, mtu_bytes, &(struct library_port){ .machine = m, .send_frame = send, .ctx = ctx }) : -EINVAL;
}

int weir_tun_create(struct weir_machine *machine, const char *name, uint32_t mtu_bytes,
                    bool (*send)(void *ctx, const struct weir_port_frame *packet), void *ctx)
{
    struct machine *m = (struct machine *)machine;
    return send ? create_port(m, name, NULL, mtu_bytes, &(struct library_port){ .machine = m, .send_frame = send, .ctx = ctx }) : -EINVAL;
}

int weir_tun_offload(struct weir_machine *m, const char *name, bool takes_whole_sends)
{
    struct net_device *d = device_find(net_of(m), name);
    if (!d) return -ENODEV;
    if (d->ops != &tun_device_ops) return -EOPNOTSUPP;
    d->features = takes_whole_sends ? d->features | DEVICE_GSO : d->features & ~(uint32_t)DEVICE_GSO;
    return 0;
}

int weir_port_receive_frame(struct weir_machine *m, const char *name, const struct weir_port_frame *frame)
{
    struct net_device *d = device_find(net_of(m), name);
    struct device_offload offload = { .gso_bytes = frame->gso_bytes, .checksum = PACKET_CHECKSUM_NONE };
    if (!d) return -ENODEV;
    if (frame->gso_bytes) offload.gso_kind = frame->gso_protocol == IPPROTO_UDP ? PACKET_GSO_UDP : PACKET_GSO_TCP;
    if (frame->is_checksum_partial) offload.checksum = PACKET_CHECKSUM_PARTIAL;
    else if (frame->is_checksum_good) offload.checksum = PACKET_CHECKSUM_VERIFIED;
    if (!device_inject_offloaded(d, frame->bytes, frame->byte_count, &offload)) return -ENOBUFS;
    machine_settle((struct machine *)m);
    return 0;
}

int weir_tun_receive(struct weir_machine *m, const char *name, const struct weir_port_frame *packet)
{
    const struct net_device *d = device_find(net_of(m), name);
    return d && d->ops != &tun_device_ops ? -EINVAL : weir_port_receive_frame(m, name, packet);
}

int weir_port_receive(struct weir_machine *m, const char *name, const void *frame, size_t bytes)
{
    struct net_device *d = device_find(net_of(m), name);
    if (!d) return -ENODEV;
    if (!device_inject(d, frame, bytes)) return -ENOBUFS;
    machine_settle((struct machine *)m);
    return 0;
}

int weir_device_faults(struct weir_machine *m, const char *name, bool egress, const struct weir_link_faults *faults)
{
    struct impairment_config config;
    struct net_device *d = device_find(net_of(m), name);
    return d ? device_impair(d, egress, to_config(faults, &config)) : -ENODEV;
}

int weir_device_block(struct weir_machine *m, const char *name, bool is_blocked)
{
    struct net_device *d = device_find(net_of(m), name);
    if (d) d->is_blocked = is_blocked;
    return d ? 0 : -ENODEV;
}

int weir_device_pace(struct weir_machine *m, const char *name, bool is_fair)
{
    struct net_device *d = device_find(net_of(m), name);
    if (d) d->is_fair = is_fair;
    return d ? 0 : -ENODEV;
}

int weir_address_add(struct weir_machine *m, const char *device, const char *address)
{
    ip_addr_t local;
    unsigned prefix_bits;
    struct net_device *d = device_find(net_of(m), device);
    if (!d) return -ENODEV;
    if (!library_parse_prefix(address, &local, &prefix_bits)) return -EINVAL;
    ip_addr_t broadcast = local;
    if (ip_is4(&local) && prefix_bits < 31) broadcast.word[3] |= be32((uint32_t)(UINT32_MAX >> prefix_bits)).raw;
    bool has_broadcast = ip_is4(&local) && prefix_bits < 31;
    uint8_t scope = ip_is_loopback(&local) ? RT_SCOPE_HOST : ip_is_link_local(&local) ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
    int error = ip_address_add(d, &local, prefix_bits, has_broadcast ? &broadcast : NULL, IFA_F_PERMANENT, scope);
    machine_settle((struct machine *)m);
    return error;
}

static int parse_destination(const char *text, struct ip_route_row *row)
{
    unsigned prefix_bits = 0;
    if (!strcmp(text, "default")) row->destination = ip_any4();
    else if (!strcmp(text, "default6")) row->destination = ip_any6();
    else if (!library_parse_prefix(text, &row->destination, &prefix_bits)) return -EINVAL;
    row->prefix_bits = (uint8_t)prefix_bits;
    row->version = ip_is4(&row->destination) ? 4 : 6;
    return 0;
}

/* The device on whose link the gateway is. */
static struct net_device *device_towards(struct net *net, const ip_addr_t *gateway)
{
    int error;
    struct ip_flow flow = { .source = ip_is4(gateway) ? ip_any4() : ip_any6(), .destination = *gateway };
    struct route *r = route_output(net, &flow, &error);
    struct net_device *d = r ? r->device : NULL;
    if (r) route_put(r);
    return d;
}

int weir_route_add(struct weir_machine *m, const char *destination, const char *gateway, const char *device)
{
    struct ip_route_row row = { .table = RT_TABLE_MAIN, .kind = RTN_UNICAST, .protocol = RTPROT_BOOT, .scope = RT_SCOPE_LINK };
    int error = parse_destination(destination, &row);
    if (error) return error;
    if (gateway) {
        if (!library_parse_address(gateway, strlen(gateway), &row.gateway)) return -EINVAL;
        row.has_gateway = true;
        row.scope = RT_SCOPE_UNIVERSE;
    }
    if (row.version == 6) {
        row.scope = RT_SCOPE_UNIVERSE;
        row.metric = 1024;
    }
    if (!device && !gateway) return -EINVAL;
    row.device = device ? device_find(net_of(m), device) : device_towards(net_of(m), &row.gateway);
    return row.device ? ip_route_add(net_of(m), &row, ROUTE_ADD) : device ? -ENODEV : -ENETUNREACH;
}

/* --- capture */

#define CAPTURE_BYTES (65536 + 256) /* the largest packet and its link header */

struct library_capture {
    void (*see)(void *ctx, uint64_t now_ns, const char *device, bool is_outgoing, const void *frame, size_t bytes);
    void *ctx;
    uint8_t flat[CAPTURE_BYTES]; /* a frame that lies in pieces; here, so that none is missed when memory is short */
};

static const uint8_t *flatten(struct library_capture *c, const struct packet *p, uint32_t bytes)
{
    uint32_t head = packet_head_bytes(p);
    if ((head ? head : p->body_bytes) >= bytes) return packet_data(p);
    return bytes <= sizeof c->flat && packet_read(p, 0, c->flat, bytes) ? c->flat : NULL;
}

static void capture_see(struct capture *c, struct net_device *d, const struct packet *p, bool is_outgoing)
{
    struct machine *m = d->net->machine;
    uint32_t bytes = packet_bytes(p);
    (void)c;
    if (!m->capture) return;
    const uint8_t *frame = flatten(m->capture, p, bytes);
    if (frame) m->capture->see(m->capture->ctx, m->now_ns, d->name, is_outgoing, frame, bytes);
}

static void start_capture(struct net_device *d)
{
    struct capture *c = machine_alloc(d->net->machine, sizeof *c);
    if (!c) return;
    c->see = capture_see;
    capture_add(d, c);
}

static void stop_capture(struct net_device *d)
{
    list_for_each_safe(it, next, &d->captures) {
        struct capture *c = list_entry(it, struct capture, node);
        if (c->see != capture_see) continue;
        capture_remove(c);
        machine_free(d->net->machine, c, sizeof *c);
    }
}

void library_device_event(struct net_device *d, enum device_event event)
{
    if (event == DEVICE_CREATED && d->net->machine->capture) start_capture(d);
    if (event == DEVICE_GONE) stop_capture(d);
}

void weir_capture(struct weir_machine *machine, void (*see)(void *ctx, uint64_t now_ns, const char *device, bool is_outgoing, const void *frame, size_t bytes), void *ctx)
{
    struct machine *m = (struct machine *)machine;
    list_for_each(it, &m->nets) {
        struct net *net = list_entry(it, struct net, node);
        list_for_each(it2, &net->devices) {
            struct net_device *d = list_entry(it2, struct net_device, node);
            stop_capture(d);
            if (see) start_capture(d);
        }
    }
    machine_free(m, m->capture, sizeof *m->capture);
    m->capture = see ? machine_alloc(m, sizeof *m->capture) : NULL;
    if (!m->capture) return;
    m->capture->see = see;
    m->capture->ctx = ctx;
}

void library_free(struct machine *m)
{
    while (m->ports) {
        struct library_port *port = m->ports;
        m->ports = port->next;
        machine_free(m, port, sizeof *port);
    }
    machine_free(m, m->capture, sizeof *m->capture);
    m->capture = NULL;
}
