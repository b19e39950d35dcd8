#include "test/fuzz/packets.h"

PACKETS_TARGET("ipv4", FRAME_IPV4);
