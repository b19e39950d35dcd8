#include "runner/spawn.h"

#include "runner/control.h"
#include "runner/filter.h"
#include "runner/supervisor.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
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

static unsigned choose_fd_base(const struct spawn_options *options)
{
    struct rlimit limit = { .rlim_cur = 1024 };

    if (options->wants_low_numbers)
        return 0;
    getrlimit(RLIMIT_NOFILE, &limit);
    return filter_fd_base(limit.rlim_cur);
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

int spawn_install_filter(const struct spawn_options *options, unsigned *fd_base, struct spawn_failure *failure)
{
    struct filter_options filter = { .fd_base = choose_fd_base(options), .keep_dumpable = geteuid() != 0 };
    int listener = install(&filter);

    *fd_base = filter.fd_base;
    if (listener == -EBUSY)
        fail(failure, 0, "this process is already under a seccomp supervisor (weir inside weir?)");
    else if (listener < 0)
        fail(failure, 0, "this kernel does not offer seccomp user notification as needed: %s", strerror(-listener));
    return listener;
}

int spawn_exec(char *const *argv, struct spawn_failure *failure)
{
    execvp(argv[0], argv);
    return fail(failure, errno == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_EXECUTE, "%s: %s", *argv[0] ? argv[0] : "''",
                strerror(errno));
}

/* Talks to the machine while the calling thread, already under the filter, waits without any call that is trapped. Threads
 * share fds but not filters. */
struct introduction {
    int control;
    int error;
    struct control_request request;
    sem_t has_listener;
};

static void *introduce(void *argument)
{
    struct introduction *introduction = argument;
    struct control_reply reply;

    while (sem_wait(&introduction->has_listener) < 0)
        ;
    if (introduction->request.number >= 0)
        introduction->error = control_ask(introduction->control, &introduction->request, &reply, NULL);
    return NULL;
}

static int become_command(int control, const struct spawn_options *options, struct spawn_failure *failure)
{
    struct introduction introduction = { .control = control, .request = { .verb = CONTROL_RUN } };
    pthread_t thread;
    int listener, error;

    sem_init(&introduction.has_listener, 0, 0);
    error = pthread_create(&thread, NULL, introduce, &introduction);
    if (error)
        return fail(failure, EXIT_WEIR_FAILED, "cannot start a thread: %s", strerror(error));
    listener = spawn_install_filter(options, &introduction.request.fd_base, failure);
    introduction.request.number = listener;
    sem_post(&introduction.has_listener);
    pthread_join(thread, NULL);
    if (listener < 0)
        return EXIT_WEIR_FAILED;
    error = introduction.error;
    close(listener);
    close(control);
    if (error < 0)
        return fail(failure, EXIT_WEIR_FAILED, "the machine did not take the program: %s", strerror(-error));
    return spawn_exec(options->argv, failure);
}

int spawn_on_machine(int control, const struct spawn_options *options, struct spawn_failure *failure)
{
    struct control_request request = { .verb = CONTROL_PROBE, .number = control,
                                       .address = (uint64_t)(uintptr_t)options };
    struct control_reply reply = { 0 };
    int error = control_ask(control, &request, &reply, NULL);

    if (error == -EPERM || (error == 0 && secure_getenv("WEIR_SUPERVISE")))
        return supervisor_run(control, options, failure);
    if (error == -ENOSYS)
        return fail(failure, EXIT_WEIR_FAILED, "this host does not let the machine look into programs (pidfd_getfd): %s",
                    strerror(ENOSYS));
    if (error < 0) {
        fail(failure, EXIT_WEIR_FAILED, "the machine does not answer: %s", strerror(-error));
        return error == -ECONNRESET || error == -EPIPE ? SPAWN_AGAIN : EXIT_WEIR_FAILED;
    }
    return become_command(control, options, failure);
}
