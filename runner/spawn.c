#include "runner/spawn.h"

#include "runner/control.h"
#include "runner/filter.h"
#include "runner/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

static int fail(struct spawn_failure *failure, int status, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(failure->text, sizeof(failure->text), format, arguments);
    va_end(arguments);
    return status;
}

/* The range of weir fds begins above the ones this process still needs after the filter is there. */
static unsigned choose_fd_base(int control, int spare)
{
    struct rlimit limit = { .rlim_cur = 1024 };
    int highest = control > spare ? control : spare;
    unsigned base;

    getrlimit(RLIMIT_NOFILE, &limit);
    base = filter_fd_base(limit.rlim_cur);
    return base > (unsigned)highest ? base : (unsigned)highest + 1;
}

/* With CAP_SYS_ADMIN no_new_privs is left alone, so sudo-like programs and sshd work. */
static int install(const struct filter_options *options)
{
    int listener = filter_install(options);

    if (listener == -EACCES) {
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
            return -errno;
        listener = filter_install(options);
    }
    return listener;
}

int spawn_install_filter(int highest_fd, unsigned *fd_base, struct spawn_failure *failure)
{
    int spare = fcntl(highest_fd, F_DUPFD_CLOEXEC, 0);
    struct filter_options options = { .keep_dumpable = geteuid() != 0 };
    int listener;

    if (spare < 0)
        return fail(failure, -errno, "cannot prepare: %s", strerror(errno));
    *fd_base = options.fd_base = choose_fd_base(highest_fd, spare);
    close(spare); /* its number is the listener's */
    listener = install(&options);
    if (listener == -EBUSY)
        return fail(failure, listener, "this process is already under a seccomp supervisor (weir inside weir?)");
    if (listener < 0)
        return fail(failure, listener, "this kernel does not offer seccomp user notification as needed: %s",
                    strerror(-listener));
    return listener;
}

int spawn_exec(char *const *argv, struct spawn_failure *failure)
{
    execvp(argv[0], argv);
    return fail(failure, errno == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_EXECUTE, "%s: %s", argv[0], strerror(errno));
}

static int become_command(int control, char *const *argv, struct spawn_failure *failure)
{
    struct control_request request = { .verb = CONTROL_RUN };
    struct control_reply reply = { 0 };
    int listener = spawn_install_filter(control, &request.fd_base, failure);
    int error;

    if (listener < 0)
        return EXIT_WEIR_FAILED;
    request.number = listener;
    error = control_ask_filtered(control, &request, &reply);
    if (error < 0)
        return fail(failure, EXIT_WEIR_FAILED, "the machine did not take the program: %s", strerror(-error));
    close(listener);
    return spawn_exec(argv, failure);
}

int spawn_on_machine(int control, char *const *argv, struct spawn_failure *failure)
{
    struct control_request request = { .verb = CONTROL_PROBE, .number = control };
    struct control_reply reply = { 0 };
    int error = control_ask(control, &request, &reply, NULL);

    if (error == -EPERM || (error == 0 && secure_getenv("WEIR_SUPERVISE")))
        return supervisor_run(control, argv, failure);
    if (error < 0) {
        fail(failure, EXIT_WEIR_FAILED, "the machine does not answer: %s", strerror(-error));
        return error == -ECONNRESET || error == -EPIPE ? SPAWN_AGAIN : EXIT_WEIR_FAILED;
    }
    return become_command(control, argv, failure);
}
