/* Runs go to slots, each with a child process and a python3 that outlives it; results are told in the order of the
 * runs. */
#include "drill/suite.h"

#include "drill/code.h"
#include "drill/report.h"
#include "drill/run.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RUN_SECONDS_MOST = 120, LIVE_SECONDS_MOST = 1200, JOBS_MOST = 64, DEPTH_MOST = 32 };

static unsigned most_seconds(bool is_live) { return is_live ? LIVE_SECONDS_MOST : RUN_SECONDS_MOST; } /* a kernel's time is real */

struct run {
    unsigned file;
    enum ip_version version;
    uint64_t seed;
    bool is_started, is_over;
    struct drill_result *result;
    char *line;                     /* of the script, where it failed */
};

struct slot {
    pid_t pid;                      /* 0: free */
    int fd;
    size_t got;                     /* bytes of the result */
    unsigned run;
    struct code *code;
    struct script *script;
};

struct suite {
    const struct suite_options *options;
    struct drill_report report;
    unsigned file_count, run_count;
    char **files;
    bool *is_broken;                /* of files: told already */
    struct run *runs;
    unsigned next, told;            /* all runs before: started, reported */
    struct slot slots[JOBS_MOST];
};

struct suite *suite_create(const struct suite_options *options)
{
    struct suite *s = calloc(1, sizeof *s);

    if (s)
        s->options = options;
    return s;
}

void suite_destroy(struct suite *s)
{
    if (!s)
        return;
    for (unsigned i = 0; i < s->run_count; i++) {
        free(s->runs[i].result);
        free(s->runs[i].line);
    }
    for (unsigned i = 0; i < s->file_count; i++)
        free(s->files[i]);
    for (unsigned i = 0; i < JOBS_MOST; i++)
        code_destroy(s->slots[i].code);
    free(s->runs);
    free(s->files);
    free(s->is_broken);
    free(s);
}

static int add_file(struct suite *s, const char *path)
{
    char **more = realloc(s->files, (s->file_count + 1) * sizeof *more);
    char *copy = strdup(path);

    if (more)
        s->files = more;
    if (!more || !copy) {
        free(copy);
        return -ENOMEM;
    }
    s->files[s->file_count++] = copy;
    return 0;
}

static bool is_script(const char *name)
{
    size_t bytes = strlen(name);

    return bytes > 4 && strcmp(name + bytes - 4, ".pkt") == 0;
}

static int add_directory(struct suite *s, const char *path, unsigned depth)
{
    struct dirent **entries;
    int count = scandir(path, &entries, NULL, alphasort), error = 0;

    if (count < 0)
        return -errno;
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        char *child = NULL;
        struct stat st;

        if (name[0] != '.' && asprintf(&child, "%s%s%s", path, path[strlen(path) - 1] == '/' ? "" : "/", name) >= 0 &&
            lstat(child, &st) == 0) {
            if (S_ISDIR(st.st_mode) && depth < DEPTH_MOST)
                error = add_directory(s, child, depth + 1);
            else if (S_ISREG(st.st_mode) && is_script(name))
                error = add_file(s, child);
        }
        free(child);
        free(entries[i]);
    }
    free(entries);
    return error;
}

int suite_add(struct suite *s, const char *path)
{
    struct stat st;

    if (stat(path, &st))
        return -errno;
    return S_ISDIR(st.st_mode) ? add_directory(s, path, 0) : add_file(s, path);
}

static bool ends_with(const char *text, const char *end)
{
    size_t bytes = strlen(text), end_bytes = strlen(end);

    return bytes >= end_bytes && strcmp(text + bytes - end_bytes, end) == 0;
}

/* A name that ends in v4.pkt or v6.pkt says what its script is for. */
static bool is_for(const struct suite *s, const char *path, enum ip_version version)
{
    if (!(s->options->versions >> version & 1))
        return false;
    return s->options->has_versions || !ends_with(path, version == IP_V6 ? "v4.pkt" : "v6.pkt");
}

