/* Options: a script's own (--name, --name=value before everything else) and the user's, which win; and what holds where
 * nobody says anything: the addresses and definitions that run_all.py of packetdrill's own tests gives for each
 * version. */
#include "drill/parse.h"

#include <arpa/inet.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_PORT = 8080, TUN_MTU = 1500, TUN_MTU_V6 = 1520 };

struct version_defaults {
    const char *name;
    const char *local, *remote, *gateway;
    const char *own_remote, *own_gateway; /* where a script sets the other address: the original program's defaults */
    unsigned local_prefix, mtu_bytes;
    struct definition definitions[5];
};

static const struct version_defaults versions[IP_VERSIONS] = {
    [IP_V4] = { "ipv4", "192.168.0.1", "192.0.2.1", "192.168.0.1", "192.0.2.1", "192.168.0.1", 16, TUN_MTU,
        { { "TFO_COOKIE", "3021b9d889017eeb" }, { "CODE", "host_unreachable" }, { "CMSG_LEVEL_IP", "SOL_IP" },
          { "CMSG_TYPE_RECVERR", "IP_RECVERR" } } },
    [IP_V4_MAPPED] = { "ipv4-mapped-ipv6", "192.168.0.1", "192.0.2.1", "192.168.0.1", "192.0.2.1", "192.168.0.1", 16,
        TUN_MTU, { { "TFO_COOKIE", "3021b9d889017eeb" }, { "CODE", "host_unreachable" },
                   { "CMSG_LEVEL_IP", "SOL_IPV6" }, { "CMSG_TYPE_RECVERR", "IPV6_RECVERR" } } },
    [IP_V6] = { "ipv6", "fd3d:0a0b:17d6::1", "fd3d:fa7b:d17d::1", "fd3d:0a0b:17d6:8888::1", "2001:db8::1",
        "fd3d:fa7b:d17d:8888::", 48, TUN_MTU_V6,
        { { "TFO_COOKIE", "c1d1e9742a47a9bc" }, { "CMSG_LEVEL_IP", "SOL_IPV6" },
          { "CMSG_TYPE_RECVERR", "IPV6_RECVERR" } } },
};

const char *ip_version_name(enum ip_version version)
{
    return versions[version].name;
}

bool ip_version_find(const char *name, enum ip_version *version)
{
    for (unsigned i = 0; i < IP_VERSIONS; i++)
        if (strcmp(versions[i].name, name) == 0) {
            *version = (enum ip_version)i;
            return true;
        }
    return false;
}

void parse_default_settings(struct script_settings *settings, enum ip_version version)
{
    const struct version_defaults *v = &versions[version];

    *settings = (struct script_settings){ .version = version, .bind_port = DEFAULT_PORT, .connect_port = DEFAULT_PORT,
        .mtu_bytes = v->mtu_bytes, .tolerance_ns = 4000000, .tolerance_permille = 125, .local_prefix = v->local_prefix,
        .remote_prefix = version == IP_V6 ? 128 : 32, .is_send_omit_free = true, .socket_option = "" };
    strcpy(settings->local_address, v->local);
    strcpy(settings->remote_address, v->remote);
    strcpy(settings->gateway_address, v->gateway);
}

/* One option that takes a number. */
static bool set_number(const char *text, uint64_t low, uint64_t high, uint64_t *out)
{
    char *end;
    unsigned long long number = strtoull(text, &end, 0);

    if (*end || end == text || text[0] == '-' || number < low || number > high)
        return false;
    *out = number;
    return true;
}

/* "12.5" percent in thousandths. */
static bool set_permille(const char *text, unsigned *out)
{
    char *end;
    double percent = strtod(text, &end);

    if (*end || end == text || !(percent >= 0 && percent <= 100))
        return false;
    *out = (unsigned)(percent * 10 + 0.5);
    return true;
}

/* ADDRESS[/PREFIX]. An address of the other family is not for this run: scripts with IPv4 addresses run with IPv6, too,
 * with that version's own. */
static bool set_address(struct script_settings *s, const char *text, char *out, unsigned *prefix)
{
    char address[SCRIPT_ADDRESS_BYTES];
    size_t bytes = strcspn(text, "/");
    struct in6_addr bits;
    bool is_v6 = memchr(text, ':', bytes) != NULL;
    uint64_t number = is_v6 ? 128 : 32;

    if (bytes >= sizeof address)
        return false;
    memcpy(address, text, bytes);
    address[bytes] = '\0';
    if (inet_pton(is_v6 ? AF_INET6 : AF_INET, address, &bits) != 1)
        return false;
    if (text[bytes] == '/' && !set_number(text + bytes + 1, 0, is_v6 ? 128 : 32, &number))
        return false;
    if (is_v6 != (s->version == IP_V6))
        return true;
    strcpy(out, address);
    if (prefix)
        *prefix = (unsigned)number;
    return true;
}

