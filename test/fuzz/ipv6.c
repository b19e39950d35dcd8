#include "test/fuzz/packets.h"

PACKETS_TARGET("ipv6", FRAME_IPV6);