static bool plan(struct suite *s)
{
    uint64_t seeds = s->options->last_seed - s->options->first_seed + 1;

    s->is_broken = calloc(s->file_count + 1, sizeof *s->is_broken);
    s->runs = calloc(s->file_count * IP_VERSIONS * seeds + 1, sizeof *s->runs);
    if (!s->is_broken || !s->runs)
        return false;
    for (unsigned f = 0; f < s->file_count; f++)
        for (unsigned v = 0; v < IP_VERSIONS; v++)
            for (uint64_t seed = 0; seed < seeds && is_for(s, s->files[f], (enum ip_version)v); seed++)
                s->runs[s->run_count++] = (struct run){ .file = f, .version = (enum ip_version)v,
                    .seed = s->options->first_seed + seed };
    return true;
}

static struct script *read_script(struct suite *s, struct run *run)
{
    struct script_choice choice = { .version = run->version, .option_count = s->options->option_count,
        .options = s->options->options };
    struct script_error error;
    struct script *script;

    if (s->is_broken[run->file])
        return NULL;
    script = script_read(s->files[run->file], &choice, &error);
    if (!script) {
        s->is_broken[run->file] = true;
        drill_report_broken(&s->report, s->files[run->file], &error);
    }
    return script;
}

static bool has_code(const struct script *script)
{
    for (unsigned i = 0; i < script->event_count; i++)
        if (script->events[i].kind == EVENT_CODE)
            return true;
    return false;
}

static void run_here(const struct suite *s, const struct run *run, const struct slot *slot, struct drill_result *result)
{
    struct run_options options = { .seed = run->seed, .is_live = s->options->is_live,
        .is_verbose = s->options->is_verbose, .code = slot->code };

    drill_run(slot->script, &options, result);
}

static void write_all(int fd, const void *data, size_t bytes)
{
    const char *at = data;

    while (bytes) {
        ssize_t written = write(fd, at, bytes);

        if (written <= 0 && errno != EINTR)
            return;
        at += written > 0 ? written : 0;
        bytes -= written > 0 ? (size_t)written : 0;
    }
}

static void be_child(const struct suite *s, const struct run *run, const struct slot *slot, int fd)
{
    struct drill_result result = { 0 };

    alarm(most_seconds(s->options->is_live));
    run_here(s, run, slot, &result);
    write_all(fd, &result, sizeof result);
    _exit(0);
}

/* False: nothing was started, and the run is over. */
static bool start_run(struct suite *s, unsigned number, struct slot *slot)
{
    struct run *run = &s->runs[number];
    int fds[2];

    run->is_started = run->is_over = true;
    slot->script = read_script(s, run);
    /* One that names its version runs with that, unless the user knows better. */
    if (!slot->script ||
        (slot->script->has_version && !s->options->has_versions && slot->script->version != run->version)) {
        script_destroy(slot->script);
        return false;
    }
    run->result = calloc(1, sizeof *run->result);
    if (!run->result || (slot->script->unsupported &&
                         !result_skip(run->result, (struct script_place){ 0, 0 }, "%s", slot->script->unsupported)) ||
        slot->script->settings.is_dry) {
        script_destroy(slot->script);
        return false;
    }
    if (!slot->code)
        slot->code = code_create(s->options->is_verbose);
    if (slot->code && has_code(slot->script))
        code_start(slot->code);
    drill_report_progress(&s->report, s->files[run->file]);
    fflush(NULL);
    slot->pid = pipe(fds) == 0 ? fork() : -1;
    if (slot->pid == 0)
        be_child(s, run, slot, fds[1]);
    if (slot->pid < 0) {
        slot->pid = 0;
        result_fail(run->result, (struct script_place){ 0, 0 }, "no process for it: %s", strerror(errno));
        script_destroy(slot->script);
        return false;
    }
    close(fds[1]);
    *slot = (struct slot){ .pid = slot->pid, .fd = fds[0], .run = number, .code = slot->code, .script = slot->script };
    run->is_over = false;
    return true;
}

static void keep_line(struct run *run, const struct script *script)
{
    const char *line;
    size_t bytes;

    if (!run->result->place.line)
        return;
    bytes = script_line(script, run->result->place.line, &line);
    run->line = strndup(line, bytes);
}

