/* What the files of the commands share: a session, texts that grow, the table of builtins. */
#ifndef DRILL_COMMAND_SHELL_H
#define DRILL_COMMAND_SHELL_H

#include "drill/command.h"

#include <stdbool.h>
#include <stdint.h>

struct text_buffer {
    char *data; /* NULL: empty; else ends with a NUL */
    size_t bytes, room;
    bool is_broken; /* no memory: what came after is lost */
};

void buffer_add(struct text_buffer *b, const char *text, size_t bytes);
void buffer_print(struct text_buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
const char *buffer_text(const struct text_buffer *b);
void buffer_free(struct text_buffer *b);

enum { COMMAND_PATH_BYTES = 1024, COMMAND_VARIABLES = 64, SAVED_SYSCTLS = 64, STATUS_UNSUPPORTED = -1 };

struct saved_sysctl {
    char path[COMMAND_PATH_BYTES];
    char value[1024];
};

struct commands {
    struct command_machine machine;
    struct text_buffer errors;          /* what the commands said to their stderr */
    char unsupported[256];              /* not empty: the script needs this, and is skipped */
    unsigned variable_count;
    struct { char name[64], value[256]; } variables[COMMAND_VARIABLES];
    unsigned saved_count;
    bool has_saved;                     /* set_sysctls.py ran */
    struct saved_sysctl saved[SAVED_SYSCTLS];
    bool has_root_qdisc, has_no_tso, has_no_gso;
    struct counter_row *counters;       /* what the last nstat saw */
    size_t counter_count;
    unsigned depth;                     /* of scripts that run scripts */
};

/* One command of a pipeline, its words expanded and its redirections taken away. */
struct invocation {
    struct commands *c;
    int argc;
    char **argv;                        /* argv[argc] is NULL */
    const char *in;                     /* what the pipe brings; NULL: nothing */
    struct text_buffer *out, *err;
};

/* Exit statuses; STATUS_UNSUPPORTED after unsupported(). */
int unsupported(struct commands *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* says so on stderr, status 1 */
int usage(struct invocation *i, const char *format, ...) __attribute__((format(printf, 2, 3)));

typedef int builtin_function(struct invocation *i);
struct builtin_row {
    const char *name;
    builtin_function *run;
};
extern const struct builtin_row builtin_rows[]; /* ends with a NULL name */

int shell_run(struct commands *c, const char *text, struct text_buffer *out, struct text_buffer *err);
int shell_run_file(struct commands *c, const char *path, struct text_buffer *out, struct text_buffer *err);

/* Files as commands see them: those of the machine below /proc/net, /proc/sys/net, /sys/module; the host's below /tmp.
 * 0 or -errno; STATUS_UNSUPPORTED_FILE for others. */
enum { STATUS_UNSUPPORTED_FILE = -100000 };
int file_read(struct commands *c, const char *path, struct text_buffer *out);
int file_write(struct commands *c, const char *path, const char *text, size_t bytes, bool is_append);
/* relative to the script's directory */
void file_path(const struct commands *c, const char *name, char *out, size_t bytes);

int command_tcp_metrics(struct invocation *i, int at); /* ip tcp_metrics, from word `at` on */
builtin_function builtin_sysctl, builtin_set_sysctls, builtin_restore_sysctls, builtin_ip, builtin_tc, builtin_ethtool,
    builtin_nstat,
    builtin_cat, builtin_grep, builtin_echo, builtin_sleep, builtin_host_file;

#endif
