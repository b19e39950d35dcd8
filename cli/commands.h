/* The weir command's subcommands. Each gets its own argc and argv (argv[0] is its name) and returns an exit status. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include <stdbool.h>

enum { EXIT_USAGE = 2 };

struct command {
    const char *name;
    const char *arguments; /* for the usage line */
    const char *summary;   /* one line */
    const char *details;   /* options and more, for --help */
    int (*run)(int argc, char **argv);
};

extern const struct command commands[];
const struct command *command_find(const char *name); /* NULL: there is none */

int command_run(int argc, char **argv);
int command_up(int argc, char **argv);
int command_down(int argc, char **argv);
int command_ls(int argc, char **argv);
int command_cat(int argc, char **argv);
int command_listeners(int argc, char **argv);
int command_drops(int argc, char **argv);
int command_referee(int argc, char **argv);
int command_drill(int argc, char **argv);
int command_sim(int argc, char **argv);

/* Says "weir: ..." on stderr and returns status. */
int complain(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Points at --help and returns EXIT_USAGE. */
int complain_usage(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));
void print_help(const struct command *command);

/* What -m, --help and wrong options have in common. Returns -1 to go on, or an exit status. */
struct common_options {
    const char *machine;
};
int parse_common(int argc, char **argv, struct common_options *options);

#endif