static bool set_local(struct script_settings *s, const char *text)
{
    const struct version_defaults *v = &versions[s->version];
    char before[SCRIPT_ADDRESS_BYTES];

    strcpy(before, s->local_address);
    if (!set_address(s, text, s->local_address, NULL))
        return false;
    if (strcmp(before, s->local_address) != 0) {
        if (strcmp(s->remote_address, v->remote) == 0)
            strcpy(s->remote_address, v->own_remote);
        if (strcmp(s->gateway_address, v->gateway) == 0)
            strcpy(s->gateway_address, v->own_gateway);
    }
    return true;
}

static bool set_netmask(struct script_settings *s, const char *text)
{
    struct in_addr mask;
    uint32_t bits;

    if (inet_pton(AF_INET, text, &mask) != 1)
        return false;
    bits = ntohl(mask.s_addr);
    if (~bits & (~bits + 1))
        return false;
    if (s->version != IP_V6)
        s->local_prefix = (unsigned)__builtin_popcount(bits);
    return true;
}

static bool set_nonfatal(struct script_settings *s, const char *text)
{
    size_t bytes;

    for (; *text; text += bytes + strspn(text + bytes, ", ")) {
        bytes = strcspn(text, ", ");
        if (bytes == 6 && memcmp(text, "packet", 6) == 0)
            s->is_nonfatal_packet = true;
        else if (bytes == 7 && memcmp(text, "syscall", 7) == 0)
            s->is_nonfatal_call = true;
        else
            return false;
    }
    return true;
}

static bool set_version(struct parser *p, const char *text)
{
    enum ip_version version;

    if (!ip_version_find(text, &version))
        return false;
    p->script->has_version = true;
    p->script->version = version;
    return true;
}

static bool add_definition(struct parser *p, const char *text)
{
    const char *equals = strchr(text, '=');
    struct script *s = p->script;
    struct definition *all;

    if (!equals || equals == text)
        return false;
    all = parse_alloc(p, (s->definition_count + 1) * sizeof *all);
    if (!all)
        return true;
    if (s->definition_count)
        memcpy(all, s->definitions, s->definition_count * sizeof *all);
    all[s->definition_count].name = script_copy(p->memory, text, (size_t)(equals - text));
    all[s->definition_count].value = script_copy(p->memory, equals + 1, strlen(equals + 1));
    if (!all[s->definition_count].name || !all[s->definition_count].value)
        return parse_alloc(p, SIZE_MAX) == NULL;
    s->definitions = all;
    s->definition_count++;
    return true;
}

enum option_id {
    OPTION_IP_VERSION, OPTION_BIND_PORT, OPTION_CONNECT_PORT, OPTION_REMOTE, OPTION_LOCAL, OPTION_GATEWAY,
    OPTION_NETMASK,
    OPTION_SPEED, OPTION_MSS, OPTION_MTU, OPTION_INIT_SCRIPTS, OPTION_TOLERANCE_USECS, OPTION_TOLERANCE_PERCENT,
    OPTION_ECR_SCALED,
    OPTION_TICK, OPTION_STRICT, OPTION_NON_FATAL, OPTION_DRY, OPTION_ANYIP, OPTION_OMIT_FREE, OPTION_PSP_PORT,
    OPTION_SOCKOPT,
    OPTION_DEFINE, OPTION_IGNORED, OPTION_WIRE, OPTION_CODE,
};

