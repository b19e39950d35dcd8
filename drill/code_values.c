/* The variables of assertions: struct tcp_info field by field, what congestion controls tell, socket memory. */
#include "drill/code.h"

#include <stdio.h>
#include <string.h>

void code_values_add(struct code_values *values, const char *name, uint64_t value)
{
    if (values->count == CODE_VALUES)
        return;
    snprintf(values->rows[values->count].name, sizeof values->rows[0].name, "%s", name);
    values->rows[values->count++].value = value;
}

/* Linux 6.18's struct tcp_info: {name, offset, bytes}. Not the headers' own, which may be older. */
static const struct info_field {
    const char *name;
    uint16_t offset;
    uint8_t bytes;
} info_fields[] = {
    { "tcpi_state", 0, 1 }, { "tcpi_ca_state", 1, 1 }, { "tcpi_retransmits", 2, 1 }, { "tcpi_probes", 3, 1 },
    { "tcpi_backoff", 4, 1 }, { "tcpi_options", 5, 1 }, { "tcpi_rto", 8, 4 }, { "tcpi_ato", 12, 4 },
    { "tcpi_snd_mss", 16, 4 }, { "tcpi_rcv_mss", 20, 4 }, { "tcpi_unacked", 24, 4 }, { "tcpi_sacked", 28, 4 },
    { "tcpi_lost", 32, 4 }, { "tcpi_retrans", 36, 4 }, { "tcpi_fackets", 40, 4 }, { "tcpi_last_data_sent", 44, 4 },
    { "tcpi_last_ack_sent", 48, 4 }, { "tcpi_last_data_recv", 52, 4 }, { "tcpi_last_ack_recv", 56, 4 },
    { "tcpi_pmtu", 60, 4 }, { "tcpi_rcv_ssthresh", 64, 4 }, { "tcpi_rtt", 68, 4 }, { "tcpi_rttvar", 72, 4 },
    { "tcpi_snd_ssthresh", 76, 4 }, { "tcpi_snd_cwnd", 80, 4 }, { "tcpi_advmss", 84, 4 }, { "tcpi_reordering", 88, 4 },
    { "tcpi_rcv_rtt", 92, 4 }, { "tcpi_rcv_space", 96, 4 }, { "tcpi_total_retrans", 100, 4 },
    { "tcpi_pacing_rate", 104, 8 }, { "tcpi_max_pacing_rate", 112, 8 }, { "tcpi_bytes_acked", 120, 8 },
    { "tcpi_bytes_received", 128, 8 }, { "tcpi_segs_out", 136, 4 }, { "tcpi_segs_in", 140, 4 },
    { "tcpi_notsent_bytes", 144, 4 }, { "tcpi_min_rtt", 148, 4 }, { "tcpi_data_segs_in", 152, 4 },
    { "tcpi_data_segs_out", 156, 4 }, { "tcpi_delivery_rate", 160, 8 }, { "tcpi_busy_time", 168, 8 },
    { "tcpi_rwnd_limited", 176, 8 }, { "tcpi_sndbuf_limited", 184, 8 }, { "tcpi_delivered", 192, 4 },
    { "tcpi_delivered_ce", 196, 4 }, { "tcpi_bytes_sent", 200, 8 }, { "tcpi_bytes_retrans", 208, 8 },
    { "tcpi_dsack_dups", 216, 4 }, { "tcpi_reord_seen", 220, 4 }, { "tcpi_rcv_ooopack", 224, 4 },
    { "tcpi_snd_wnd", 228, 4 }, { "tcpi_rcv_wnd", 232, 4 }, { "tcpi_rehash", 236, 4 }, { "tcpi_total_rto", 240, 2 },
    { "tcpi_total_rto_recoveries", 242, 2 }, { "tcpi_total_rto_time", 244, 4 }, { "tcpi_received_ce", 248, 4 },
    { "tcpi_delivered_e1_bytes", 252, 4 }, { "tcpi_delivered_e0_bytes", 256, 4 }, { "tcpi_delivered_ce_bytes", 260, 4 },
    { "tcpi_received_e1_bytes", 264, 4 }, { "tcpi_received_e0_bytes", 268, 4 }, { "tcpi_received_ce_bytes", 272, 4 },
};

/* The bits within a byte or a word. */
static const struct info_bits {
    const char *name;
    uint16_t offset;
    uint8_t bytes, shift, bits;
} info_bits[] = {
    { "tcpi_snd_wscale", 6, 1, 0, 4 }, { "tcpi_rcv_wscale", 6, 1, 4, 4 },
    { "tcpi_delivery_rate_app_limited", 7, 1, 0, 1 }, { "tcpi_fastopen_client_fail", 7, 1, 1, 2 },
    { "tcpi_ecn_mode", 276, 4, 0, 2 }, { "tcpi_accecn_opt_seen", 276, 4, 2, 2 },
    { "tcpi_accecn_fail_mode", 276, 4, 4, 4 }, { "tcpi_options2", 276, 4, 8, 24 },
};

