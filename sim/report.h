/* What a campaign tells: lines on a terminal, the summary, JSON. */
#ifndef WEIR_SIM_REPORT_H
#define WEIR_SIM_REPORT_H

#include "sim/campaign.h"

struct report {
    const struct campaign *campaign;
    FILE *json;
    uint64_t began_ns;           /* of the wall's clock: for speed and progress only */
    uint64_t seeds, failed, frames, segments, bytes, connections, judged, deeds, simulated_ns, save_points;
    uint64_t shown_ns;
};

/* False: the JSON file cannot be written; errno. */
bool report_begin(struct report *r, const struct campaign *c);
void report_take(struct report *r, const struct sim_result *result);
void report_end(struct report *r, bool was_interrupted);
uint64_t report_clock_ns(void);

#endif