static const struct option_row {
    const char *name;
    enum option_id id;
    const char *value; /* what it is called in errors; NULL: the option has none */
} rows[] = {
    { "ip_version", OPTION_IP_VERSION, "ipv4, ipv4-mapped-ipv6 or ipv6" },
    { "bind_port", OPTION_BIND_PORT, "a port" },
    { "connect_port", OPTION_CONNECT_PORT, "a port" },
    { "remote_ip", OPTION_REMOTE, "an address" },
    { "local_ip", OPTION_LOCAL, "an address" },
    { "gateway_ip", OPTION_GATEWAY, "an address" },
    { "netmask_ip", OPTION_NETMASK, "a mask" },
    { "speed", OPTION_SPEED, "a speed in Mbit/s" },
    { "mss", OPTION_MSS, "a number of bytes from 1 to 65535" },
    { "mtu", OPTION_MTU, "a number of bytes from 68 to 65535" },
    { "init_scripts", OPTION_INIT_SCRIPTS, "names of files" },
    { "tolerance_usecs", OPTION_TOLERANCE_USECS, "a positive number of microseconds" },
    { "tolerance_percent", OPTION_TOLERANCE_PERCENT, "a number from 0 to 100" },
    { "tcp_ts_ecr_scaled", OPTION_ECR_SCALED, NULL },
    { "tcp_ts_tick_usecs", OPTION_TICK, "a number of microseconds up to 1000000" },
    { "strict_segments", OPTION_STRICT, NULL },
    { "non_fatal", OPTION_NON_FATAL, "packet, syscall or both" },
    { "dry_run", OPTION_DRY, NULL },
    { "is_anyip", OPTION_ANYIP, NULL },
    { "send_omit_free", OPTION_OMIT_FREE, NULL },
    { "psp_udp_port", OPTION_PSP_PORT, "a port" },
    { "code_sockopt", OPTION_SOCKOPT, "the name of a socket option" },
    { "code_command", OPTION_CODE, "python3" },
    { "code_format", OPTION_CODE, "python" },
    { "define", OPTION_DEFINE, "NAME=VALUE" },
    { "verbose", OPTION_IGNORED, NULL },
    { "debug", OPTION_IGNORED, NULL },
    { "wire_client", OPTION_WIRE, NULL },
    { "wire_server", OPTION_WIRE, NULL },
    { "wire_server_ip", OPTION_WIRE, "an address" },
    { "wire_server_at", OPTION_WIRE, "an address" },
    { "wire_server_port", OPTION_WIRE, "a port" },
    { "wire_client_dev", OPTION_WIRE, "a device" },
    { "wire_server_dev", OPTION_WIRE, "a device" },
    { "so_filename", OPTION_IGNORED, "a file" },
    { "so_flags", OPTION_IGNORED, "flags" },
};

/* False: the value is not what the option takes. */
static bool apply(struct parser *p, const struct option_row *row, const char *value)
{
    struct script_settings *s = &p->script->settings;
    uint64_t number = 0;
    bool is_right = true;

    switch (row->id) {
    case OPTION_IP_VERSION: return set_version(p, value);
    case OPTION_BIND_PORT:
        is_right = set_number(value, 1, 65535, &number);
        s->bind_port = (uint16_t)number;
        break;
    case OPTION_CONNECT_PORT:
        is_right = set_number(value, 1, 65535, &number);
        s->connect_port = (uint16_t)number;
        break;
    case OPTION_REMOTE: return set_address(s, value, s->remote_address, &s->remote_prefix);
    case OPTION_LOCAL: return set_local(s, value);
    case OPTION_GATEWAY: return set_address(s, value, s->gateway_address, NULL);
    case OPTION_NETMASK: return set_netmask(s, value);
    case OPTION_SPEED: return set_number(value, 1, UINT_MAX, &s->speed_mbits);
    case OPTION_MSS: is_right = set_number(value, 1, 65535, &number); s->mss_bytes = (unsigned)number; break;
    case OPTION_MTU: is_right = set_number(value, 68, 65535, &number); s->mtu_bytes = (unsigned)number; break;
    case OPTION_INIT_SCRIPTS: s->init_scripts = script_copy(p->memory, value, strlen(value)); break;
    case OPTION_TOLERANCE_USECS:
        is_right = set_number(value, 1, 1000000000000, &number);
        s->tolerance_ns = number * 1000;
        break;
    case OPTION_TOLERANCE_PERCENT: return set_permille(value, &s->tolerance_permille);
    case OPTION_ECR_SCALED: s->is_timestamp_echo_scaled = true; break;
    case OPTION_TICK: is_right = set_number(value, 0, 1000000, &number); s->timestamp_tick_us = (unsigned)number; break;
    case OPTION_STRICT: s->is_strict_segments = true; break;
    case OPTION_NON_FATAL: return set_nonfatal(s, value);
    case OPTION_DRY: s->is_dry = true; break;
    case OPTION_ANYIP: s->is_anyip = true; break;
    case OPTION_OMIT_FREE: s->is_send_omit_free = true; break;
    case OPTION_PSP_PORT: parse_unsupported(p, "it needs PSP, which weir does not have"); break;
    case OPTION_WIRE: parse_unsupported(p, "it needs two hosts and a wire (--%s)", row->name); break;
    case OPTION_SOCKOPT: s->socket_option = script_copy(p->memory, value, strlen(value)); break;
    case OPTION_CODE: return strcmp(value, row->value) == 0;
    case OPTION_DEFINE: return add_definition(p, value);
    case OPTION_IGNORED: break;
    }
    return is_right;
}

