#include "cli/commands.h"

#include "runner/low_numbers.h"
#include "runner/machine_process.h"
#include "runner/rendezvous.h"
#include "runner/spawn.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ATTEMPTS = 10, OPTION_LOW_NUMBERS = 256 };

static bool insists_on_low_numbers(const char *command)
{
    const char *slash = strrchr(command, '/'), *wish = getenv("WEIR_LOW_NUMBERS");

    return (wish && *wish && strcmp(wish, "0") != 0) || low_numbers_insisted_on(slash ? slash + 1 : command);
}

struct run_options {
    const char *machine;
    struct spawn_options spawn;
};

/* -1 to go on, or an exit status. */
static int parse(int argc, char **argv, struct run_options *options)
{
    static const struct option longs[] = {
        { "machine", required_argument, NULL, 'm' }, { "low-numbers", no_argument, NULL, OPTION_LOW_NUMBERS },
        { "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 }
    };
    int option;

    *options = (struct run_options){ .machine = "default" };
    optind = opterr = 0;
    while ((option = getopt_long(argc, argv, "+m:h", longs, NULL)) != -1) {
        if (option == 'h') {
            print_help(command_find("run"));
            return 0;
        }
        if (option == 'm')
            options->machine = optarg;
        else if (option == OPTION_LOW_NUMBERS)
            options->spawn.wants_low_numbers = true;
        else
            complain_usage("run", "run: %s is not understood, or lacks its value", argv[optind - 1]);
        if (option == '?')
            return EXIT_WEIR_FAILED;
    }
    if (optind >= argc)
        complain_usage("run", "run: which command?");
    else if (!rendezvous_name_is_valid(options->machine))
        complain_usage("run", "run: '%s': a machine's name has letters, digits, '.', '_' and '-'", options->machine);
    else
        return -1;
    return EXIT_WEIR_FAILED;
}

int command_run(int argc, char **argv)
{
    struct run_options options;
    struct machine_failure machine_failure = { "" };
    struct spawn_failure failure = { "" };
    int status = parse(argc, argv, &options), control;

    if (status >= 0)
        return status;
    options.spawn.argv = argv + optind;
    options.spawn.wants_low_numbers |= insists_on_low_numbers(argv[optind]);
    status = SPAWN_AGAIN;
    for (int attempt = 0; status == SPAWN_AGAIN && attempt < ATTEMPTS; attempt++) {
        control = machine_process_connect(options.machine, &machine_failure);
        if (control < 0)
            return complain(EXIT_WEIR_FAILED, "%s", machine_failure.text);
        status = spawn_on_machine(control, &options.spawn, &failure);
        close(control);
    }
    return complain(status == SPAWN_AGAIN ? EXIT_WEIR_FAILED : status, "%s", failure.text);
}
