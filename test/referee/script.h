#ifndef TEST_REFEREE_SCRIPT_H
#define TEST_REFEREE_SCRIPT_H

#include "test/referee/plant.h"

struct script { struct referee *referee; uint64_t now_ns; };

#endif