static const struct {
    const char *name;
    uint64_t value;
} constants[] = {
    { "TCP_ESTABLISHED", 1 }, { "TCP_SYN_SENT", 2 }, { "TCP_SYN_RECV", 3 }, { "TCP_FIN_WAIT1", 4 },
    { "TCP_FIN_WAIT2", 5 }, { "TCP_TIME_WAIT", 6 }, { "TCP_CLOSE", 7 }, { "TCP_CLOSE_WAIT", 8 }, { "TCP_LAST_ACK", 9 },
    { "TCP_LISTEN", 10 }, { "TCP_CLOSING", 11 }, { "TCP_CA_Open", 0 }, { "TCP_CA_Disorder", 1 }, { "TCP_CA_CWR", 2 },
    { "TCP_CA_Recovery", 3 }, { "TCP_CA_Loss", 4 }, { "TCPI_OPT_TIMESTAMPS", 1 }, { "TCPI_OPT_SACK", 2 },
    { "TCPI_OPT_WSCALE", 4 }, { "TCPI_OPT_ECN", 8 }, { "TCPI_OPT_ECN_SEEN", 16 }, { "TCPI_OPT_SYN_DATA", 32 },
    { "TCPI_OPT_USEC_TS", 64 }, { "TCPI_OPT_TFO_CHILD", 128 },
};

static uint64_t read_field(const uint8_t *from, unsigned bytes)
{
    uint64_t wide = 0;
    uint32_t word = 0;
    uint16_t half = 0;

    switch (bytes) {
    case 1: return from[0];
    case 2: memcpy(&half, from, 2); return half;
    case 4: memcpy(&word, from, 4); return word;
    default: memcpy(&wide, from, 8); return wide;
    }
}

void code_values_tcp_info(struct code_values *values, const void *info, size_t bytes)
{
    const uint8_t *base = info;

    for (size_t i = 0; i < sizeof constants / sizeof constants[0]; i++)
        code_values_add(values, constants[i].name, constants[i].value);
    for (size_t i = 0; i < sizeof info_fields / sizeof info_fields[0]; i++) {
        const struct info_field *f = &info_fields[i];

        if (f->offset + (size_t)f->bytes <= bytes)
            code_values_add(values, f->name, read_field(base + f->offset, f->bytes));
    }
    for (size_t i = 0; i < sizeof info_bits / sizeof info_bits[0]; i++) {
        const struct info_bits *b = &info_bits[i];

        if (b->offset + (size_t)b->bytes <= bytes)
            code_values_add(values, b->name,
                            read_field(base + b->offset, b->bytes) >> b->shift & ((1ULL << b->bits) - 1));
    }
}

static void add_words(struct code_values *values, const char *const *names, unsigned count, const uint8_t *from,
                      size_t bytes)
{
    for (unsigned i = 0; i < count && (i + 1U) * 4 <= bytes; i++)
        code_values_add(values, names[i], read_field(from + i * 4U, 4));
}

/* The unions of linux/inet_diag.h. */
void code_values_cc_info(struct code_values *values, const char *congestion_control, const void *info, size_t bytes)
{
    static const char *const bbr[] = { "bbr_bw_lo", "bbr_bw_hi", "bbr_min_rtt", "bbr_pacing_gain", "bbr_cwnd_gain" };
    static const char *const vegas[] = { "tcpv_enabled", "tcpv_rttcnt", "tcp_rtt", "tcp_minrtt" };
    const uint8_t *from = info;

    if (strcmp(congestion_control, "bbr") == 0 && bytes >= 20) {
        add_words(values, bbr, 5, from, bytes);
        code_values_add(values, "bbr_bw", read_field(from, 4) | read_field(from + 4, 4) << 32);
    } else if (strcmp(congestion_control, "dctcp") == 0 && bytes >= 16) {
        code_values_add(values, "dctcp_enabled", read_field(from, 2));
        code_values_add(values, "dctcp_ce_state", read_field(from + 2, 2));
        code_values_add(values, "dctcp_alpha", read_field(from + 4, 4));
        code_values_add(values, "dctcp_ab_ecn", read_field(from + 8, 4));
        code_values_add(values, "dctcp_ab_tot", read_field(from + 12, 4));
    } else if (strcmp(congestion_control, "vegas") == 0) {
        add_words(values, vegas, 4, from, bytes);
    }
}

void code_values_meminfo(struct code_values *values, const uint32_t *meminfo, size_t bytes)
{
    static const char *const names[] = {
        "SK_MEMINFO_RMEM_ALLOC", "SK_MEMINFO_RCVBUF", "SK_MEMINFO_WMEM_ALLOC", "SK_MEMINFO_SNDBUF",
        "SK_MEMINFO_FWD_ALLOC",
        "SK_MEMINFO_WMEM_QUEUED", "SK_MEMINFO_OPTMEM", "SK_MEMINFO_BACKLOG", "SK_MEMINFO_DROPS",
    };

    add_words(values, names, sizeof names / sizeof names[0], (const uint8_t *)meminfo, bytes);
}
