#include "test/fuzz/packets.h"

PACKETS_TARGET("udp", FRAME_UDP);
