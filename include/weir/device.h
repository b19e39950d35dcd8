/* Devices of a machine: links between machines, Ethernet ports to the embedder, addresses, routes, capture. */
#ifndef WEIR_DEVICE_H
#define WEIR_DEVICE_H

#include <weir/machine.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Seeded faults of a link. Probabilities in [0, 1] as parts of 2^32. Zero is none. */
struct weir_link_faults {
    uint64_t delay_ns, jitter_ns;
    uint32_t loss, duplicate, corrupt, reorder;
    uint64_t rate_bits_per_s;
    uint32_t limit_packets;
    uint64_t seed;
};
/* "delay=30ms,jitter=5ms,loss=1%,reorder=2%,duplicate=0.1%,corrupt=0.01%,rate=100mbit,limit=1000,seed=7". 0, or -EINVAL
 * and *bad points at what was not understood. */
WEIR_API int weir_link_faults_parse(const char *text, struct weir_link_faults *out, const char **bad);

/* Joins two machines (or one with itself) by a cable; both ends come up. The machines must be stepped with one clock. 0 or -errno. */
WEIR_API int weir_link(struct weir_machine *a, const char *a_name, struct weir_machine *b, const char *b_name, uint32_t mtu_bytes,
                       const struct weir_link_faults *faults);
/* An Ethernet port: frames that leave go to send (false: not taken), frames come in by weir_port_receive. 0 or -errno. */
WEIR_API int weir_port_create(struct weir_machine *m, const char *name, const uint8_t mac[6], uint32_t mtu_bytes,
                              bool (*send)(void *ctx, const void *frame, size_t bytes), void *ctx);
WEIR_API int weir_port_receive(struct weir_machine *m, const char *name, const void *frame, size_t bytes);
/* A port that leaves checksums and segmentation to who carries its frames (as virtio does): a frame may hold up to 64 KiB
 * of payload for segments of gso_bytes, and a checksum of which only the pseudo-header's sum is there. Both: 0 or -errno. */
struct weir_port_frame {
    const void *bytes;
    size_t byte_count;
    uint16_t gso_bytes;          /* payload of each segment; 0: one ordinary frame */
    uint8_t gso_protocol;        /* IPPROTO_TCP or IPPROTO_UDP when gso_bytes is not 0 */
    uint8_t ip_version;          /* 4 or 6 when gso_bytes is not 0 */
    uint16_t header_bytes;       /* all headers, out only */
    uint16_t checksum_start;     /* when is_checksum_partial, out only: what the checksum covers begins here ... */
    uint16_t checksum_offset;    /* ... and this much further it is written */
    bool is_checksum_partial;    /* the field holds the pseudo-header's sum; coming in: it need not be verified */
    bool is_checksum_good;       /* in: somebody verified it */
};
WEIR_API int weir_port_create_offloading(struct weir_machine *m, const char *name, const uint8_t mac[6], uint32_t mtu_bytes,
                                         bool (*send)(void *ctx, const struct weir_port_frame *frame), void *ctx);
WEIR_API int weir_port_receive_frame(struct weir_machine *m, const char *name, const struct weir_port_frame *frame);
/* A device without a link layer, as Linux's tun: bare IP packets. A large send leaves as one packet with gso_bytes, all
 * checksums complete; nothing is resolved. mtu_bytes 0: 1500. weir_tun_offload(false): large sends are cut before they
 * leave (ethtool -K tso off). 0 or -errno. */
WEIR_API int weir_tun_create(struct weir_machine *m, const char *name, uint32_t mtu_bytes,
                             bool (*send)(void *ctx, const struct weir_port_frame *packet), void *ctx);
WEIR_API int weir_tun_offload(struct weir_machine *m, const char *name, bool takes_whole_sends);
WEIR_API int weir_tun_receive(struct weir_machine *m, const char *name, const struct weir_port_frame *packet);
/* Faults on what a device sends (egress) or receives. faults NULL: none any more. */
WEIR_API int weir_device_faults(struct weir_machine *m, const char *name, bool egress, const struct weir_link_faults *faults);
/* Nothing leaves by it any more: senders see a queue that is full (tc qdisc ... pfifo limit 0). 0 or -ENODEV. */
WEIR_API int weir_device_block(struct weir_machine *m, const char *name, bool is_blocked);
/* Each TCP connection that leaves by it is paced at its own rate (tc qdisc ... fq). 0 or -ENODEV. */
WEIR_API int weir_device_pace(struct weir_machine *m, const char *name, bool is_fair);
/* "10.0.0.1/24" or "fd00::1/64". */
WEIR_API int weir_address_add(struct weir_machine *m, const char *device, const char *address);
/* destination "10.1.0.0/16", "default" or "default6"; gateway may be NULL; device may be NULL when the gateway is on link. */
WEIR_API int weir_route_add(struct weir_machine *m, const char *destination, const char *gateway, const char *device);
/* see(ctx, now, device, outgoing, frame): every frame of every present and later device. NULL takes it away. */
WEIR_API void weir_capture(struct weir_machine *m, void (*see)(void *ctx, uint64_t now_ns, const char *device, bool is_outgoing, const void *frame, size_t bytes), void *ctx);

#ifdef __cplusplus
}
#endif
#endif
