/* The shell commands of scripts, carried out on the machine by parsers of their few forms: sysctl, ip, tc, ethtool,
 * nstat, writes to /proc/sys, shell scripts made of these. Nothing that concerns the network ever reaches the host;
 * commands on plain files below /tmp do (dd, rm, touch). */
#ifndef DRILL_COMMAND_H
#define DRILL_COMMAND_H

#include <stddef.h>
#include <stdint.h>

struct weir_machine;
struct weir_task;
struct commands;

/* What a session of commands works on; all must outlive it. */
struct command_machine {
    struct weir_machine *machine;
    struct weir_task *task;                     /* root in it */
    const char *device;                         /* the machine's side of the wire; NULL: "tun0" */
    const char *directory;                      /* relative paths start here: the script's own */
    void (*sleep)(void *context, uint64_t ns);  /* lets the machine's time pass */
    void *context;
};

enum command_verdict {
    COMMAND_DONE,
    COMMAND_FAILED,      /* an exit status that is not 0: message has its errors */
    COMMAND_UNSUPPORTED, /* weir has no such thing: message names it, the script is to be skipped */
};

/* A session for one script: what set_sysctls.py changed is remembered for sysctl_restore. NULL: no memory. */
struct commands *commands_create(const struct command_machine *machine);
void commands_destroy(struct commands *commands); /* NULL: nothing */
enum command_verdict commands_run(struct commands *commands, const char *text, char *message, size_t bytes);
/* --init_scripts=FILE,FILE. */
enum command_verdict commands_run_file(struct commands *commands, const char *path, char *message, size_t bytes);

#endif
