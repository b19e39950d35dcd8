/* Planted bugs: for each rule of the referee something that breaks it. A row either changes frames that two weir machines send
 * in a run that uses most of the stack (as if the stack had the bug: the changed frame travels, with good checksums unless
 * is_raw), or changes what the programs' calls are said to have done, or is a script: frames made by hand. With the bug the
 * referee must name the rule; without it the same run, or script, must be silent. */
#ifndef TEST_REFEREE_PLANT_H
#define TEST_REFEREE_PLANT_H

#include "referee/flow.h"
#include "referee/referee.h"

#define FRAME_BYTES 4096
struct frame { uint8_t bytes[FRAME_BYTES]; size_t length; };

/* The frame that a machine is about to send. v is a view of it as it was. */
struct sending { struct frame *frame; const struct view *v; unsigned host, count; uint64_t now_ns; bool is_lost, is_repeated; uint64_t *state; };

/* What a script writes down: what host 0 sent and received at a time. */
struct script;

struct plant_row {
    enum referee_rule rule;
    void (*bug)(struct sending *s);                    /* changes frames; is_lost, is_repeated; *state is its own, from 0 */
    bool (*on)(const struct view *v);                  /* or: on these frames ... */
    enum { AT_FRAME, AT_NETWORK, AT_TRANSPORT } base;  /* ... the byte here ... */
    unsigned offset;
    uint8_t value, flip;                               /* ... becomes value, or is flipped so */
    bool is_raw;                                       /* checksums stay as they are */
    void (*call_bug)(struct referee_call *call);
    void (*script)(struct script *s, bool has_bug);
};
extern const struct plant_row plants_packet[], plants_tcp[], plants_stream[]; /* each ends with a row of RULE_COUNT */

/* exercise.c: runs the two machines. r is told of all frames and calls. */
void exercise(struct referee *r, const struct plant_row *row);

/* script.c. Host 0 is 10.0.0.1, fd00::1, its peer ends in 2; ports 1000 and 2000 unless told. Only what host 0 sends is judged. */
struct segment {
    uint32_t seq, ack;
    uint16_t flags, window, mss, local_port, remote_port;
    bool has_scale, has_sack_permitted, has_timestamp, is_v6;
    uint8_t scale;
    uint32_t tsval, tsecr;
    const struct view_sack *sack;
    unsigned sack_count;
    unsigned bytes;                                    /* of payload: the byte at sequence number x is x % 251 */
    uint8_t tos, other;                                /* other: each byte of payload is off by so much */
    uint16_t urgent;
};
void script_at(struct script *s, uint64_t ms);         /* the time of what follows */
void script_sends(struct script *s, struct segment segment);
void script_gets(struct script *s, struct segment segment);
/* Any IP packet after an Ethernet header; checksums are made good. */
void script_packet(struct script *s, bool is_sent, const void *packet, size_t bytes);
void script_frame(struct script *s, bool is_sent, const void *frame, size_t bytes);
void script_call(struct script *s, struct referee_call call); /* addresses and ports are filled in where 0 */
/* SYN, SYN-ACK, ACK: host 0 connects at 1000 ms (is_passive: is connected to), ISNs 10000 and 20000, window scale 7, SACK, timestamps of 1 a ms. */
void script_handshake(struct script *s, bool is_passive);
struct referee *script_referee(struct script *s);

/* Good checksums for whatever the headers say. */
void frame_repair(struct frame *f);

#endif
