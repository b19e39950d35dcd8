#include "test/fuzz/packets.h"

PACKETS_TARGET("discovery", FRAME_ND);