bool parse_one_option(struct parser *p, struct script_place place, const char *name, const char *value)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strcmp(rows[i].name, name) != 0)
            continue;
        if (value && !rows[i].value)
            parse_wrong(p, place, "expected no value for --%s, found '%s'", name, value);
        else if (!value && rows[i].value)
            parse_wrong(p, place, "expected %s for --%s, found nothing", rows[i].value, name);
        else if (!apply(p, &rows[i], value))
            parse_wrong(p, place, "expected %s for --%s, found '%s'", rows[i].value, name, value);
        return !p->has_failed;
    }
    parse_wrong(p, place, "expected an option of packetdrill, found '--%s'", name);
    return false;
}

static void quote(struct parser *p, char *out, size_t bytes)
{
    char mark = p->token.kind == TOKEN_STRING ? '"' : p->token.kind == TOKEN_BACKTICK ? '`' : '\0';

    snprintf(out, bytes, "%.*s%.*s%.*s", mark != '\0', &mark, (int)p->token.bytes, p->token.text, mark != '\0', &mark);
    parse_next(p);
}

/* NAME, or NAME=VALUE where the value keeps its quotes; ipv4-mapped-ipv6 and 10.0.0.0/8 come as several tokens. */
static void take_value(struct parser *p, char *out, size_t bytes)
{
    size_t used;
    char right[256];

    out[0] = '\0';
    if (p->token.kind == TOKEN_END || p->token.kind == TOKEN_OPTION || p->token.kind == TOKEN_SIGN ||
        p->token.kind == TOKEN_CODE || p->token.kind == TOKEN_ELLIPSIS || p->token.bytes >= sizeof right) {
        parse_expected(p, "a value");
        return;
    }
    used = (size_t)snprintf(out, bytes, "%.*s", (int)p->token.bytes, p->token.text);
    parse_next(p);
    while ((parse_at(p, "-") || parse_at(p, "/")) && used + 64 < bytes && p->token.text[-1] != ' ') {
        char sign = p->token.text[0];

        parse_next(p);
        used += (size_t)snprintf(out + used, bytes - used, "%c%.*s", sign,
                                 (int)(p->token.bytes < 32 ? p->token.bytes : 32), p->token.text);
        parse_next(p);
    }
    if (parse_at(p, "=")) {
        parse_next(p);
        if (p->token.bytes >= sizeof right - 2 || p->token.kind == TOKEN_END)
            parse_expected(p, "a value");
        quote(p, right, sizeof right);
        snprintf(out + used, bytes - used, "=%s", right);
    }
}

static void parse_script_options(struct parser *p)
{
    while (p->token.kind == TOKEN_OPTION) {
        struct script_place place = p->token.place;
        char name[64], value[1024];
        bool has_value;

        if (p->token.bytes >= sizeof name) {
            parse_expected(p, "an option of packetdrill");
            return;
        }
        snprintf(name, sizeof name, "%.*s", (int)p->token.bytes, p->token.text);
        parse_next(p);
        has_value = parse_take(p, "=");
        if (has_value)
            take_value(p, value, sizeof value);
        if (!p->has_failed)
            parse_one_option(p, place, name, has_value ? value : NULL);
    }
}

/* With 1520 bytes scripts for all versions see the same MSS. One that says in its name that it is for IPv6 alone has
 * its own numbers, those of an ordinary device. */
static void choose_mtu(struct parser *p)
{
    size_t bytes = strlen(p->script->path);

    if (bytes >= 6 && strcmp(p->script->path + bytes - 6, "v6.pkt") == 0)
        p->script->settings.mtu_bytes = TUN_MTU;
}

/* In the order in which the later wins: defaults, the script, the user. */
void parse_options(struct parser *p, const struct script_choice *choice)
{
    const struct version_defaults *v = &versions[choice->version];
    struct script_place nowhere = { 0, 0 };
    char text[128];

    parse_default_settings(&p->script->settings, choice->version);
    choose_mtu(p);
    for (unsigned i = 0; v->definitions[i].name; i++) {
        snprintf(text, sizeof text, "%s=%s", v->definitions[i].name, v->definitions[i].value);
        add_definition(p, text);
    }
    parse_script_options(p);
    for (unsigned i = 0; i < choice->option_count && !p->has_failed; i++)
        parse_one_option(p, nowhere, choice->options[i].name, choice->options[i].value);
    if (p->has_failed)
        return;
    /* The token after the options was read before all definitions were known. */
    p->lexer.at = p->token.raw;
    p->lexer.place = p->token.place;
    parse_next(p);
}
