/* One python3 for all assertions of a process. A request is a line with lengths and then so many bytes; the answer is a
 * line ("H 0", "F bytes") and what Python has to say. Its fd 3 is our socket, so that scripts may print. */
#include "drill/code.h"

#include "drill/line.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* Tells a failed assertion with the values of the names that stand in it. */
static const char helper[] =
    "import ast, os, sys, traceback\n"
    "channel = os.fdopen(3, 'rb+', 0)\n"
    "requests = os.fdopen(os.dup(3), 'rb')\n"
    "def told(values, tree, line):\n"
    "  found = []\n"
    "  for statement in ast.walk(tree):\n"
    "    if isinstance(statement, ast.stmt) and statement.lineno <= line <= statement.end_lineno:\n"
    "      for node in ast.walk(statement):\n"
    "        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in values:\n"
    "          text = '%s = %r' % (node.id, values[node.id])\n"
    "          if text not in found and not callable(values[node.id]): found.append(text)\n"
    "  return '; '.join(found)\n"
    "def run(text, path, line, values):\n"
    "  tree = None\n"
    "  try:\n"
    "    tree = ast.parse(text + '\\n\\n', path)\n"
    "    ast.increment_lineno(tree, line - 1)\n"
    "    exec(compile(tree, path, 'exec'), values)\n"
    "    return ''\n"
    "  except SyntaxError as error:\n"
    "    return '%s, line %d: %s' % (type(error).__name__, (error.lineno or 1) + line - 1, error.msg)\n"
    "  except BaseException as error:\n"
    "    at = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == path]\n"
    "    at = at[-1] if at else line\n"
    "    rows = text.split('\\n')\n"
    "    source = rows[at - line].strip() if 0 <= at - line < len(rows) else ''\n"
    "    said = '%s: %s' % (type(error).__name__, error) if str(error) else type(error).__name__\n"
    "    known = told(values, tree, at)\n"
    "    return 'line %d: %s: %s%s' % (at, said, source, ' (%s)' % known if known else '')\n"
    "values, path = {}, ''\n"
    "while True:\n"
    "  head = requests.readline().split()\n"
    "  if not head: break\n"
    "  if head[0] == b'B':\n"
    "    path, values = requests.read(int(head[1])).decode(), {'__name__': '__main__'}\n"
    "    continue\n"
    "  exec(requests.read(int(head[2])).decode(), values)\n"
    "  answer = run(requests.read(int(head[3])).decode('utf-8', 'replace'), path, int(head[1]), values)\n"
    "  sys.stdout.flush()\n"
    "  answer = answer.encode('utf-8', 'replace')\n"
    "  channel.write(b'%s %d\\n' % (b'F' if answer else b'H', len(answer)) + answer)\n";

enum { CHILD_FD = 3 };

struct code {
    pid_t pid;        /* 0: not started */
    int fd;
    bool is_missing;  /* it cannot be started */
    bool shows_prints;
    bool has_begun;   /* it knows the script's path */
    char path[4096];
};

struct code *code_create(bool shows_prints)
{
    struct code *code = calloc(1, sizeof *code);

    if (code) {
        code->fd = -1;
        code->shows_prints = shows_prints;
    }
    return code;
}

void code_stop(struct code *code)
{
    if (code->fd >= 0)
        close(code->fd);
    code->fd = -1;
    if (code->pid > 0) {
        kill(code->pid, SIGKILL);
        while (waitpid(code->pid, NULL, 0) < 0 && errno == EINTR)
            continue;
    }
    code->pid = 0;
    code->has_begun = false;
}

void code_destroy(struct code *code)
{
    if (code)
        code_stop(code);
    free(code);
}

void code_begin(struct code *code, const char *path)
{
    code->has_begun = false;
    snprintf(code->path, sizeof code->path, "%s", path);
}

