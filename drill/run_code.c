/* Assertions, and what to tell when something is wrong: both look at the socket under test as a program could. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "drill/running.h"

enum { INFO_BYTES = 512, MEMINFO_VALUES = 9 };

/* An assertion with what it will see. */
struct held_code {
    struct held_code *next;
    const struct script_event *event;
    struct code_values values;
};

static int64_t get_option(struct run *r, int fd, int level, int name, void *out, socklen_t *bytes)
{
    return run_system_call(r, SYS_getsockopt, (uint64_t)fd, (uint64_t)level, (uint64_t)name, (uint64_t)(uintptr_t)out,
        (uint64_t)(uintptr_t)bytes);
}

/* What packetdrill lets assertions see: the tail of tcp_info, of its congestion control, of the socket's memory. */
static bool collect(struct run *r, struct code_values *values)
{
    uint64_t info[INFO_BYTES / 8] = { 0 }, cc_info[INFO_BYTES / 8] = { 0 };
    uint32_t meminfo[MEMINFO_VALUES] = { 0 };
    char congestion[16] = "";
    socklen_t info_bytes = sizeof info, cc_bytes = sizeof cc_info, name_bytes = sizeof congestion - 1,
              meminfo_bytes = sizeof meminfo;
    int fd = r->flow->live_fd;
    if (get_option(r, fd, IPPROTO_TCP, TCP_INFO, info, &info_bytes) < 0)
        return run_fails(r, r->event->place, "the socket has no TCP_INFO for an assertion");
    if (get_option(r, fd, IPPROTO_TCP, TCP_CC_INFO, cc_info, &cc_bytes) < 0)
        return run_fails(r, r->event->place, "the socket has no TCP_CC_INFO for an assertion");
    if (get_option(r, fd, SOL_SOCKET, SO_MEMINFO, meminfo, &meminfo_bytes) < 0)
        return run_fails(r, r->event->place, "the socket has no SO_MEMINFO for an assertion");
    if (get_option(r, fd, IPPROTO_TCP, TCP_CONGESTION, congestion, &name_bytes) < 0) congestion[0] = '\0';
    code_values_tcp_info(values, info, info_bytes);
    code_values_cc_info(values, congestion, cc_info, cc_bytes);
    code_values_meminfo(values, meminfo, meminfo_bytes);
    return true;
}

static bool run_one(struct run *r, const struct held_code *h)
{
    char message[RESULT_TEXT_BYTES / 2] = "";
    if (!r->options->code) return result_skip(r->result, h->event->place, "nobody runs assertions here");
    switch (code_run(r->options->code, h->event->place.line, h->event->code, &h->values, message, sizeof message)) {
    case CODE_HELD: return true;
    case CODE_FAILED: return run_fails(r, h->event->place, "the assertion does not hold: %s", message);
    case CODE_NOBODY: return result_skip(r->result, h->event->place, "%s", message);
    }
    return false;
}

bool run_code(struct run *r)
{
    if (!r->flow) return run_fails(r, r->event->place, "there is no socket for an assertion");
    struct held_code *h = calloc(1, sizeof *h);
    if (!h) return run_fails(r, r->event->place, "no memory");
    h->event = r->event;
    if (r->options->is_live) {
        *r->last_held_code = h;
        r->last_held_code = &h->next;
        return collect(r, &h->values);
    }
    bool is_right = collect(r, &h->values) && run_one(r, h);
    free(h);
    return is_right;
}

bool run_held_code(struct run *r)
{
    for (const struct held_code *h = r->held_code; h; h = h->next)
        if (!run_one(r, h)) return false;
    return true;
}

void run_held_code_destroy(struct run *r)
{
    while (r->held_code) {
        struct held_code *h = r->held_code;
        r->held_code = h->next;
        free(h);
    }
}

static const char *const state_names[] = { "", "ESTABLISHED", "SYN-SENT", "SYN-RECEIVED", "FIN-WAIT-1", "FIN-WAIT-2",
    "TIME-WAIT", "CLOSED", "CLOSE-WAIT", "LAST-ACK", "LISTEN", "CLOSING" };
static const char *const recovery_names[] = { "Open", "Disorder", "CWR", "Recovery", "Loss" };

static void explain_socket(struct run *r, FILE *out)
{
    union { struct tcp_info info; uint64_t room[INFO_BYTES / 8]; } u = { .room = { 0 } };
    socklen_t bytes = sizeof u;
    if (!r->flow || r->flow->live_fd < 0 || get_option(r, r->flow->live_fd, IPPROTO_TCP, TCP_INFO, &u, &bytes) < 0)
        return;
    const struct tcp_info *i = &u.info;
    fprintf(out, "the socket is in %s",
        i->tcpi_state < array_count(state_names) ? state_names[i->tcpi_state] : "no known state");
    if (i->tcpi_ca_state < array_count(recovery_names)) fprintf(out, ", %s", recovery_names[i->tcpi_ca_state]);
    fprintf(out,
        ": cwnd %u, ssthresh %d, unacked %u, sacked %u, lost %u, retransmitted %u, srtt %u us, rto %u us, not sent %u "
        "bytes\n",
        i->tcpi_snd_cwnd, (int)i->tcpi_snd_ssthresh, i->tcpi_unacked, i->tcpi_sacked, i->tcpi_lost, i->tcpi_retrans,
        i->tcpi_rtt, i->tcpi_rto, i->tcpi_notsent_bytes);
}

void run_explain(struct run *r)
{
    FILE *out = fmemopen(r->result->why, sizeof r->result->why, "w");
    if (!out) return;
    explain_socket(r, out);
    r->subject->ops->explain(r->subject, out);
    fclose(out);
    size_t length = strlen(r->result->why);
    if (length && r->result->why[length - 1] == '\n') r->result->why[length - 1] = '\0';
}
