/* weir sim: what it is asked for, and how a failing seed's packets are written. */
#include "cli/commands.h"

#include "runner/pcap.h"
#include "sim/campaign.h"

#include <errno.h>
#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { JOBS_MOST = 256 };

static void write_frame(void *ctx, const char *node, const char *device, uint64_t wall_ns, const void *frame, size_t bytes)
{
    (void)node;
    (void)device;
    pcap_write(ctx, wall_ns, frame, bytes);
}

/* In a process of its own: the seed may end it. */
static bool record(const struct sim_options *options, const char *path)
{
    struct sim_options with_capture = *options;
    struct sim_result *result = calloc(1, sizeof *result);
    struct pcap_file file;
    pid_t pid;
    int error = result ? pcap_open(&file, path) : -ENOMEM;

    if (error) {
        free(result);
        complain(0, "%s: %s", path, strerror(-error));
        return false;
    }
    pid = fork();
    if (pid == 0) {
        with_capture.on_frame = write_frame;
        with_capture.ctx = &file;
        sim_run(&with_capture, result);
        _exit(0);
    }
    pcap_close(&file);
    free(result);
    while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
    return pid > 0;
}

static bool parse_number(const char *text, uint64_t most, uint64_t *out)
{
    char *end;

    errno = 0;
    *out = strtoull(text, &end, 10);
    return !errno && end != text && !*end && text[0] >= '0' && text[0] <= '9' && *out <= most;
}

static bool parse_seeds(const char *text, struct campaign *c)
{
    char first[32];
    const char *dash = strchr(text, '-');
    size_t bytes = dash ? (size_t)(dash - text) : strlen(text);

    if (bytes >= sizeof first)
        return false;
    memcpy(first, text, bytes);
    first[bytes] = '\0';
    return parse_number(first, UINT64_MAX - 1, &c->first) && parse_number(dash ? dash + 1 : first, UINT64_MAX - 1, &c->last) &&
           c->first <= c->last;
}

static bool parse_profile(const char *text, struct campaign *c)
{
    for (unsigned i = 0; i < sim_profile_count(); i++)
        if (strcmp(text, sim_profile_name(i)) == 0) {
            c->profile = (int)i;
            return true;
        }
    return false;
}

static bool take_option(int option, const char *value, struct campaign *c)
{
    uint64_t number = 0;

    switch (option) {
    case 's': return parse_seeds(value, c);
    case 'p': return parse_profile(value, c);
    case 'm':
        if (!parse_number(value, 1000000, &number) || !number) return false;
        c->minutes = (unsigned)number;
        return true;
    case 'j':
        if (!parse_number(value, JOBS_MOST, &number) || !number) return false;
        c->jobs = (unsigned)number;
        return true;
    case 'S':
        if (!parse_number(value, 1000000, &number)) return false;
        c->save_points = (unsigned)number;
        return true;
    case 'J': c->json = value; return true;
    case 'P': c->pcap_directory = value; return true;
    case 'd': c->is_digest_only = true; return true;
    case 'v': c->is_verbose = true; return true;
    default: return false;
    }
}

static int print_sim_help(const char *command)
{
    print_help(command_find(command));
    puts("\nProfiles:");
    for (unsigned i = 0; i < sim_profile_count(); i++)
        printf("  %-10s %s\n", sim_profile_name(i), sim_profile_text(i));
    return 0;
}

int command_sim(int argc, char **argv)
{
    static const struct option longs[] = {
        { "seeds", required_argument, NULL, 's' }, { "profile", required_argument, NULL, 'p' }, { "minutes", required_argument, NULL, 'm' },
        { "jobs", required_argument, NULL, 'j' }, { "save-points", required_argument, NULL, 'S' }, { "json", required_argument, NULL, 'J' },
        { "pcap-dir", required_argument, NULL, 'P' }, { "digest", no_argument, NULL, 'd' }, { "verbose", no_argument, NULL, 'v' },
        { "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 }
    };
    struct campaign c = { .first = 1, .last = 100, .profile = -1, .jobs = 1, .has_progress = isatty(STDERR_FILENO), .record = record };
    struct stat s;
    int option;

    optind = opterr = 0;
    while ((option = getopt_long(argc, argv, "j:vh", longs, NULL)) != -1) {
        if (option == 'h')
            return print_sim_help(argv[0]);
        if (!take_option(option, optarg, &c))
            return complain_usage(argv[0], "sim: %s is not understood, or lacks its value", argv[optind - 1]);
    }
    if (optind < argc)
        return complain_usage(argv[0], "sim: %s is not understood", argv[optind]);
    if (c.pcap_directory && (stat(c.pcap_directory, &s) || !S_ISDIR(s.st_mode)))
        return complain(1, "%s is not a directory", c.pcap_directory);
    return campaign_run(&c);
}
