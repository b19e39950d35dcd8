#include "cli/commands.h"

#include "runner/machine_process.h"
#include "runner/spawn.h"

#include <errno.h>
#include <getopt.h>
#include <unistd.h>

enum { ATTEMPTS = 10 };

int command_run(int argc, char **argv)
{
    struct common_options options;
    struct machine_failure machine_failure = { "" };
    struct spawn_failure failure = { "" };
    int status = parse_common(argc, argv, &options), control;

    if (status >= 0)
        return status == EXIT_USAGE ? EXIT_WEIR_FAILED : status;
    if (optind >= argc) {
        complain_usage("run", "run: which command?");
        return EXIT_WEIR_FAILED;
    }
    status = SPAWN_AGAIN;
    for (int attempt = 0; status == SPAWN_AGAIN && attempt < ATTEMPTS; attempt++) {
        control = machine_process_connect(options.machine, &machine_failure);
        if (control < 0)
            return complain(EXIT_WEIR_FAILED, "%s", machine_failure.text);
        status = spawn_on_machine(control, argv + optind, &failure);
        close(control);
    }
    return complain(status == SPAWN_AGAIN ? EXIT_WEIR_FAILED : status, "%s", failure.text);
}
