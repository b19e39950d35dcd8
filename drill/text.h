/* Packets in packetdrill's notation, for failure messages. */
#ifndef DRILL_TEXT_H
#define DRILL_TEXT_H

#include "drill/script.h"

enum { TEXT_BYTES = 1024 };

/* What differs between the script's numbers and the wire's; zeros: nothing is shifted. Subtracted from what is on the
 * wire. */
struct text_shift {
    uint32_t sequence;  /* of what this packet's sender sends */
    uint32_t ack;       /* of what its receiver sends: ack number and SACK blocks */
    uint32_t timestamp; /* of TSval */
    uint32_t echo;      /* of TSecr */
    bool has_ports;     /* print them */
};

/* A packet as a script would write it, without its time: "> . 1:1001(1000) ack 1 win 256 <nop,nop,TS val 1 ecr 2>". */
void text_expected(const struct script_packet *packet, char *out, size_t bytes);
/* One from the wire, from its IP header on; what cannot be read is said so. has_ace: the flags' ACE bits as a digit. */
void text_packet(const void *frame, size_t frame_bytes, bool is_inbound, bool has_ace, const struct text_shift *shift,
                 char *out, size_t bytes);
/* Two options of one kind may be written in several ways: just these bytes. "mss 1000,nop,wscale 7". */
void text_options(const uint8_t *options, size_t option_bytes, const struct text_shift *shift, char *out, size_t bytes);
/* "+0.100000" or "0.100000". */
void text_time(int64_t ns, bool is_relative, char *out, size_t bytes);
/* An argument or result of a call. */
void text_expression(const struct expression *e, char *out, size_t bytes);

#endif
