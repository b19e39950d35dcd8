/* Many seeds over several processes, each seed in a process that may die of it; results come in order of the seeds. */
#ifndef WEIR_SIM_CAMPAIGN_H
#define WEIR_SIM_CAMPAIGN_H

#include <stdio.h>

#include "sim/sim.h"

struct campaign {
    uint64_t first, last;
    int profile;                 /* -1: each seed has its own */
    unsigned minutes;            /* goes on with further seeds until so much time is over; 0: ends with the last */
    unsigned jobs, save_points;
    bool is_verbose, is_digest_only, has_progress;
    const char *json;            /* a file's name, or NULL */
    const char *pcap_directory;  /* of failing seeds; NULL: none is written */
    /* Runs one seed again and writes what its nodes see; false: could not. Of the caller, who knows how a capture is written. */
    bool (*record)(const struct sim_options *options, const char *path);
};

/* The exit status: 0, or 1 when a check failed. */
int campaign_run(const struct campaign *c);

#endif
