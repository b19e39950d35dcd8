/* Where the headers of a frame with TCP or UDP lie: what checksums, segmentation and merging need to know. */
#ifndef WEIR_DEVICE_FRAME_H
#define WEIR_DEVICE_FRAME_H

#include "packet/packet.h"
#include "wire/headers.h"

struct frame {
    uint32_t network, transport; /* offsets from the first byte of the frame */
    uint32_t payload;            /* TCP and UDP only; else as transport */
    uint8_t version, protocol;
};

/* Makes the headers contiguous. `network` says where the IP header begins (14 for a frame). False: not IP, or cut short. */
bool frame_parse(struct packet *p, uint32_t network, be16_t ethertype, struct frame *f);
/* The same from the first byte of what p->device sends or receives: after its link header, if it has one (no device: Ethernet). */
bool frame_parse_link(struct packet *p, struct frame *f);
/* EtherType of a bare IP packet by its version; 0: it is none. */
be16_t frame_bare_ethertype(struct packet *p);
/* Pseudo-header sum with this transport length. The headers are contiguous. */
uint32_t frame_pseudo_sum(const struct packet *p, const struct frame *f, uint32_t transport_bytes);
/* Offset of the checksum field from the transport header; 0: the protocol has none we know. */
uint32_t frame_checksum_field(uint8_t protocol);
/* Sets the lengths in the IP (and UDP) header, and the IPv4 header checksum. */
void frame_set_length(struct packet *p, const struct frame *f, uint32_t payload_bytes);

#endif
