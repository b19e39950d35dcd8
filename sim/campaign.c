#include "sim/campaign.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "sim/report.h"

enum { JOBS_MAX = 256 };

struct worker { pid_t pid; int pipe; uint64_t next; };

static volatile sig_atomic_t was_interrupted;

static void interrupt(int number)
{
    (void)number;
    was_interrupted = 1;
}

static unsigned profile_of(const struct campaign *c, uint64_t seed) { return c->profile < 0 ? sim_profile_of(seed) : (unsigned)c->profile; }

static void write_all(int fd, const void *data, size_t bytes)
{
    const char *at = data;
    while (bytes) {
        ssize_t n = write(fd, at, bytes);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) _exit(1);
        at += n;
        bytes -= (size_t)n;
    }
}

static bool read_all(int fd, void *data, size_t bytes)
{
    char *at = data;
    while (bytes) {
        ssize_t n = read(fd, at, bytes);
        if (n < 0 && errno == EINTR && !was_interrupted) continue;
        if (n <= 0) return false;
        at += n;
        bytes -= (size_t)n;
    }
    return true;
}

/* Runs its share of the seeds until nobody reads any more. */
static void work(const struct campaign *c, uint64_t seed, int pipe_fd)
{
    static struct sim_result result;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGINT, SIG_IGN);
    signal(SIGPIPE, SIG_DFL);
    for (; c->minutes || seed <= c->last; seed += c->jobs) {
        const struct sim_options options = { .seed = seed, .profile = profile_of(c, seed), .save_points = c->save_points };
        sim_run(&options, &result);
        write_all(pipe_fd, &result, sizeof result);
    }
    _exit(0);
}

static bool start_worker(const struct campaign *c, struct worker *w)
{
    int ends[2];
    if (pipe(ends)) return false;
    fflush(NULL);
    w->pid = fork();
    if (w->pid == 0) {
        close(ends[0]);
        work(c, w->next, ends[1]);
    }
    close(ends[1]);
    w->pipe = ends[0];
    return w->pid > 0;
}

static int end_worker(struct worker *w)
{
    int status = 0;
    if (w->pid <= 0) return 0;
    close(w->pipe);
    kill(w->pid, SIGKILL);
    waitpid(w->pid, &status, 0);
    w->pid = 0;
    return status;
}

/* The seed killed its process: that is its result. */
static void take_death(const struct campaign *c, struct worker *w, struct sim_result *result)
{
    int status = 0;
    close(w->pipe);
    while (waitpid(w->pid, &status, 0) < 0 && errno == EINTR) {}
    w->pid = 0;
    *result = (struct sim_result){ .seed = w->next, .profile = profile_of(c, w->next), .has_failed = true };
    if (WIFSIGNALED(status)) snprintf(result->failure, sizeof result->failure, "the run was ended by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    else snprintf(result->failure, sizeof result->failure, "the run ended with status %d", WEXITSTATUS(status));
}

static bool is_over(const struct campaign *c, const struct report *r, uint64_t seed)
{
    if (was_interrupted) return true;
    if (seed <= c->last) return false;
    return !c->minutes || report_clock_ns() - r->began_ns >= c->minutes * 60000000000ull;
}

static void follow(const struct campaign *c, struct report *r, struct worker *workers)
{
    static struct sim_result result;
    for (uint64_t seed = c->first; !is_over(c, r, seed); seed++) {
        struct worker *w = &workers[(seed - c->first) % c->jobs];
        w->next = seed;
        if (!w->pid && !start_worker(c, w)) {
            perror("weir sim: fork");
            return;
        }
        if (!read_all(w->pipe, &result, sizeof result)) {
            if (was_interrupted) return;
            take_death(c, w, &result);
        }
        report_take(r, &result);
    }
}

int campaign_run(const struct campaign *c)
{
    static struct worker workers[JOBS_MAX];
    struct report report;
    struct sigaction action = { .sa_handler = interrupt };
    if (!report_begin(&report, c)) {
        fprintf(stderr, "weir sim: %s: %s\n", c->json, strerror(errno));
        return 2;
    }
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    for (unsigned i = 0; i < c->jobs; i++) {
        workers[i].next = c->first + i;
        if (c->minutes || workers[i].next <= c->last) start_worker(c, &workers[i]);
    }
    follow(c, &report, workers);
    for (unsigned i = 0; i < c->jobs; i++) end_worker(&workers[i]);
    report_end(&report, was_interrupted);
    return report.failed ? 1 : was_interrupted ? 130 : 0;
}
