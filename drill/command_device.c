/* tc, ethtool, nstat: what scripts do with the device, and counters. */
#include "drill/command_shell.h"

#include <weir/device.h>
#include <weir/socket.h>

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RTNETLINK_STATUS = 2 };

static int tc_unknown(struct invocation *i, int from)
{
    char text[200] = "";
    size_t used = 0;

    for (int a = from; a < i->argc && used < sizeof text; a++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", a > from ? " " : "", i->argv[a]);
    return unsupported(i->c, "it runs 'tc ... %s', and a weir device has no such queue", text);
}

/* netem's words are those of weir's links, but for the signs between. */
static int set_netem(struct invocation *i, int at)
{
    struct weir_link_faults faults;
    const char *bad;
    char text[512] = "";
    size_t used = 0;

    for (; at + 1 < i->argc; at += 2) {
        const char *name = i->argv[at];

        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s=%s", used ? "," : "", name, i->argv[at + 1]);
        if (strcmp(name, "delay") == 0 && at + 2 < i->argc && i->argv[at + 2][0] >= '0' && i->argv[at + 2][0] <= '9') {
            used += (size_t)snprintf(text + used, sizeof text - used, ",jitter=%s", i->argv[at + 2]);
            at++;
        }
        if (used >= sizeof text)
            return tc_unknown(i, at);
    }
    if (at < i->argc || weir_link_faults_parse(text, &faults, &bad))
        return tc_unknown(i, 1);
    return weir_device_faults(i->c->machine.machine, i->c->machine.device, true, &faults) ? RTNETLINK_STATUS : 0;
}

/* Queues that hold nothing back on a device that is always ready: there is nothing to set up. */
static int set_qdisc(struct invocation *i, int at)
{
    static const char *const kinds[] = { "pfifo", "bfifo", "pfifo_fast", "noqueue", "fq", "fq_codel", "mq" };
    const char *kind = at < i->argc ? i->argv[at++] : "";

    if (strcmp(kind, "netem") == 0)
        return set_netem(i, at);
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        if (strcmp(kinds[k], kind) != 0)
            continue;
        weir_device_pace(i->c->machine.machine, i->c->machine.device, strcmp(kind, "fq") == 0);
        if (at == i->argc)
            return 0;
        if (at + 2 != i->argc || strcmp(i->argv[at], "limit") != 0)
            break;
        if (strtoul(i->argv[at + 1], NULL, 10) == 0)
            weir_device_block(i->c->machine.machine, i->c->machine.device, true);
        return 0;
    }
    return tc_unknown(i, 1);
}

/* tc qdisc add|replace|change|delete dev D root [handle H:] KIND [...]. */
int builtin_tc(struct invocation *i)
{
    const char *verb = i->argc > 2 ? i->argv[2] : "";
    bool is_delete = strcmp(verb, "del") == 0 || strcmp(verb, "delete") == 0, is_add = strcmp(verb, "add") == 0;
    int at = 6, status;

    if (i->argc < 6 || strcmp(i->argv[1], "qdisc") != 0 || strcmp(i->argv[3], "dev") != 0 ||
        strcmp(i->argv[5], "root") != 0)
        return tc_unknown(i, 1);
    if (strcmp(i->argv[4], i->c->machine.device) != 0) {
        buffer_print(i->err, "Cannot find device \"%s\"\n", i->argv[4]);
        return 1;
    }
    if (!is_delete && !is_add && strcmp(verb, "replace") != 0 && strcmp(verb, "change") != 0)
        return tc_unknown(i, 1);
    if (is_add && i->c->has_root_qdisc) {
        buffer_print(i->err, "Error: Exclusivity flag on, cannot modify.\n");
        return RTNETLINK_STATUS;
    }
    if (is_delete && !i->c->has_root_qdisc) {
        buffer_print(i->err, "Error: Cannot delete qdisc with handle of zero.\n");
        return RTNETLINK_STATUS;
    }
    if (at + 1 < i->argc && strcmp(i->argv[at], "handle") == 0)
        at += 2;
    weir_device_faults(i->c->machine.machine, i->c->machine.device, true, NULL);
    weir_device_block(i->c->machine.machine, i->c->machine.device, false);
    weir_device_pace(i->c->machine.machine, i->c->machine.device, false);
    status = is_delete ? 0 : set_qdisc(i, at);
    if (!status)
        i->c->has_root_qdisc = !is_delete;
    return status;
}

