#include "sim/profile.h"
#include "sim/sim.h"

const struct profile sim_profiles[] = {
    { .name = "calm", .text = "good cables, nobody means harm",
      .hosts = { 2, 4 }, .routers = { 0, 1 }, .applications = { 1, 6 }, .delay_ms = { 0, 20 }, .rate_mbit = { 0, 0 }, .healing_s = { 1, 3 },
      .limit_max = 1000, .stream_bytes_max = 2000000,
      .kinds = { [SIM_BULK] = 4, [SIM_TURNS] = 3, [SIM_SLOW_READER] = 1, [SIM_SLOW_WRITER] = 1, [SIM_HALF_CLOSE] = 1, [SIM_ABORT] = 1,
                 [SIM_IDLE] = 1, [SIM_SHORT] = 1, [SIM_ECHO] = 1 } },
    { .name = "lossy", .text = "cables that lose up to half, repeat, swap and spoil",
      .hosts = { 2, 4 }, .routers = { 0, 2 }, .applications = { 1, 5 }, .delay_ms = { 0, 60 }, .rate_mbit = { 0, 100 }, .healing_s = { 5, 60 },
      .deed_ms = { 500, 8000 },
      .loss_percent_max = 50, .duplicate_percent_max = 20, .corrupt_percent_max = 10, .reorder_percent_max = 30,
      .limit_max = 1000, .stream_bytes_max = 400000,
      .deeds = { [SIM_DEED_QUALITY] = 1 },
      .kinds = { [SIM_BULK] = 4, [SIM_TURNS] = 3, [SIM_SLOW_READER] = 2, [SIM_SLOW_WRITER] = 1, [SIM_HALF_CLOSE] = 2, [SIM_ABORT] = 2,
                 [SIM_IDLE] = 1, [SIM_SHORT] = 2, [SIM_ECHO] = 1 } },
    { .name = "long-fat", .text = "fast cables with long delays, large streams, reordering over 1,000 packets",
      .hosts = { 2, 3 }, .routers = { 0, 1 }, .applications = { 1, 2 }, .delay_ms = { 20, 150 }, .rate_mbit = { 0, 10000 },
      .healing_s = { 2, 20 }, .deed_ms = { 1000, 8000 },
      .loss_percent_max = 1, .duplicate_percent_max = 1, .reorder_percent_max = 5, .limit_max = 20000, .stream_bytes_max = 24000000,
      .deeds = { [SIM_DEED_QUALITY] = 3, [SIM_DEED_STALL] = 1 },
      .kinds = { [SIM_BULK] = 8, [SIM_TURNS] = 1, [SIM_SLOW_READER] = 1 } },
    { .name = "hostile", .text = "forged segments, lies of ICMP, memory that fails, clocks about to wrap",
      .hosts = { 2, 5 }, .routers = { 0, 2 }, .applications = { 1, 8 }, .delay_ms = { 0, 40 }, .rate_mbit = { 0, 200 }, .healing_s = { 5, 40 },
      .deed_ms = { 1, 200 },
      .loss_percent_max = 10, .duplicate_percent_max = 5, .corrupt_percent_max = 5, .reorder_percent_max = 10,
      .limit_max = 1000, .stream_bytes_max = 600000,
      .deeds = { [SIM_DEED_QUALITY] = 2, [SIM_DEED_MTU] = 1, [SIM_DEED_FORGE] = 40, [SIM_DEED_LIE] = 20, [SIM_DEED_MEMORY] = 5,
                 [SIM_DEED_STALL] = 2 },
      .kinds = { [SIM_BULK] = 4, [SIM_TURNS] = 4, [SIM_SLOW_READER] = 2, [SIM_SLOW_WRITER] = 2, [SIM_HALF_CLOSE] = 2, [SIM_ABORT] = 2,
                 [SIM_IDLE] = 1, [SIM_SHORT] = 2, [SIM_ECHO] = 1 } },
    { .name = "churn", .text = "many short connections among many hosts, aborts, stalled programs",
      .hosts = { 3, 8 }, .routers = { 1, 3 }, .applications = { 6, 16 }, .delay_ms = { 0, 20 }, .rate_mbit = { 0, 1000 }, .healing_s = { 5, 30 },
      .deed_ms = { 100, 3000 },
      .loss_percent_max = 5, .duplicate_percent_max = 2, .corrupt_percent_max = 1, .reorder_percent_max = 5,
      .limit_max = 1000, .stream_bytes_max = 50000,
      .deeds = { [SIM_DEED_QUALITY] = 4, [SIM_DEED_STALL] = 4, [SIM_DEED_MEMORY] = 1, [SIM_DEED_FORGE] = 2 },
      .kinds = { [SIM_BULK] = 1, [SIM_TURNS] = 2, [SIM_HALF_CLOSE] = 2, [SIM_ABORT] = 6, [SIM_IDLE] = 2, [SIM_SHORT] = 10, [SIM_ECHO] = 1 } },
    { .name = "mobile", .text = "cables that come and go, MTUs that change on the way",
      .hosts = { 2, 4 }, .routers = { 0, 2 }, .applications = { 1, 5 }, .delay_ms = { 5, 120 }, .rate_mbit = { 1, 50 }, .healing_s = { 10, 60 },
      .deed_ms = { 300, 8000 },
      .loss_percent_max = 15, .duplicate_percent_max = 2, .corrupt_percent_max = 2, .reorder_percent_max = 10,
      .limit_max = 300, .stream_bytes_max = 400000,
      .deeds = { [SIM_DEED_QUALITY] = 3, [SIM_DEED_MTU] = 3, [SIM_DEED_FLAP] = 3, [SIM_DEED_STALL] = 1 },
      .kinds = { [SIM_BULK] = 4, [SIM_TURNS] = 3, [SIM_SLOW_READER] = 1, [SIM_SLOW_WRITER] = 1, [SIM_HALF_CLOSE] = 1, [SIM_ABORT] = 1,
                 [SIM_IDLE] = 1, [SIM_SHORT] = 2, [SIM_ECHO] = 1 } },
};

unsigned sim_profile_count(void) { return sizeof sim_profiles / sizeof sim_profiles[0]; }
const char *sim_profile_name(unsigned profile) { return sim_profiles[profile].name; }
const char *sim_profile_text(unsigned profile) { return sim_profiles[profile].text; }
unsigned sim_profile_of(uint64_t seed) { return (unsigned)(seed % sim_profile_count()); }
