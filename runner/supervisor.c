#include "runner/supervisor.h"

#include "runner/broker.h"
#include "runner/control.h"
#include "runner/fdpass.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Memory that the supervisor and the command's process share: what is trapped cannot be used between them. */
struct handover {
    sem_t is_installed, may_go;
    int listener; /* in the command's process; negative: failed */
    unsigned fd_base;
    int error; /* why the machine does not have it; 0 */
};

/* In the command's process: filter, hand over, wait for the word to go. */
static _Noreturn void start_command(struct handover *handover, const struct spawn_options *options)
{
    struct spawn_failure failure = { "" };
    int status = EXIT_WEIR_FAILED;

    handover->listener = spawn_install_filter(options, &handover->fd_base, &failure);
    sem_post(&handover->is_installed);
    while (sem_wait(&handover->may_go) < 0)
        ;
    if (handover->listener >= 0)
        close(handover->listener); /* the machine has it, or nobody: then the message below must not wait for it */
    if (handover->listener >= 0 && handover->error)
        snprintf(failure.text, sizeof(failure.text), "the machine did not take the program: %s", strerror(-handover->error));
    else if (handover->listener >= 0)
        status = spawn_exec(options->argv, &failure);
    fprintf(stderr, "weir: %s\n", failure.text);
    _exit(status);
}

/* Takes the listener from the command's process, which cannot send it: sending is trapped. */
static int give_listener(int control, pid_t command, const struct handover *handover, int broker_fd)
{
    struct control_request request = { .version = CONTROL_VERSION, .verb = CONTROL_RUN_BROKERED,
                                       .fd_base = handover->fd_base };
    struct control_reply reply;
    int fds[2] = { -1, broker_fd };
    int error;

    fds[0] = broker_take_fd(command, handover->listener);
    if (fds[0] < 0)
        return fds[0];
    error = fdpass_send(control, &request, sizeof(request), fds, 2);
    close(fds[0]);
    if (error < 0)
        return error;
    if (fdpass_receive(control, &reply, sizeof(reply), NULL, 0) != sizeof(reply))
        return -ECONNRESET;
    return reply.error;
}

static void leave_the_terminal(void)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    setpgid(0, 0);
    for (int fd = 0; fd < 3 && null >= 0; fd++)
        dup2(null, fd);
}

/* Reaps all that ended. Returns whether anything is left; *status gets the command's. */
static bool reap(pid_t command, int report_fd)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == command && write(report_fd, &status, sizeof(status)) < 0)
            return true; /* nobody waits for it any more */
    }
    return pid == 0;
}

static _Noreturn void serve(int broker_fd, int signal_fd, pid_t command, int report_fd)
{
    struct pollfd fds[] = { { .fd = signal_fd, .events = POLLIN }, { .fd = broker_fd, .events = POLLIN } };

    while (reap(command, report_fd)) {
        struct signalfd_siginfo info;

        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            break;
        if ((fds[0].revents & POLLIN) && read(signal_fd, &info, sizeof(info)) < 0 && errno != EAGAIN)
            break;
        if (fds[1].revents && broker_serve(broker_fd) < 0)
            fds[1].fd = -1; /* the machine is gone; the programs find out by themselves */
    }
    _exit(0);
}

/* Waits for the command's process to be under the filter, unless it dies before. */
static bool wait_for_filter(struct handover *handover, int signal_fd)
{
    struct pollfd child_ended = { .fd = signal_fd, .events = POLLIN };

    for (;;) {
        struct timespec soon;

        clock_gettime(CLOCK_REALTIME, &soon);
        soon.tv_sec += 1;
        if (sem_timedwait(&handover->is_installed, &soon) == 0)
            return handover->listener >= 0;
        if (errno == ETIMEDOUT && poll(&child_ended, 1, 0) == 1)
            return false;
    }
}

static void introduce(int control, pid_t command, struct handover *handover, int broker_fd, int signal_fd)
{
    if (wait_for_filter(handover, signal_fd)) {
        handover->error = give_listener(control, command, handover, broker_fd);
        if (!handover->error)
            leave_the_terminal();
    }
    sem_post(&handover->may_go);
}

/* In the supervisor. */
static _Noreturn void supervise(int control, int report_fd, const struct spawn_options *options)
{
    struct handover *handover =
        mmap(NULL, sizeof(*handover), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int to_machine[2], signal_fd;
    sigset_t child, before;
    pid_t command;

    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, &before);
    signal_fd = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    if (handover == MAP_FAILED || signal_fd < 0 ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, to_machine) < 0)
        _exit(EXIT_WEIR_FAILED);
    sem_init(&handover->is_installed, 1, 0);
    sem_init(&handover->may_go, 1, 0);
    command = fork();
    if (command == 0) {
        sigprocmask(SIG_SETMASK, &before, NULL);
        start_command(handover, options);
    }
    if (command > 0 && write(report_fd, &command, sizeof(command)) == sizeof(command))
        introduce(control, command, handover, to_machine[1], signal_fd);
    close(to_machine[1]);
    close(control);
    serve(to_machine[0], signal_fd, command, report_fd);
}

static _Noreturn void end_as(int status)
{
    if (WIFSIGNALED(status)) {
        const struct rlimit no_core = { 0, 0 };
        sigset_t all;

        setrlimit(RLIMIT_CORE, &no_core); /* the command dumped its own */
        signal(WTERMSIG(status), SIG_DFL);
        sigfillset(&all);
        sigprocmask(SIG_UNBLOCK, &all, NULL);
        raise(WTERMSIG(status));
    }
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_WEIR_FAILED);
}

/* Waits for the command's end, handing on what is sent to `weir run` alone. The terminal's own signals reach the command
 * by itself. */
static _Noreturn void wait_for_command(int report_fd)
{
    struct pollfd fds[2] = { { .fd = report_fd, .events = POLLIN } };
    sigset_t handed_on;
    pid_t command;
    int status;

    sigemptyset(&handed_on);
    for (const int *s = (const int[]){ SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGINT, SIGQUIT, 0 }; *s; s++)
        sigaddset(&handed_on, *s);
    sigprocmask(SIG_BLOCK, &handed_on, NULL);
    fds[1] = (struct pollfd){ .fd = signalfd(-1, &handed_on, SFD_CLOEXEC), .events = POLLIN };
    if (read(report_fd, &command, sizeof(command)) != sizeof(command))
        _exit(EXIT_WEIR_FAILED);
    for (;;) {
        struct signalfd_siginfo info;

        if (poll(fds, 2, -1) < 0)
            continue;
        if ((fds[1].revents & POLLIN) && read(fds[1].fd, &info, sizeof(info)) == sizeof(info) &&
            info.ssi_code != SI_KERNEL)
            kill(command, (int)info.ssi_signo);
        if (fds[0].revents) {
            if (read(report_fd, &status, sizeof(status)) != sizeof(status))
                _exit(EXIT_WEIR_FAILED);
            end_as(status);
        }
    }
}

int supervisor_run(int control, const struct spawn_options *options, struct spawn_failure *failure)
{
    int report[2];
    pid_t supervisor;

    if (pipe2(report, O_CLOEXEC) < 0 || (supervisor = fork()) < 0) {
        snprintf(failure->text, sizeof(failure->text), "cannot start the supervisor: %s", strerror(errno));
        return EXIT_WEIR_FAILED;
    }
    if (supervisor == 0) {
        close(report[0]);
        supervise(control, report[1], options);
    }
    close(report[1]);
    close(control);
    wait_for_command(report[0]);
}
