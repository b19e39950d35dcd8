/* PACKET_RX_RING (TPACKET_V2) for packet sockets: tcpdump and libpcap take nothing else. The ring is a file in memory that
 * the machine's process fills from the socket. The program maps it through the socket's number, where it stands in for the
 * socket just for that mmap(); the next call on the number finds the socket again. */
#ifndef RUNNER_RING_H
#define RUNNER_RING_H

#include "runner/door.h"

struct ring;

/* A socket call that is about rings: true when answered. */
bool ring_call(struct trapped_call *c);
/* mmap() of a socket with a ring: lets it go on with the ring's file. */
void ring_map(struct trapped_call *c);
/* c->program_end is a ring's file: puts the socket back and makes c about it. */
void ring_restore(struct trapped_call *c);
/* Moves what has arrived into the ring. Returns the poll mask to show. */
unsigned ring_fill(struct door_socket *socket, unsigned mask);
/* Looks whether programs emptied their rings, which nothing tells; some milliseconds late at most. */
void ring_check_all(struct door *door);
void ring_destroy(struct door_socket *socket);
void ring_forget_task(struct door *door, const struct task_ref *task);

#endif
