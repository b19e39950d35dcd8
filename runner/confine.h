/* The machine's process allows itself only what it needs. */
#ifndef RUNNER_CONFINE_H
#define RUNNER_CONFINE_H

/* Installs a seccomp filter for good, on all threads: what starts programs or opens network sockets kills the process, what is not known
 * to be needed fails with EPERM. Needs no_new_privs. 0 or a negative errno. */
int confine_process(void);

#endif
