/* Bugs of single packets: IP, UDP, fragments, ICMP, neighbours, and the headers of TCP. */
#include "test/referee/plant.h"

#include <string.h>

const struct plant_row plants_packet[] = {
    { .rule = RULE_COUNT }
};
