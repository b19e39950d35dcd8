#include "test/fuzz/packets.h"

PACKETS_TARGET("icmp", FRAME_ICMP);
