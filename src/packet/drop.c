#include "packet/drop.h"

static const char *const names[] = {
#define DROP(name, text) #name,
#include "packet/drop.def"
#undef DROP
};
static const char *const texts[] = {
#define DROP(name, text) text,
#include "packet/drop.def"
#undef DROP
};
static_assert(array_count(names) == DROP_REASON_COUNT, "one row a reason");

const char *drop_reason_name(enum drop_reason r)
{
    return r < DROP_REASON_COUNT ? names[r] : "?";
}

const char *drop_reason_text(enum drop_reason r)
{
    return r < DROP_REASON_COUNT ? texts[r] : "?";
}
