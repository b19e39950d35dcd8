/* support ROWS [FILE]: writes docs/support.md from the list of what Linux 6.18 has (docs/linux-rows.txt) and from what a
 * machine answers when each row is tried on it. With FILE: compares, and fails when the file is not current. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <weir/socket.h>

#include "machine/machine.h"
#include "proc/proc.h"
#include "syscall/call.h"

#ifndef SOL_UDP
#define SOL_UDP 17
#endif
#ifndef SOL_NETLINK
#define SOL_NETLINK 270
#endif

struct probe { struct weir_machine *machine; struct weir_task *task; struct net *net; };

static const struct { int family, type, protocol; } kinds[] = {
    { AF_INET, SOCK_STREAM, 0 }, { AF_INET, SOCK_DGRAM, 0 }, { AF_INET, SOCK_RAW, IPPROTO_ICMP }, { AF_INET6, SOCK_STREAM, 0 },
    { AF_INET6, SOCK_DGRAM, 0 }, { AF_INET6, SOCK_RAW, IPPROTO_ICMPV6 }, { AF_UNIX, SOCK_STREAM, 0 }, { AF_PACKET, SOCK_RAW, 0 },
    { AF_NETLINK, SOCK_RAW, 0 },
};

static bool is_refusal(int error) { return error == ENOPROTOOPT || error == EOPNOTSUPP; }

/* Some kind of socket takes the option: any answer but "no such option". */
static bool takes(struct probe *p, int level, int name, bool is_set)
{
    static const socklen_t sizes[] = { 4, 8, 16, 20, 128 };
    bool found = false;
    for (size_t k = 0; k < array_count(kinds) && !found; k++) {
        for (size_t i = 0; i < array_count(sizes) && !found; i++) {
            uint8_t value[256] = { 0 };
            socklen_t bytes = sizes[i];
            int fd = weir_socket(p->task, kinds[k].family, kinds[k].type, kinds[k].protocol);
            int result = is_set ? weir_setsockopt(p->task, fd, level, name, value, bytes) : weir_getsockopt(p->task, fd, level, name, value, &bytes);
            found = result == 0 || !is_refusal(errno);
            /* A set that fails on its size before its name tells nothing: only another size does. */
            if (found && result && is_set && errno == EINVAL && sizes[i] < 128) found = false;
            weir_close(p->task, fd);
        }
    }
    return found;
}

static bool takes_ioctl(struct probe *p, unsigned long command)
{
    bool found = false;
    for (size_t k = 0; k < array_count(kinds) && !found; k++) {
        uint8_t value[256] = "lo";
        int fd = weir_socket(p->task, kinds[k].family, kinds[k].type, kinds[k].protocol);
        found = weir_ioctl(p->task, fd, command, value) == 0 || (errno != ENOTTY && errno != EOPNOTSUPP);
        weir_close(p->task, fd);
    }
    return found;
}

static bool makes_sockets(struct probe *p, int family)
{
    static const int types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET };
    for (size_t i = 0; i < array_count(types); i++) {
        int fd = weir_socket(p->task, family, types[i], 0);
        if (fd >= 0 || errno != EAFNOSUPPORT) return true;
    }
    return false;
}

static int level_of(const char *section)
{
    static const struct { const char *name; int level; } levels[] = {
        { "SOL_SOCKET", SOL_SOCKET }, { "SOL_IP", SOL_IP }, { "SOL_IPV6", SOL_IPV6 }, { "SOL_TCP", IPPROTO_TCP }, { "SOL_UDP", SOL_UDP },
        { "SOL_RAW", SOL_RAW }, { "SOL_ICMPV6", SOL_ICMPV6 }, { "SOL_PACKET", SOL_PACKET }, { "SOL_NETLINK", SOL_NETLINK },
    };
    for (size_t i = 0; i < array_count(levels); i++)
        if (!strcmp(levels[i].name, section)) return levels[i].level;
    return -1;
}

static const char *yes(bool is) { return is ? "yes" : "no"; }

