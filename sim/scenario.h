/* What a seed drew, before anything moves. Nothing in it changes during the run. */
#ifndef WEIR_SIM_SCENARIO_H
#define WEIR_SIM_SCENARIO_H

#include <weir/device.h>

#include "sim/profile.h"
#include "sim/random.h"

enum { SIM_HOSTS = 8, SIM_ROUTERS = 3, SIM_NODES = SIM_HOSTS + SIM_ROUTERS, SIM_LINKS = SIM_HOSTS + SIM_ROUTERS, SIM_APPLICATIONS = 16,
       SIM_OPTIONS = 3, SIM_SYSCTLS = 3, SIM_BLOCK_BYTES = 65536 /* that a program reads or writes at once, at most */ };

struct link_plan {
    unsigned nodes[2];              /* a host's own end comes first */
    uint32_t mtu_bytes;
    struct weir_link_faults faults; /* before the healing */
};

enum order {
    ORDER_FREE,                     /* both write as they like */
    ORDER_TURNS,                    /* a request, then its response, unit by unit */
    ORDER_AFTER_END,                /* the server writes when the client's end has come */
};
enum abort_kind { ABORT_NONE, ABORT_LINGER, ABORT_UNREAD };

struct socket_option { int level, name, value; const char *text; bool is_narrow; /* makes a connection slow */ };

struct application_plan {
    enum sim_kind kind;
    unsigned hosts[2];              /* client, server */
    bool is6;
    uint16_t port;
    unsigned repeats;
    uint64_t bytes[2], unit[2];     /* that each side writes; unit: of ORDER_TURNS */
    enum order order;
    uint32_t write_bytes[2], read_bytes[2]; /* at most in one call */
    uint64_t write_pause_ns[2], read_pause_ns[2];
    uint64_t start_ns, idle_ns;     /* from when programs begin; from connect to the first byte */
    enum abort_kind abort;
    unsigned abort_side;
    uint64_t abort_bytes;           /* aborts when it has moved as many */
    unsigned option_count[2];
    uint8_t options[2][SIM_OPTIONS]; /* rows of sim_options_table */
};

struct scenario {
    uint64_t seed;
    unsigned profile_index;
    const struct profile *profile;
    uint64_t start_ns;
    unsigned host_count, router_count, node_count, link_count, application_count;
    bool has4, has6, lacks_memory;
    unsigned router_of[SIM_HOSTS];  /* a node */
    struct link_plan links[SIM_LINKS];
    struct application_plan applications[SIM_APPLICATIONS];
    uint8_t sysctls[SIM_HOSTS][SIM_SYSCTLS]; /* rows of sim_sysctls */
    uint64_t healing_ns;            /* from when programs begin */
};

struct sysctl_choice { const char *path, *value; };
extern const struct sysctl_choice sim_sysctls[];
extern const struct socket_option sim_socket_options[];

void scenario_draw(struct scenario *s, uint64_t seed, unsigned profile);
/* In a few lines. */
void scenario_describe(const struct scenario *s, char *text, size_t bytes);
/* Up to what the profile allows now. */
struct weir_link_faults scenario_draw_faults(struct sim_random *r, const struct profile *p);
uint32_t scenario_draw_mtu(struct sim_random *r, bool has6);

/* application.c */
void application_draw(struct sim_random *r, const struct profile *p, struct application_plan *a);
const char *application_name(enum sim_kind kind);

#endif
