#include "cli/commands.h"
#include "runner/tap_options.h"

#include "runner/control.h"
#include "runner/machine_process.h"
#include "runner/rendezvous.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OPTION_TAP = 256, OPTION_LINK, OPTION_PCAP, OPTION_SEED, OPTION_FOREGROUND };

static const struct option longs[] = {
    { "machine", required_argument, NULL, 'm' },
    { "tap", required_argument, NULL, OPTION_TAP },
    { "link", required_argument, NULL, OPTION_LINK },
    { "pcap", required_argument, NULL, OPTION_PCAP },
    { "seed", required_argument, NULL, OPTION_SEED },
    { "foreground", no_argument, NULL, OPTION_FOREGROUND },
    { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 },
};

static const char *take_name(struct machine_options *options, const char *name)
{
    if (!rendezvous_name_is_valid(name))
        return "-m: a machine's name has letters, digits, '.', '_' and '-'";
    snprintf(options->name, sizeof(options->name), "%s", name);
    return NULL;
}

static const char *take_tap(struct machine_options *options, const char *text)
{
    if (options->tap_count == TAPS_MAX)
        return "--tap: too many TAP interfaces";
    return tap_options_parse(text, &options->taps[options->tap_count++]);
}

static const char *take_link(struct machine_options *options, const char *text)
{
    static char wrong[128];
    const char *bad = text;

    options->has_link = true;
    if (weir_link_faults_parse(text, &options->link, &bad) == 0)
        return NULL;
    snprintf(wrong, sizeof(wrong), "--link: not understood from '%.60s' on", bad);
    return wrong;
}

/* The machine leaves the current directory. */
static const char *take_pcap(struct machine_options *options, const char *path)
{
    char directory[2048] = "";

    if (!path[0])
        return "--pcap: which file?";
    if (path[0] != '/' && !getcwd(directory, sizeof(directory)))
        return "--pcap: the current directory has no name";
    if ((size_t)snprintf(options->pcap_path, sizeof(options->pcap_path), "%s%s%s", directory, directory[0] ? "/" : "",
                         path) >= sizeof(options->pcap_path))
        return "--pcap: the file's name is too long";
    return NULL;
}

static const char *take_seed(struct machine_options *options, const char *text)
{
    char *end;

    errno = 0;
    options->seed = strtoull(text, &end, 0);
    return !isdigit((unsigned char)*text) || *end || errno || options->seed == 0
               ? "--seed: a number from 1 to 18446744073709551615" : NULL;
}

static const char *take_option(struct machine_options *options, int option, const char *text)
{
    switch (option) {
    case 'm':
        return take_name(options, text);
    case OPTION_TAP:
        return take_tap(options, text);
    case OPTION_LINK:
        return take_link(options, text);
    case OPTION_PCAP:
        return take_pcap(options, text);
    case OPTION_SEED:
        return take_seed(options, text);
    case OPTION_FOREGROUND:
        options->foreground = true;
        return NULL;
    default: /* '?' was dealt with */
        return NULL;
    }
}

/* A machine that a `weir run` started can be told to stay, not to change its devices. */
static int keep_running_one(const struct machine_options *options)
{
    struct control_request request = { .verb = CONTROL_KEEP };
    struct control_reply reply;
    int socket, error;

    if (options->tap_count || options->has_link || options->pcap_path[0] || options->seed || options->foreground)
        return complain(1, "machine %s runs already; end it first ('weir down -m %s')", options->name, options->name);
    socket = rendezvous_connect(options->name);
    error = socket < 0 ? socket : control_ask(socket, &request, &reply, NULL);
    return error < 0 ? complain(1, "machine %s does not answer: %s", options->name, strerror(-error)) : 0;
}

int command_up(int argc, char **argv)
{
    struct machine_options options = { .name = "default", .keep = true };
    struct machine_failure failure = { "" };
    int option, error;

    optind = opterr = 0;
    while ((option = getopt_long(argc, argv, "+m:h", longs, NULL)) != -1) {
        const char *wrong;

        if (option == 'h') {
            print_help(command_find("up"));
            return 0;
        }
        if (option == '?')
            return complain_usage("up", "up: %s is not understood, or lacks its value", argv[optind - 1]);
        wrong = take_option(&options, option, optarg);
        if (wrong)
            return complain_usage("up", "%s", wrong);
    }
    if (optind < argc)
        return complain_usage("up", "up: takes no %s", argv[optind]);
    error = machine_process_start(&options, &failure);
    if (error == -EEXIST)
        return keep_running_one(&options);
    return error < 0 ? complain(1, "%s", failure.text) : 0;
}
