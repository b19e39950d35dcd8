#include "test/referee/plant.h"

const struct plant_row plants_tcp[] = {
    { .rule = RULE_COUNT }
};