static void end_run(struct suite *s, struct slot *slot)
{
    struct run *run = &s->runs[slot->run];
    int status = 0;

    while (waitpid(slot->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    close(slot->fd);
    if (slot->got != sizeof *run->result) {
        memset(run->result, 0, sizeof *run->result);
        if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
            result_fail(run->result, (struct script_place){ 0, 0 }, "it did not end within %u seconds",
                        most_seconds(s->options->is_live));
        else
            result_fail(run->result, (struct script_place){ 0, 0 }, "the machine ended by %s %d",
                        WIFSIGNALED(status) ? "signal" : "exit status",
                        WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
        if (slot->code)
            code_stop(slot->code);
    }
    keep_line(run, slot->script);
    script_destroy(slot->script);
    slot->pid = 0;
    run->is_over = true;
}

static void read_slot(struct suite *s, struct slot *slot)
{
    struct run *run = &s->runs[slot->run];
    ssize_t got = read(slot->fd, (char *)run->result + slot->got, sizeof *run->result - slot->got);

    if (got > 0)
        slot->got += (size_t)got;
    if (got == 0 || slot->got == sizeof *run->result || (got < 0 && errno != EINTR))
        end_run(s, slot);
}

static void tell(struct suite *s)
{
    for (; s->told < s->run_count && s->runs[s->told].is_over; s->told++) {
        struct run *run = &s->runs[s->told];
        struct drill_report_run r = { .path = s->files[run->file], .version = run->version, .seed = run->seed,
            .result = run->result,
            .line = run->line, .line_bytes = run->line ? strlen(run->line) : 0 };

        if (run->result)
            drill_report_run(&s->report, &r);
        else
            s->report.all--;
        free(run->result);
        free(run->line);
        run->result = NULL;
        run->line = NULL;
    }
}

static bool is_busy_file(const struct suite *s, unsigned file)
{
    for (unsigned i = 0; i < s->options->jobs; i++)
        if (s->slots[i].pid && s->runs[s->slots[i].run].file == file)
            return true;
    return false;
}

/* The first run that waits and whose script does not run elsewhere: two of one script would meet in its files below
 * /tmp. */
static unsigned next_run(struct suite *s)
{
    while (s->next < s->run_count && s->runs[s->next].is_started)
        s->next++;
    for (unsigned i = s->next; i < s->run_count; i++)
        if (!s->runs[i].is_started && !is_busy_file(s, s->runs[i].file))
            return i;
    return s->run_count;
}

static bool fill(struct suite *s)
{
    bool is_busy = false;

    for (unsigned i = 0; i < s->options->jobs; i++) {
        for (unsigned next; !s->slots[i].pid && (next = next_run(s)) < s->run_count;)
            start_run(s, next, &s->slots[i]);
        is_busy |= s->slots[i].pid != 0;
    }
    return is_busy;
}

static void wait_for_any(struct suite *s)
{
    struct pollfd fds[JOBS_MOST];
    struct slot *who[JOBS_MOST];
    nfds_t count = 0;

    for (unsigned i = 0; i < s->options->jobs; i++)
        if (s->slots[i].pid) {
            who[count] = &s->slots[i];
            fds[count++] = (struct pollfd){ .fd = s->slots[i].fd, .events = POLLIN };
        }
    if (poll(fds, count, -1) < 0)
        return;
    for (nfds_t i = 0; i < count; i++)
        if (fds[i].revents)
            read_slot(s, who[i]);
}

int suite_run(struct suite *s)
{
    const struct suite_options *o = s->options;

    if (!plan(s)) {
        fputs("weir: no memory\n", stderr);
        return 2;
    }
    s->report = (struct drill_report){ .to = stdout, .is_json = o->is_json, .is_quiet = o->is_quiet,
        .has_seeds = o->last_seed != o->first_seed,
        .has_progress = isatty(STDERR_FILENO) && !o->is_verbose, .all = s->run_count };
    drill_report_begin(&s->report);
    while (fill(s)) {
        tell(s);
        wait_for_any(s);
        tell(s);
    }
    tell(s);
    drill_report_end(&s->report);
    return s->report.broken ? 2 : s->report.failed != 0;
}
