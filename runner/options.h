/* What a machine is started with, as the user gave it. */
#ifndef RUNNER_OPTIONS_H
#define RUNNER_OPTIONS_H

#include <weir/device.h>

enum { TAPS_MAX = 8, TAP_ADDRESSES_MAX = 8, INTERFACE_NAME_SIZE = 16 };

/* An interface address, or a gateway (prefix_bits 0). Bytes in network order. */
struct address_option {
    int family; /* AF_INET, AF_INET6; 0: not given */
    uint8_t bytes[16];
    unsigned prefix_bits;
};

struct tap_options {
    char name[INTERFACE_NAME_SIZE];
    struct address_option addresses[TAP_ADDRESSES_MAX];
    unsigned address_count;
    struct address_option gateway4, gateway6;
    uint8_t mac[6];
    bool has_mac;
    bool no_offload; /* every frame as a wire carries it */
};

struct machine_options {
    char name[65];
    struct tap_options taps[TAPS_MAX];
    unsigned tap_count;
    struct weir_link_faults link; /* in front of the TAP, or of the loopback when there is none */
    bool has_link;
    char pcap_path[4096]; /* "" : none */
    uint64_t seed;        /* 0: taken from the host's randomness */
    bool keep;            /* stays when its last program ends */
    bool foreground; /* stays the caller's child and keeps its stderr */
};

#endif
