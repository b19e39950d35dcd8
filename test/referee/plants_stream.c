#include "test/referee/plant.h"

const struct plant_row plants_stream[] = {
    { .rule = RULE_COUNT }
};