/* ethtool -K DEVICE FEATURE on|off...: those of segmentation matter; others change nothing that a script can see. */
int builtin_ethtool(struct invocation *i)
{
    static const char *const harmless[] = { "gro", "lro", "tx", "rx", "sg", "rxhash", "rxvlan", "txvlan", "ufo",
        "generic-receive-offload", "large-receive-offload", "tx-checksumming", "rx-checksumming", "scatter-gather" };

    if (i->argc < 5 || i->argc % 2 == 0 ||
        (strcmp(i->argv[1], "-K") != 0 && strcmp(i->argv[1], "--offload") != 0 &&
         strcmp(i->argv[1], "--features") != 0))
        return unsupported(i->c, "it runs 'ethtool %s', which weir drill does not know", i->argc > 1 ? i->argv[1] : "");
    for (int a = 3; a + 1 < i->argc; a += 2) {
        const char *name = i->argv[a];
        bool is_off = strcmp(i->argv[a + 1], "off") == 0, is_known = false;

        if (strcmp(name, "tso") == 0 || strcmp(name, "tcp-segmentation-offload") == 0) {
            i->c->has_no_tso = is_off;
            continue;
        }
        if (strcmp(name, "gso") == 0 || strcmp(name, "generic-segmentation-offload") == 0) {
            i->c->has_no_gso = is_off;
            continue;
        }
        for (size_t h = 0; h < sizeof harmless / sizeof harmless[0]; h++)
            is_known |= strcmp(harmless[h], name) == 0;
        if (!is_known)
            return unsupported(i->c, "it runs 'ethtool -K ... %s', which a weir device does not have", name);
    }
    if (weir_tun_offload(i->c->machine.machine, i->argv[2], !i->c->has_no_tso && !i->c->has_no_gso))
        return usage(i, "Cannot get device information: No such device");
    return 0;
}

struct counter_row {
    char name[64];
    unsigned long long value;
};

static struct counter_row *find_counter(struct counter_row *rows, size_t count, const char *name)
{
    for (size_t r = 0; r < count; r++)
        if (strcmp(rows[r].name, name) == 0)
            return &rows[r];
    return NULL;
}

static bool add_counter(struct counter_row **rows, size_t *count, const char *prefix, const char *name, size_t bytes,
                        unsigned long long value)
{
    struct counter_row *more = realloc(*rows, (*count + 1) * sizeof **rows);

    if (!more)
        return false;
    *rows = more;
    snprintf(more[*count].name, sizeof more[*count].name, "%s%.*s", prefix, (int)bytes, name);
    more[(*count)++].value = value;
    return true;
}

/* /proc/net/snmp and netstat: a line of names, then one of numbers, both with a prefix. */
static void read_pairs(const char *text, struct counter_row **rows, size_t *count)
{
    while (*text) {
        const char *names = text, *values = strchr(text, '\n'), *end = values ? strchr(values + 1, '\n') : NULL;
        char prefix[32];
        size_t name_bytes, value_bytes;

        if (!values)
            return;
        values++;
        snprintf(prefix, sizeof prefix, "%.*s", (int)strcspn(names, ":\n"), names);
        names += strcspn(names, " \n");
        values += strcspn(values, " \n");
        while (*names == ' ' && *values == ' ') {
            name_bytes = strcspn(++names, " \n");
            value_bytes = strcspn(++values, " \n");
            if (name_bytes && !add_counter(rows, count, prefix, names, name_bytes, strtoull(values, NULL, 10)))
                return;
            names += name_bytes;
            values += value_bytes;
        }
        text = end ? end + 1 : values + strlen(values);
    }
}

/* /proc/net/snmp6: a name and a number in each line. */
static void read_lines(const char *text, struct counter_row **rows, size_t *count)
{
    for (size_t line; *text; text += line + (text[line] == '\n')) {
        size_t name = strcspn(text, " \t\n");

        line = strcspn(text, "\n");
        if (name < line && !add_counter(rows, count, "", text, name, strtoull(text + name, NULL, 10)))
            return;
    }
}

static struct counter_row *read_counters(struct commands *c, size_t *count)
{
    static const char *const files[] = { "/proc/net/snmp", "/proc/net/snmp6", "/proc/net/netstat" };
    struct counter_row *rows = NULL;

    *count = 0;
    for (unsigned f = 0; f < 3; f++) {
        struct text_buffer text = { 0 };

        if (file_read(c, files[f], &text) == 0)
            (f == 1 ? read_lines : read_pairs)(buffer_text(&text), &rows, count);
        buffer_free(&text);
    }
    return rows;
}

static bool is_asked(struct invocation *i, int first, const char *name)
{
    bool is_match = first == i->argc;

    for (int a = first; a < i->argc; a++)
        is_match |= fnmatch(i->argv[a], name, FNM_CASEFOLD) == 0;
    return is_match;
}

/* nstat [-asnz] [PATTERN...]: what was counted since it last ran. */
int builtin_nstat(struct invocation *i)
{
    bool is_absolute = false, is_kept = false, is_quiet = false, has_zeros = false;
    size_t count;
    struct counter_row *rows = read_counters(i->c, &count), *before;
    int first = 1;

    for (; first < i->argc && i->argv[first][0] == '-'; first++) {
        is_absolute |= strchr(i->argv[first], 'a') != NULL;
        is_kept |= strchr(i->argv[first], 's') != NULL;
        is_quiet |= strchr(i->argv[first], 'n') != NULL;
        has_zeros |= strchr(i->argv[first], 'z') != NULL;
    }
    if (!is_quiet)
        buffer_print(i->out, "#kernel\n");
    for (size_t r = 0; r < count && !is_quiet; r++) {
        unsigned long long value = rows[r].value;

        before = is_absolute ? NULL : find_counter(i->c->counters, i->c->counter_count, rows[r].name);
        value -= before ? before->value : 0;
        if ((value || has_zeros) && is_asked(i, first, rows[r].name))
            buffer_print(i->out, "%-32s%-16llu%s\n", rows[r].name, value, "0.0");
    }
    if (is_kept) {
        free(rows);
        return 0;
    }
    free(i->c->counters);
    i->c->counters = rows;
    i->c->counter_count = count;
    return 0;
}
