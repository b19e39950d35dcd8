/* Why a packet was discarded (Linux: enum skb_drop_reason). One row a reason in drop.def: enum, counter, text. */
#ifndef WEIR_PACKET_DROP_H
#define WEIR_PACKET_DROP_H

#include "base/types.h"

enum drop_reason {
#define DROP(name, text) DROP_##name,
#include "packet/drop.def"
#undef DROP
    DROP_REASON_COUNT
};

const char *drop_reason_name(enum drop_reason r); /* "TCP_PAWS", as Linux names it where it does */
const char *drop_reason_text(enum drop_reason r);

#endif
