/* The texts of /proc/net: their first lines are the kernel's to the byte, their lines show what there is. */
#include "machine/hosts.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "proc/proc.h"

static struct host h;

static int setup(void **state)
{
    (void)state;
    host_open(&h, 1);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    host_close(&h);
    return 0;
}

static const char *read_text(const char *path)
{
    static char text[65536];
    long n = weir_proc_read(h.task, path, text, sizeof text - 1);
    if (n < 0) fail_msg("%s: %ld", path, n);
    text[n] = 0;
    return text;
}

static void first_lines_are_the_kernels(void **state)
{
    static const char *const names[] = { "tcp", "tcp6", "udp", "udp6", "raw", "raw6", "icmp", "icmp6", "udplite", "udplite6", "unix", "packet",
        "netlink", "protocols", "dev", "route", "rt_cache", "arp", "igmp", "ptype", "psched", "snmp", "netstat" };
    (void)state;
    for (size_t i = 0; i < array_count(names); i++) {
        char path[64], theirs[4096];
        snprintf(path, sizeof path, "/proc/net/%s", names[i]);
        int fd = open(path, O_RDONLY);
        if (fd < 0) continue; /* a kernel without it */
        ssize_t n = read(fd, theirs, sizeof theirs - 1);
        close(fd);
        theirs[n < 0 ? 0 : n] = 0;
        const char *ours = read_text(path + 6);
        size_t length = strcspn(theirs, "\n");
        if (strncmp(ours, theirs, length + 1)) fail_msg("%s\nkernel %.*s|\n  weir %.*s|", path, (int)length, theirs, (int)strcspn(ours, "\n"), ours);
    }
}

/* Names that tools look up: every counter the kernel has, at its place. */
static void snmp6_has_the_kernels_names_in_order(void **state)
{
    FILE *f = fopen("/proc/net/snmp6", "r");
    char name[64];
    unsigned long value;
    const char *at = read_text("net/snmp6");
    (void)state;
    if (!f) skip();
    while (fscanf(f, "%63s %lu", name, &value) == 2) {
        if (strstr(name, "Type")) continue; /* shown once counted */
        const char *found = strstr(at, name);
        if (!found) fail_msg("%s is missing or out of place", name);
        at = found;
    }
    fclose(f);
}

static void protocols_say_yes_or_no_to_each_operation(void **state)
{
    const char *line = read_text("net/protocols"), *end;
    size_t at = (size_t)(strstr(line, " cl ") - line), columns = strcspn(line, "\n");
    (void)state;
    while (*(line += strcspn(line, "\n") + 1)) {
        end = line + strcspn(line, "\n");
        if (strncmp(line, "UNIX-STREAM", 11) == 0) continue; /* a name wider than its column */
        assert_int_equal(end - line, columns);
        assert_non_null(strchr("yn", line[at + 2]));
    }
}

