/* The machine under test, from within: for the files that make up machine_subject.c. */
#ifndef DRILL_MACHINE_SUBJECT_H
#define DRILL_MACHINE_SUBJECT_H

#include <weir/socket.h>

#include "drill/subject.h"
#include "machine/machine.h"
#include "syscall/call.h"

enum { HOST_FD = 1 << 24, HOST_FILES = 64 }; /* numbers of files and pipes: of this host, above any of the machine's */

struct machine_subject {
    struct subject subject; /* first */
    const struct script *script;
    struct weir_env env;
    struct weir_machine *machine;
    struct weir_task *task;
    struct commands *commands;
    struct subject_packet *packets, **last_packet;
    int host_files[HOST_FILES]; /* -1: closed */
    unsigned host_file_count;
    uint64_t capabilities;
    enum drop_reason newest_drop;
    uint64_t newest_drop_ns;
    uint64_t began_ns;
    bool has_dropped;
};

uint64_t machine_subject_now(struct subject *s);
/* A call of the machine that does not wait. */
int64_t machine_subject_call(struct machine_subject *s, long number, const uint64_t args[6]);
/* Calls on files and pipes, which the machine has none of, and between them and its sockets. False: none of these. */
bool machine_files_call(struct machine_subject *s, struct subject_call *c);
void machine_files_close(struct machine_subject *s);

#endif
