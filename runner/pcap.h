/* Writes captured frames to a file in the nanosecond pcap format (magic 0xa1b23c4d, Ethernet). */
#ifndef RUNNER_PCAP_H
#define RUNNER_PCAP_H

#include <stddef.h>
#include <stdint.h>

struct pcap_file {
    int fd;
    uint64_t bytes; /* whole records only */
};

/* Creates or empties the file. 0 or a negative errno. */
int pcap_open(struct pcap_file *file, const char *path);
/* 0 or a negative errno: then nothing of the frame is in the file. */
int pcap_write(struct pcap_file *file, uint64_t wall_clock_ns, const void *frame, size_t bytes);
void pcap_close(struct pcap_file *file);

#endif