static void a_connection_is_shown_at_both_ends(void **state)
{
    struct sockaddr_in a = loopback4(8080);
    char data[4] = "abc";
    (void)state;
    int listener = weir_socket(h.task, AF_INET, SOCK_STREAM, 0), client = weir_socket(h.task, AF_INET, SOCK_STREAM, 0);
    assert_int_equal(weir_bind(h.task, listener, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(weir_listen(h.task, listener, 7), 0);
    weir_connect(h.task, client, (struct sockaddr *)&a, sizeof a);
    assert_non_null(strstr(read_text("net/tcp"), "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000001 00:00000000 00000000     0        0 "));
    int server = weir_accept4(h.task, listener, NULL, NULL, 0);
    assert_true(server >= 0);
    assert_int_equal(weir_send(h.task, client, data, 3, 0), 3);
    const char *text = read_text("net/tcp");
    assert_non_null(strstr(text, "0100007F:1F90 00000000:0000 0A 00000000:00000000"));
    const char *shown = strstr(text, ": 0100007F:1F90 0100007F:");
    assert_non_null(shown);
    assert_memory_equal(strchr(shown + 20, ':') + 5, " 01 00000000:00000003 ", 22);
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1) assert_int_equal(strcspn(line, "\n"), 149);
    assert_non_null(strstr(read_text("net/sockstat"), "TCP: inuse 3 orphan 0 tw 0 alloc 3 mem "));
    assert_non_null(strstr(read_text("net/weir/listeners"), "127.0.0.1:8080 inode="));
    assert_non_null(strstr(read_text("net/weir/listeners"), " accept_queue_limit=7 "));
}

static void lost_datagrams_are_explained(void **state)
{
    struct sockaddr_in a = loopback4(9999);
    (void)state;
    int fd = weir_socket(h.task, AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(weir_sendto(h.task, fd, "x", 1, 0, (struct sockaddr *)&a, sizeof a), 1);
    assert_non_null(strstr(read_text("net/weir/drops"), "1 NO_SOCKET "));
    assert_non_null(strstr(read_text("net/snmp"), "IcmpMsg: InType3 OutType3\nIcmpMsg: 1 1\n"));
}

static int collect(void *ctx, const char *name, int mode)
{
    char *names = ctx;
    strcat(names, name);
    strcat(names, (mode & 0170000) == 0040000 ? "/ " : " ");
    return 0;
}

static void directories_list_each_name_once(void **state)
{
    struct net *net = ((struct machine *)h.machine)->initial_net;
    char names[8192] = "";
    (void)state;
    assert_int_equal(proc_list(net, "sys/net", collect, names), 0);
    assert_string_equal(names, "ipv4/ ipv6/ core/ unix/ ");
    names[0] = 0;
    assert_int_equal(proc_list(net, "sys/net/ipv4/conf", collect, names), 0);
    assert_string_equal(names, "all/ default/ lo/ ");
    names[0] = 0;
    assert_int_equal(proc_list(net, "net", collect, names), 0);
    assert_non_null(strstr(names, " tcp "));
    assert_non_null(strstr(names, " weir/ "));
    assert_int_equal(proc_list(net, "net/tcp", collect, names), -ENOTDIR);
    assert_int_equal(proc_list(net, "net/none", collect, names), -ENOENT);
    assert_int_equal(proc_mode(net, "net"), 0040555);
    assert_int_equal(proc_mode(net, "net/tcp"), 0100444);
    assert_int_equal(proc_mode(net, "net/tc"), -ENOENT);
    assert_int_equal(proc_mode(net, "sys/net/ipv4/tcp_sack"), 0100644);
    struct text t = text_in(names, sizeof names);
    const struct credentials root = { .uid = 0 }, user = { .uid = 1000 };
    assert_int_equal(proc_read(net, &root, "sys/net", &t), -EISDIR);
    assert_int_equal(proc_read(net, &user, "sys/net/ipv4/tcp_fastopen_key", &t), -EACCES);
    assert_int_equal(proc_read(net, &root, "sys/net/ipv4/tcp_fastopen_key", &t), 0);
}

static void a_long_text_comes_whole(void **state)
{
    static char text[400000];
    (void)state;
    for (int i = 0; i < 2000; i++) {
        struct sockaddr_in a = loopback4((uint16_t)(10000 + i));
        int fd = weir_socket(h.task, AF_INET, SOCK_DGRAM, 0);
        assert_int_equal(weir_bind(h.task, fd, (struct sockaddr *)&a, sizeof a), 0);
    }
    assert_int_equal(weir_proc_read(h.task, "net/udp", text, 100), 2001 * 128);
    assert_int_equal(weir_proc_read(h.task, "net/udp", text, sizeof text), 2001 * 128);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(first_lines_are_the_kernels), T(protocols_say_yes_or_no_to_each_operation), T(snmp6_has_the_kernels_names_in_order), T(a_connection_is_shown_at_both_ends),
        T(lost_datagrams_are_explained), T(directories_list_each_name_once), T(a_long_text_comes_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
