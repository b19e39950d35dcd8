/* The text of --tap. NULL, or one sentence about what is wrong. (--link is weir_link_faults_parse().) */
#ifndef RUNNER_TAP_OPTIONS_H
#define RUNNER_TAP_OPTIONS_H

#include "runner/options.h"

/* IFNAME,ADDRESS/PREFIX[,ADDRESS/PREFIX...][,gw=ADDRESS][,mac=MAC][,offload=on|off] */
const char *tap_options_parse(const char *text, struct tap_options *tap);

#endif
