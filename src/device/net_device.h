/* struct net_device: an interface. Transmit hands a packet down (loopback, TAP, link); receive comes up through NAPI-style
 * polls with a budget. Counted; owned by its namespace's list. */
#ifndef WEIR_DEVICE_NET_DEVICE_H
#define WEIR_DEVICE_NET_DEVICE_H

#include "machine/net.h"
#include "packet/packet.h"

struct net_device;

enum device_features { /* what transmit takes as it is; device_transmit() does the rest in software */
    DEVICE_CHECKSUM = 1, /* PACKET_CHECKSUM_PARTIAL */
    DEVICE_GSO = 2,      /* packets with gso_bytes */
    DEVICE_GRO = 4,      /* merge on receive */
    DEVICE_NO_ARP = 8,   /* no link layer addresses: frames carry none (loopback still has an Ethernet header for capture) */
};

struct device_ops {
    const char *kind;                                          /* "loopback", "tap", "link" */
    size_t private_bytes;
    int (*start)(struct net_device *d, const void *config);    /* 0 or -errno */
    void (*stop)(struct net_device *d);
    void (*transmit)(struct net_device *d, struct packet *p);  /* takes p: a whole frame from the link header on */
    /* Takes a frame of GSO, or without its checksum, as it is, makes and counts what goes on the wire itself, when nobody wants
     * to see that before; false: not this one, it is done in software. May be NULL. */
    bool (*transmit_whole)(struct net_device *d, struct packet *p);
    /* Delivers up to budget packets by device_receive(); returns how many. Called while scheduled (device_schedule). */
    int (*poll)(struct net_device *d, int budget);
    int (*set_mtu)(struct net_device *d, uint32_t mtu_bytes);  /* NULL: anything from 68 to 65535 */
    bool (*has_carrier)(const struct net_device *d);           /* NULL: whenever it is up */
    void (*up_changed)(struct net_device *d);                  /* went up or down; may be NULL */
};

struct device_stats { /* Linux: rtnl_link_stats64 */
    uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes, rx_errors, tx_errors, rx_dropped, tx_dropped, multicast,
        rx_fifo, rx_frame, rx_compressed, tx_fifo, collisions, tx_carrier, tx_compressed;
};

struct net_device {
    struct list node;
    struct net *net;
    const struct device_ops *ops;
    void *private_data;
    char name[IFNAMSIZ];
    uint32_t ifindex, references;
    uint32_t flags;               /* IFF_UP, IFF_LOOPBACK, IFF_BROADCAST, IFF_MULTICAST, IFF_RUNNING ... */
    uint32_t promiscuity, allmulti; /* wishes; IFF_PROMISC and IFF_ALLMULTI of flags: the administrator's */
    uint32_t mtu_bytes, features, tx_queue_packets;
    uint16_t hardware_type;       /* ARPHRD_* */
    uint8_t header_bytes;         /* of the link header before each packet: 14, or 0 (then nobody has a link address) */
    struct mac_addr mac, broadcast;
    struct device_stats stats;
    struct ip_device *ip;         /* addresses, groups, per-interface sysctls: of the ip room */
    struct softirq napi;
    struct packet_queue rx;       /* frames waiting for the poll, for devices that use it */
    struct gro *gro;              /* packets being merged; NULL when none */
    struct impairment *egress, *ingress; /* seeded link faults, or NULL */
    struct list captures;         /* struct capture.node */
    bool is_gone;
    bool is_fair;                 /* the queue before it paces each flow as its sock wants (Linux: fq) */
    bool is_blocked;              /* the queue before it takes nothing (Linux: a qdisc with limit 0); asked above, where errors go to the sender */
};

/* Registers under name ("eth%d" picks a number); brings nothing up. Reference of the list. NULL: *error says why. */
struct net_device *device_create(struct net *net, const struct device_ops *ops, const char *name, const void *config, int *error);
void device_destroy(struct net_device *d);
struct net_device *device_find(struct net *net, const char *name);      /* borrowed */
struct net_device *device_by_index(struct net *net, uint32_t ifindex);  /* borrowed */
static inline struct net_device *device_get(struct net_device *d) { d->references++; return d; }
void device_put(struct net_device *d);
int device_set_up(struct net_device *d, bool up);                        /* tells the ip room through device_events */
/* Those of IFF_UP, IFF_NOARP, IFF_PROMISC, IFF_ALLMULTI and the other flags of an administrator that are in mask. */
int device_change_flags(struct net_device *d, uint32_t flags, uint32_t mask);
/* Counted wishes to hear all frames, all multicast frames (Linux: dev_set_promiscuity, dev_set_allmulti): +1, -1. */
void device_add_promiscuity(struct net_device *d, int by);
void device_add_allmulti(struct net_device *d, int by);
int device_set_mtu(struct net_device *d, uint32_t mtu_bytes);
void device_set_mac(struct net_device *d, const struct mac_addr *mac);
void device_set_tx_queue(struct net_device *d, uint32_t packets);

