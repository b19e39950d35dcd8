#include "runner/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum {
    LONG_NS = 80000, /* what two switches between threads cost at most, about */
    TRY_AGAIN = 64,  /* of so many jobs one is done at once, to see whether it still takes long */
    WEIGHT = 8,
};

struct handover_thread {
    pthread_t thread;
    int to_thread[2], from_thread[2]; /* pointers to jobs */
    uint64_t usual_ns;                /* what a job takes when it is done at once */
    unsigned since_tried;
};

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static void do_job(struct handover_job *job)
{
    job->error = ioctl(job->listener, SECCOMP_IOCTL_NOTIF_ADDFD, &job->add) < 0 ? -errno : 0;
}

static void *work(void *argument)
{
    struct handover_thread *thread = argument;
    struct handover_job *job;

    while (read(thread->to_thread[0], &job, sizeof(job)) == sizeof(job)) {
        do_job(job);
        if (write(thread->from_thread[1], &job, sizeof(job)) != sizeof(job))
            break;
    }
    return NULL;
}

struct handover_thread *handover_start(void)
{
    struct handover_thread *thread = calloc(1, sizeof(*thread));

    if (!thread)
        return NULL;
    if (pipe2(thread->to_thread, O_CLOEXEC) < 0)
        goto free_thread;
    if (pipe2(thread->from_thread, O_CLOEXEC) < 0)
        goto close_to_thread;
    fcntl(thread->from_thread[0], F_SETFL, O_NONBLOCK);
    if (pthread_create(&thread->thread, NULL, work, thread))
        goto close_from_thread;
    return thread;

close_from_thread:
    close(thread->from_thread[0]);
    close(thread->from_thread[1]);
close_to_thread:
    close(thread->to_thread[0]);
    close(thread->to_thread[1]);
free_thread:
    free(thread);
    return NULL;
}

void handover_stop(struct handover_thread *thread)
{
    close(thread->to_thread[1]);
    pthread_join(thread->thread, NULL);
    close(thread->to_thread[0]);
    close(thread->from_thread[0]);
    close(thread->from_thread[1]);
    free(thread);
}

int handover_fd(const struct handover_thread *thread)
{
    return thread->from_thread[0];
}

static void do_at_once(struct handover_thread *thread, struct handover_job *job)
{
    uint64_t start = now_ns();

    do_job(job);
    thread->usual_ns += (now_ns() - start) / WEIGHT - thread->usual_ns / WEIGHT;
    thread->since_tried = 0;
}

bool handover_give(struct handover_thread *thread, struct handover_job *job)
{
    if (!thread) {
        do_job(job);
        return true;
    }
    if (thread->usual_ns < LONG_NS || ++thread->since_tried >= TRY_AGAIN ||
        write(thread->to_thread[1], &job, sizeof(job)) != sizeof(job)) {
        do_at_once(thread, job);
        return true;
    }
    return false;
}

struct handover_job *handover_take(struct handover_thread *thread)
{
    struct handover_job *job;

    return read(thread->from_thread[0], &job, sizeof(job)) == sizeof(job) ? job : NULL;
}
