/* What became of one run of a script, and how a runner tells. */
#ifndef DRILL_RESULT_H
#define DRILL_RESULT_H

#include "drill/script.h"

enum drill_verdict { DRILL_PASSED, DRILL_FAILED, DRILL_SKIPPED };

enum { RESULT_TEXT_BYTES = 2048 };

/* Empty texts are not told. Zero it before the run. */
struct drill_result {
    enum drill_verdict verdict;
    struct script_place place;          /* of the event that failed, or needs what is not there. Line 0: none */
    /* one sentence: "the packet is not the expected one: window 512, not 256", or why it was skipped */
    char message[RESULT_TEXT_BYTES];
    char expected[RESULT_TEXT_BYTES];   /* in packetdrill's notation */
    char actual[RESULT_TEXT_BYTES];
    char why[RESULT_TEXT_BYTES];        /* drop reasons, the state of the socket */
    /* differences that --non_fatal let pass; the last of them stands in the texts */
    unsigned nonfatal;
    uint64_t machine_ns;                /* virtual time the run took */
};

/* The first failure (or skip) counts: these set it and return false, so that a caller may return it. */
bool result_fail(struct drill_result *r, struct script_place place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool result_skip(struct drill_result *r, struct script_place place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
