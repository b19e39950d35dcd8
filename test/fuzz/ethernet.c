#include "test/fuzz/packets.h"

PACKETS_TARGET("ethernet", FRAME_ARP);