static void put_heading(FILE *out, const char *section)
{
    static const struct { const char *section, *heading, *columns; } headings[] = {
        { "syscall", "System calls", "| call | library door |\n|---|---|\n" },
        { "family", "Address families", "| family | |\n|---|---|\n" },
        { "ioctl", "ioctl", "| request | |\n|---|---|\n" },
        { "sysctl", "sysctl (/proc/sys/net)", "| name | |\n|---|---|\n" },
    };
    for (size_t i = 0; i < array_count(headings); i++)
        if (!strcmp(headings[i].section, section)) {
            fprintf(out, "\n## %s\n\n%s", headings[i].heading, headings[i].columns);
            return;
        }
    fprintf(out, "\n## Options of %s\n\n| option | set | get |\n|---|---|---|\n", section);
}

static bool put_row(FILE *out, struct probe *p, const char *section, const char *name, long number)
{
    bool works;
    int level = level_of(section);
    if (level >= 0) {
        bool set = takes(p, level, (int)number, true), get = takes(p, level, (int)number, false);
        fprintf(out, "| %s | %s | %s |\n", name, yes(set), yes(get));
        return set || get;
    }
    if (!strcmp(section, "syscall")) works = syscall_find(number) != NULL;
    else if (!strcmp(section, "family")) works = makes_sockets(p, (int)number);
    else if (!strcmp(section, "ioctl")) works = takes_ioctl(p, (unsigned long)number);
    else {
        char path[256];
        snprintf(path, sizeof path, "sys/net/%s", name);
        works = proc_mode(p->net, path) >= 0;
    }
    fprintf(out, "| %s | %s |\n", name, yes(works));
    return works;
}

static void put_all(FILE *out, struct probe *p, FILE *rows)
{
    char section[32], name[128], last[32] = "";
    long number;
    unsigned all = 0, working = 0;
    fputs("# What of Linux works\n\n"
        "Written by `tools/support.c`; `make test` checks that it is current. Each row of Linux 6.18 was tried on a machine:\n"
        "\"no\" gets the error that a kernel without it gives (ENOSYS, EAFNOSUPPORT, ENOPROTOOPT, ENOTTY, ENOENT), never a silent\n"
        "success. Calls that the library door has not may still work for programs under `weir run`: there they are the host's own\n"
        "(close, dup, fcntl, poll, epoll, ...), or done by the trap door (sendfile, splice).\n\n"
        "Refused where Linux has them: routes\n"
        "in IP_OPTIONS and IP_RETOPTS and all of IPV6_RTHDR (EINVAL), IPv6 extension headers past 48 bytes (ENOBUFS). A send with MSG_ZEROCOPY is always copied, and its notice says so.\n", out);
    while (fscanf(rows, "%31s %127s %ld", section, name, &number) == 3) {
        if (strcmp(section, last)) put_heading(out, section);
        snprintf(last, sizeof last, "%s", section);
        all++;
        working += put_row(out, p, section, name, number);
    }
    fprintf(out, "\n%u of %u rows work.\n", working, all);
}

static int compare(const char *path, const char *text, size_t length)
{
    FILE *f = fopen(path, "r");
    char *have = malloc(length + 2);
    size_t n = f ? fread(have, 1, length + 1, f) : 0;
    if (f) fclose(f);
    bool is_same = n == length && !memcmp(have, text, length);
    free(have);
    if (!is_same) fprintf(stderr, "%s is not current: build/docs/support docs/linux-rows.txt >docs/support.md\n", path);
    return !is_same;
}

int main(int argc, char **argv)
{
    struct weir_env env;
    struct weir_machine_config config = { .seed = { 1, 2 } };
    FILE *rows = argc > 1 ? fopen(argv[1], "r") : NULL;
    char *text = NULL;
    size_t length = 0;
    if (!rows || !weir_env_map(&env, (size_t)1 << 32)) {
        fputs("usage: support ROWS [FILE]\n", stderr);
        return 2;
    }
    struct probe p = { .machine = weir_machine_create(&config, &env) };
    p.task = weir_task_create(p.machine);
    p.net = ((struct machine *)p.machine)->initial_net;
    FILE *out = open_memstream(&text, &length);
    put_all(out, &p, rows);
    fclose(out);
    int result = 0;
    if (argc > 2) result = compare(argv[2], text, length);
    else fwrite(text, 1, length, stdout);
    weir_machine_destroy(p.machine);
    free(text);
    fclose(rows);
    return result;
}
