/* weir drill: what it is asked for. */
#include "cli/commands.h"

#include "drill/suite.h"

#include <errno.h>
#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { JOBS_MOST = 64, DEFINITIONS_MOST = 64, ALL_VERSIONS = (1 << IP_VERSIONS) - 1 };

struct asked {
    struct suite_options suite;
    struct script_option options[DEFINITIONS_MOST];
};

static bool parse_number(const char *text, const char *end, uint64_t *out)
{
    char *stop;

    errno = 0;
    *out = strtoull(text, &stop, 10);
    return !errno && stop == end && stop != text && text[0] >= '0' && text[0] <= '9';
}

/* N, or A-B. */
static bool parse_seeds(const char *text, struct suite_options *o)
{
    const char *dash = strchr(text, '-'), *end = text + strlen(text);

    return parse_number(text, dash ? dash : end, &o->first_seed) &&
           parse_number(dash ? dash + 1 : text, end, &o->last_seed) &&
           o->first_seed <= o->last_seed && o->last_seed - o->first_seed < 1000000;
}

static bool parse_version(const char *text, struct suite_options *o)
{
    enum ip_version version;

    if (strcmp(text, "all") == 0) {
        o->versions = ALL_VERSIONS;
        return true;
    }
    if (!ip_version_find(text, &version))
        return false;
    o->versions = (unsigned char)((o->has_versions ? o->versions : 0) | 1 << version);
    o->has_versions = true;
    return true;
}

static bool add_option(struct asked *a, const char *name, const char *value)
{
    if (a->suite.option_count == DEFINITIONS_MOST)
        return false;
    a->options[a->suite.option_count++] = (struct script_option){ .name = name, .value = value };
    return true;
}

static bool take_option(int option, const char *value, struct asked *a)
{
    const char *end = value ? value + strlen(value) : NULL;
    uint64_t number;

    switch (option) {
    case 's': return parse_seeds(value, &a->suite);
    case 'i': return parse_version(value, &a->suite);
    case 'D': return strchr(value, '=') && strchr(value, '=') != value && add_option(a, "define", value);
    case 'j':
        if (!parse_number(value, end, &number) || !number || number > JOBS_MOST)
            return false;
        a->suite.jobs = (unsigned)number;
        return true;
    case 'v': a->suite.is_verbose = true; return true;
    case 'q': a->suite.is_quiet = true; return true;
    case 'J': a->suite.is_json = true; return true;
    case 'L': a->suite.is_live = true; return true;
    default: return false;
    }
}

static int run_paths(char **paths, struct asked *a)
{
    struct suite *suite = suite_create(&a->suite);
    int status = 0;

    if (!suite)
        return complain(EXIT_USAGE, "no memory");
    for (; *paths && !status; paths++) {
        int error = suite_add(suite, *paths);

        if (error)
            status = complain(EXIT_USAGE, "%s: %s", *paths, strerror(-error));
    }
    if (!status)
        status = suite_run(suite);
    suite_destroy(suite);
    return status;
}

int command_drill(int argc, char **argv)
{
    static const struct option longs[] = {
        { "seed", required_argument, NULL, 's' }, { "seeds", required_argument, NULL, 's' },
        { "ip", required_argument, NULL, 'i' }, { "define", required_argument, NULL, 'D' },
        { "jobs", required_argument, NULL, 'j' }, { "verbose", no_argument, NULL, 'v' },
        { "quiet", no_argument, NULL, 'q' }, { "json", no_argument, NULL, 'J' }, { "live", no_argument, NULL, 'L' },
        { "help", no_argument, NULL, 'h' },
        /* Packetdrill's own, for all scripts. */
        { "bind_port", required_argument, NULL, 'P' }, { "connect_port", required_argument, NULL, 'P' },
        { "local_ip", required_argument, NULL, 'P' }, { "remote_ip", required_argument, NULL, 'P' },
        { "gateway_ip", required_argument, NULL, 'P' }, { "netmask_ip", required_argument, NULL, 'P' },
        { "mtu", required_argument, NULL, 'P' }, { "mss", required_argument, NULL, 'P' },
        { "speed", required_argument, NULL, 'P' }, { "init_scripts", required_argument, NULL, 'P' },
        { "tolerance_usecs", required_argument, NULL, 'P' }, { "tolerance_percent", required_argument, NULL, 'P' },
        { "tcp_ts_tick_usecs", required_argument, NULL, 'P' }, { "tcp_ts_ecr_scaled", no_argument, NULL, 'P' },
        { "strict_segments", no_argument, NULL, 'P' }, { "non_fatal", required_argument, NULL, 'P' },
        { "is_anyip", no_argument, NULL, 'P' }, { "dry_run", no_argument, NULL, 'P' }, { NULL, 0, NULL, 0 }
    };
    struct asked a = { .suite = { .versions = ALL_VERSIONS, .first_seed = 1, .last_seed = 1, .jobs = 1 } };
    int option, number;

    a.suite.options = a.options;
    optind = opterr = 0;
    while ((option = getopt_long(argc, argv, "D:j:vqh", longs, &number)) != -1) {
        if (option == 'h') {
            print_help(command_find(argv[0]));
            return 0;
        }
        if (!(option == 'P' ? add_option(&a, longs[number].name, optarg) : take_option(option, optarg, &a)))
            return complain_usage(argv[0], "drill: %s is not understood, or lacks its value", argv[optind - 1]);
    }
    if (optind == argc)
        return complain_usage(argv[0], "drill: no script is named");
    return run_paths(argv + optind, &a);
}