/* Out: p has its link header. Capture, software checksum and segmentation, egress faults, ops->transmit, softirq. Takes p. */
void device_transmit(struct net_device *d, struct packet *p);
/* Bytes of a frame as the counters tell them: the loopback's frames without their Ethernet header, as on Linux. */
static inline uint32_t device_counted_bytes(const struct net_device *d, const struct packet *p)
{
    return packet_bytes(p) - (d->flags & IFF_LOOPBACK ? 14 : 0);
}
/* Link header: pushes it for destination `to` and p->protocol. False: no room. */
bool device_push_header(struct net_device *d, struct packet *p, const struct mac_addr *to);
/* In: called by polls, a whole frame. Ingress faults, capture, stats, link header, GRO, then the handler of the EtherType. Takes p. */
void device_receive(struct net_device *d, struct packet *p);
void device_receive_now(void *device, struct packet *p); /* what comes after the ingress faults */
/* In, from a door: copies a frame in and schedules the poll. False: ring full or no memory (counted). */
bool device_inject(struct net_device *d, const void *frame, size_t bytes);
struct device_offload { uint16_t gso_bytes; uint8_t gso_kind, checksum; }; /* of struct packet */
bool device_inject_offloaded(struct net_device *d, const void *frame, size_t bytes, const struct device_offload *offload);
/* For transmit functions that hand a packet to a receiver inside: queues it for d's poll. Takes p; false: ring full (counted). */
bool device_enqueue(struct net_device *d, struct packet *p);
int device_poll_queue(struct net_device *d, int budget);                 /* the poll of devices that receive by d->rx */
void device_schedule(struct net_device *d);
void device_carrier_changed(struct net_device *d);                       /* looks at ops->has_carrier again and tells */

/* Completes a PARTIAL transport checksum in the frame. False: not a frame we know how to (p is as before). */
bool device_complete_checksum(struct packet *p);
/* For devices whose other end is a function of the embedder: p is done with, and counted as dropped when it was not taken. */
void device_handed_out(struct net_device *d, struct packet *p, bool is_taken);
/* The frame as it goes on the wire, in another machine's memory, its checksum complete; *copy NULL: no memory. False: not a
 * frame whose checksum we can complete. p stays the caller's. */
bool device_copy_frame(struct packet *p, struct machine *to, struct packet **copy);
/* Cuts a GSO frame into frames of at most gso_bytes of payload, checksums complete, on `out`. Takes p. False: dropped. */
bool device_segment(struct packet *p, struct packet_queue *out);
/* The same with copies in another machine's memory. */
bool device_segment_into(struct packet *p, struct machine *to, struct packet_queue *out);
/* Merging on receive: gro.c. Both take p and end in device_deliver(). */
void gro_receive(struct net_device *d, struct packet *p);
void gro_flush(struct net_device *d);
void gro_destroy(struct net_device *d);
/* To the handler of p->protocol; the packet begins at its network header. Takes p. */
void device_deliver(struct net_device *d, struct packet *p);
/* Shows p to everyone who captures on d. */
void device_capture(struct net_device *d, const struct packet *p, bool is_outgoing);

/* Who gets a received packet, by EtherType, link header stepped over, network_offset 0. A row of machine/protocols.c. */
struct ethertype_handler { uint16_t ethertype; void (*receive)(struct net_device *d, struct packet *p); };
/* Who hears of up, down, mtu, created, gone. Rows of machine/protocols.c. */
enum device_event { DEVICE_CREATED, DEVICE_UP, DEVICE_DOWN, DEVICE_MTU, DEVICE_CARRIER, DEVICE_CHANGED /* flags, MAC */, DEVICE_GONE };
struct device_listener { void (*event)(struct net_device *d, enum device_event event); };

extern const struct device_ops loopback_device_ops;
extern const struct device_ops tap_device_ops;   /* device/tap.h */
extern const struct device_ops tun_device_ops;   /* device/tun.h */
extern const struct device_ops link_device_ops;  /* device/link.h */

#endif
