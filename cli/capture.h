/* A capture file put before the referee. */
#ifndef CLI_CAPTURE_H
#define CLI_CAPTURE_H

#include "referee/referee.h"

#define CAPTURE_LOCALS 64

struct capture_options {
    uint8_t locals[CAPTURE_LOCALS][16]; /* IPv6, or IPv4-mapped */
    unsigned local_count;
    bool has_offloads, is_complete;
    void (*on_violation)(void *ctx, const struct referee_violation *v);
    void *ctx;
};

struct capture_result {
    uint64_t frames, cut, connections;  /* cut: not wholly captured, hence not judged */
    uint64_t began_ns;                  /* the time of the first frame */
    uint64_t judged[RULE_COUNT], broken[RULE_COUNT];
    char error[512];                    /* when it could not be read */
};

/* False: result->error says why; what was read before is judged and in the result. */
bool capture_judge(const char *path, const struct capture_options *options, struct capture_result *result);

#endif
