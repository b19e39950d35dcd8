/* The names of ICMP messages (RFC 792, RFC 1122, RFC 1812; RFC 4443), as packetdrill spells them; type_N and code_N
 * name any. */
#include "drill/parse.h"

#include <stdlib.h>
#include <string.h>

struct name {
    const char *text;
    uint8_t value;
};

struct message {
    struct name type;
    const struct name *codes; /* NULL: only code_N */
};

static const struct name unreachable_codes[] = {
    { "net_unreachable", 0 }, { "host_unreachable", 1 }, { "protocol_unreachable", 2 }, { "port_unreachable", 3 },
    { "frag_needed", 4 }, { "source_route_failed", 5 }, { "net_unknown", 6 }, { "host_unknown", 7 },
    { "source_host_isolated", 8 }, { "net_prohibited", 9 }, { "host_prohibited", 10 },
    { "net_unreachable_for_tos", 11 }, { "host_unreachable_for_tos", 12 }, { "packet_filtered", 13 },
    { "precedence_violation", 14 }, { "precedence_cutoff", 15 }, { NULL, 0 },
};

static const struct message v4_messages[] = {
    { { "echo_reply", 0 }, NULL }, { { "unreachable", 3 }, unreachable_codes }, { { "source_quench", 4 }, NULL },
    { { "redirect", 5 }, NULL }, { { "echo_request", 8 }, NULL }, { { "time_exceeded", 11 }, NULL },
    { { "parameter_problem", 12 }, NULL }, { { "timestamp_request", 13 }, NULL }, { { "timestamp_reply", 14 }, NULL },
    { { "information_request", 15 }, NULL }, { { "information_reply", 16 }, NULL },
    { { "address_mask_request", 17 }, NULL }, { { "address_mask_reply", 18 }, NULL }, { { NULL, 0 }, NULL },
};

static const struct name unreachable_v6_codes[] = {
    { "net_unreachable", 0 }, { "no_route", 0 }, { "admin_prohibited", 1 }, { "not_neighbour", 2 },
    { "address_unreachable", 3 }, { "port_unreachable", 4 }, { NULL, 0 },
};

static const struct name exceeded_v6_codes[] = { { "exceeded_hop_limit", 0 }, { "exceeded_frag_time", 1 },
    { NULL, 0 } };
static const struct name parameter_v6_codes[] = {
    { "header_field", 0 }, { "unknown_next_header", 1 }, { "unknown_option", 2 }, { NULL, 0 }
};

static const struct message v6_messages[] = {
    { { "unreachable", 1 }, unreachable_v6_codes }, { { "packet_too_big", 2 }, NULL },
    { { "time_exceeded", 3 }, exceeded_v6_codes }, { { "parameter_problem", 4 }, parameter_v6_codes },
    { { "echo_request", 128 }, NULL }, { { "echo_reply", 129 }, NULL }, { { NULL, 0 }, NULL },
};

/* "type_7": the number behind the prefix. */
static bool find_number(const char *text, const char *prefix, uint8_t *out)
{
    size_t bytes = strlen(prefix);
    char *end;
    unsigned long number;

    if (strncmp(text, prefix, bytes) != 0 || !text[bytes])
        return false;
    number = strtoul(text + bytes, &end, 10);
    *out = (uint8_t)number;
    return !*end && number <= UINT8_MAX;
}

static bool find_code(const struct name *codes, const char *code, uint8_t *out)
{
    for (; codes && codes->text; codes++)
        if (strcmp(codes->text, code) == 0) {
            *out = codes->value;
            return true;
        }
    return find_number(code, "code_", out);
}

bool parse_icmp_names(const char *type, const char *code, bool is_v6, uint8_t *type_out, uint8_t *code_out)
{
    const struct message *m = is_v6 ? v6_messages : v4_messages;

    *code_out = 0;
    while (m->type.text && strcmp(m->type.text, type) != 0)
        m++;
    if (m->type.text)
        *type_out = m->type.value;
    else if (!find_number(type, "type_", type_out))
        return false;
    return !code || find_code(m->codes, code, code_out);
}