static bool spawn(struct code *code, int fd)
{
    char *const argv[] = { "python3", "-I", "-c", (char *)helper, NULL };
    posix_spawn_file_actions_t actions;
    int error = posix_spawn_file_actions_init(&actions);

    if (error)
        return false;
    error = posix_spawn_file_actions_adddup2(&actions, fd, CHILD_FD);
    if (!error && code->shows_prints)
        error = posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
    else if (!error)
        error = posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    if (!error)
        error = posix_spawnp(&code->pid, "python3", &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error)
        code->pid = 0;
    return !error;
}

bool code_start(struct code *code)
{
    int fds[2];
    bool is_started;

    if (code->pid || code->is_missing)
        return !code->is_missing;
    is_started = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0;
    if (is_started) {
        is_started = spawn(code, fds[1]);
        close(fds[1]);
        code->fd = fds[0];
    }
    code->is_missing = !is_started;
    return is_started;
}

static bool send_all(const struct code *code, const char *data, size_t bytes)
{
    while (bytes) {
        ssize_t sent = send(code->fd, data, bytes, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return false;
        data += sent;
        bytes -= (size_t)sent;
    }
    return true;
}

static bool receive_all(const struct code *code, char *data, size_t bytes)
{
    while (bytes) {
        ssize_t got = recv(code->fd, data, bytes, 0);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        data += got;
        bytes -= (size_t)got;
    }
    return true;
}

static bool send_begin(struct code *code)
{
    char head[32];
    int bytes = snprintf(head, sizeof head, "B %zu\n", strlen(code->path));

    if (code->has_begun)
        return true;
    code->has_begun = send_all(code, head, (size_t)bytes) && send_all(code, code->path, strlen(code->path));
    return code->has_begun;
}

static bool send_run(struct code *code, unsigned line, const char *text, const struct code_values *values)
{
    enum { ROW_BYTES = sizeof values->rows[0].name + 24 };
    size_t room = CODE_VALUES * ROW_BYTES;
    struct line rows;
    char head[64], *buffer = malloc(room);
    int bytes;
    bool is_sent;

    if (!buffer)
        return false;
    rows = line_begin(buffer, room);
    for (unsigned i = 0; i < values->count; i++)
        line_add(&rows, "%s = %llu\n", values->rows[i].name, (unsigned long long)values->rows[i].value);
    bytes = snprintf(head, sizeof head, "R %u %zu %zu\n", line, rows.used, strlen(text));
    is_sent = send_all(code, head, (size_t)bytes) && send_all(code, buffer, rows.used) &&
        send_all(code, text, strlen(text));
    free(buffer);
    return is_sent;
}

/* Reads "H 0" or "F bytes" and the text. */
static bool receive_answer(struct code *code, bool *has_held, char *message, size_t room)
{
    char head[32], c;
    size_t used = 0, bytes;

    do {
        if (used + 1 >= sizeof head || !receive_all(code, &c, 1))
            return false;
        head[used++] = c;
    } while (c != '\n');
    head[used] = '\0';
    *has_held = head[0] == 'H';
    bytes = strtoull(head + 1, NULL, 10);
    for (used = 0; bytes; bytes--) {
        if (!receive_all(code, &c, 1))
            return false;
        if (used + 1 < room)
            message[used++] = c;
    }
    message[used] = '\0';
    return true;
}

enum code_verdict code_run(struct code *code, unsigned line, const char *text, const struct code_values *values,
                           char *message, size_t bytes)
{
    bool has_held;

    if (!code_start(code)) {
        snprintf(message, bytes, "its %%{ }%% assertions need python3, which cannot be started");
        return CODE_NOBODY;
    }
    if (send_begin(code) && send_run(code, line, text, values) && receive_answer(code, &has_held, message, bytes))
        return has_held ? CODE_HELD : CODE_FAILED;
    /* The next script gets another one. */
    code_stop(code);
    snprintf(message, bytes, "its %%{ }%% assertions need python3, which went away");
    return CODE_NOBODY;
}
