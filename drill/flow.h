/* A flow: a connection or socket of the script and the real one beside it. A script counts as tcpdump does: absolute
 * sequence numbers in packets with SYN, numbers from the handshake's in all others, both ways. The peer's numbers are
 * the script's to choose; the machine's own, its ports and its timestamps are learned from what it sends. */
#ifndef DRILL_FLOW_H
#define DRILL_FLOW_H

#include "drill/packet.h"

enum flow_state {
    FLOW_NEW,           /* socket() */
    FLOW_LISTENING,     /* listen() */
    FLOW_CALLED,        /* a first packet came in for a listener: a child to be */
    FLOW_ANSWERED,      /* the SYN/ACK went out: accept() may return it (Fast Open), as in the next state */
    FLOW_CONFIRMED,     /* and was acknowledged */
    FLOW_CONNECTING,    /* connect(), or a send that does it */
    FLOW_CALLING,       /* the script expects the SYN */
    FLOW_CONNECTED,     /* the SYN/ACK came in */
};

struct flow_end {
    ip_addr_t address;
    uint16_t port;
};

struct timestamp_pair { uint32_t script, live; };

struct flow {
    struct flow *next;                   /* the newest first */
    enum flow_state state;
    int family, type, protocol;
    int live_fd;                         /* -1: none yet */
    struct flow_end local, remote;       /* live */
    uint32_t script_isn, local_isn;      /* of the machine: as the script has it, as it is */
    uint32_t remote_isn;                 /* of the peer: script's and live's are one */
    /* TSval of outbound packets, so that inbound ones can echo what was sent. The newest of a script's value counts. */
    struct timestamp_pair *timestamps;
    unsigned timestamp_count, timestamp_room;
    bool has_first_timestamp;
    struct timestamp_pair first_timestamp;
    uint32_t script_label, live_label;   /* IPv6 flow labels; 0: none seen */
};

void flow_fini(struct flow *f);

/* Is this outbound packet of the flow? If the flow was about to begin with it, it begins. */
bool flow_owns(struct flow *f, const struct packet_seen *seen);

/* What packet events do to the handshake, before the packet is looked for or sent. */
void flow_expects(struct flow *f, const struct script_packet *p);           /* outbound, in the script */
void flow_saw(struct flow *f, const struct script_packet *expected, const struct packet_seen *seen);
void flow_gets(struct flow *f, const struct script_packet *p);              /* inbound */

/* An inbound packet with live numbers, ports and echoed timestamp. False: problem tells why there is no live value. */
bool flow_to_live(const struct flow *f, const struct script_settings *settings, const struct script_packet *p,
                  struct script_packet *live, char *problem, size_t problem_bytes);
/* An outbound one with the script's sequence numbers. */
void flow_to_script(const struct flow *f, struct packet_seen *seen);
/* Its TSval, learning what the script calls it. False: no memory. */
bool flow_timestamp(struct flow *f, const struct script_packet *expected, struct packet_seen *seen);
/* Packets with one label in the script have one label on the wire, and others another. */
bool flow_label_matches(
    struct flow *f, uint32_t script_label, uint32_t live_label, char *problem, size_t problem_bytes);

#endif
