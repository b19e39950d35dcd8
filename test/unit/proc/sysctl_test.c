/* The sysctl tree beside the kernel's in a new namespace: defaults, and what writes are taken or refused. */
#include "machine/hosts.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/text.h"
#include "file/task.h"
#include "proc/proc.h"

static struct host h;
static bool has_kernel;
static const struct credentials root = { .capabilities = UINT64_MAX };

static struct net *net(void) { return ((struct machine *)h.machine)->initial_net; }

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

static bool kernel_is_ready(void)
{
    struct utsname name;
    int major, minor;
    if (uname(&name) || sscanf(name.release, "%d.%d", &major, &minor) != 2 || major != 6 || minor < 18) return false;
    return !unshare(CLONE_NEWNET) || !unshare(CLONE_NEWUSER | CLONE_NEWNET);
}

static long kernel_read(const char *path, char *text, size_t size)
{
    char full[256];
    snprintf(full, sizeof full, "/proc/%s", path);
    int fd = open(full, O_RDONLY);
    long n = fd < 0 ? -errno : read(fd, text, size - 1);
    if (fd >= 0) close(fd);
    if (n >= 0) text[n] = 0;
    return n;
}

static long kernel_write(const char *path, const char *text)
{
    char full[256];
    snprintf(full, sizeof full, "/proc/%s", path);
    int fd = open(full, O_WRONLY);
    long n = fd < 0 ? -errno : write(fd, text, strlen(text));
    if (n < 0 && fd >= 0) n = -errno;
    if (fd >= 0) close(fd);
    return n;
}

static long our_read(const char *path, char *text, size_t size)
{
    struct text t = text_in(text, size - 1);
    int error = proc_read(net(), &root, path, &t);
    text[t.length] = 0;
    return error ? error : (long)t.length;
}

/* Set by the administrator of the test's machine, or sized by its memory; and conf/lo, which the kernel copies from the
 * machine's first namespace. */
static bool is_comparable(const char *path)
{
    static const char *const local[] = { "sys/net/core/", "tcp_mem", "udp_mem", "tcp_max_orphans", "tcp_max_tw_buckets", "tcp_max_syn_backlog",
        "tcp_rmem", "tcp_wmem", "mld_qrv", "congestion_control", "addr_gen_mode", "gc_", "stat", "/neigh/" };
    for (size_t i = 0; i < array_count(local); i++)
        if (strstr(path, local[i])) return false;
    return true;
}

struct walk { char directory[128]; unsigned compared, different; };

static int compare_entry(void *ctx, const char *name, int mode)
{
    struct walk *w = ctx;
    char path[256], ours[4096], theirs[4096];
    snprintf(path, sizeof path, "%s/%s", w->directory, name);
    if ((mode & 0170000) == 0040000) {
        struct walk below = { .compared = 0 };
        snprintf(below.directory, sizeof below.directory, "%.127s", path);
        assert_int_equal(proc_list(net(), path, compare_entry, &below), 0);
        w->compared += below.compared;
        w->different += below.different;
        return 0;
    }
    assert_true(our_read(path, ours, sizeof ours) >= 0);
    long n = kernel_read(path, theirs, sizeof theirs);
    if (!is_comparable(path)) return 0;
    if (n < 0) {
        print_message("%s: the kernel has none\n", path);
        w->different++;
        return 0;
    }
    w->compared++;
    if (!strcmp(ours, theirs)) return 0;
    print_message("%s: kernel %.60s  weir %.60s\n", path, theirs, ours);
    w->different++;
    return 0;
}

static void defaults_are_the_kernels(void **state)
{
    struct walk w = { .directory = "sys/net" };
    (void)state;
    if (!has_kernel) skip();
    assert_int_equal(proc_list(net(), "sys/net", compare_entry, &w), 0);
    assert_true(w.compared > 100);
    assert_int_equal(w.different, 0);
}

static void writes_are_taken_as_the_kernel_takes_them(void **state)
{
    static const struct { const char *path, *text; } writes[] = {
        { "ipv4/tcp_sack", "0" }, { "ipv4/tcp_sack", "1\n" }, { "ipv4/tcp_sack", " 1 " }, { "ipv4/tcp_sack", "256" }, { "ipv4/tcp_sack", "-1" },
        { "ipv4/tcp_sack", "x" }, { "ipv4/tcp_sack", "1x" }, { "ipv4/tcp_sack", "" }, { "ipv4/tcp_sack", "\n" }, { "ipv4/tcp_sack", "0x10" },
        { "ipv4/tcp_sack", "010" }, { "ipv4/tcp_sack", "1 2" }, { "ipv4/tcp_retries2", "15" }, { "ipv4/tcp_fin_timeout", "30" },
        { "ipv4/ip_local_port_range", "1024 2000" }, { "ipv4/ip_local_port_range", "1023 2000" }, { "ipv4/ip_local_port_range", "3000 2000" },
        { "ipv4/ip_local_port_range", "2000 70000" }, { "ipv4/ip_local_port_range", "1500" }, { "ipv4/ip_local_port_range", "1024\t65535\n" },
        { "ipv4/ip_unprivileged_port_start", "1025" }, { "ipv4/ip_unprivileged_port_start", "0" }, { "ipv4/ip_unprivileged_port_start", "65536" },
        { "ipv4/ip_local_reserved_ports", "80,443,8000-8010\n" }, { "ipv4/ip_local_reserved_ports", "70000" },
        { "ipv4/ip_local_reserved_ports", "5-4" }, { "ipv4/ip_local_reserved_ports", "" }, { "ipv4/ip_local_reserved_ports", "\n" },
        { "ipv4/tcp_rmem", "4096 8192 16384" }, { "ipv4/tcp_rmem", "0 8192 16384" }, { "ipv4/tcp_rmem", "5000" },
        { "ipv4/tcp_congestion_control", "reno\n" }, { "ipv4/tcp_congestion_control", "nonesuch" },
        { "ipv4/ping_group_range", "0 100" }, { "ipv4/ping_group_range", "100 0" },
        { "ipv4/ip_forward", "1" }, { "ipv4/conf/lo/forwarding", "0" }, { "ipv4/conf/all/forwarding", "0" }, { "ipv4/conf/lo/rp_filter", "2" },
        { "ipv4/conf/default/rp_filter", "junk" }, { "ipv4/ip_default_ttl", "0" }, { "ipv4/ip_default_ttl", "255" }, { "ipv4/ip_default_ttl", "256" },
        { "ipv6/icmp/ratemask", "0-1,3-127" }, { "ipv6/conf/all/forwarding", "1" }, { "ipv6/bindv6only", "1" },
        { "ipv4/neigh/lo/retrans_time_ms", "500" },
        { "ipv4/tcp_notsent_lowat", "4294967295" }, { "ipv4/tcp_notsent_lowat", "4294967296" }, { "ipv4/tcp_syncookies", "3" },
    };
    unsigned different = 0;
    (void)state;
    if (!has_kernel) skip();
    for (size_t i = 0; i < array_count(writes); i++) {
        char path[128], ours[4096], theirs[4096];
        snprintf(path, sizeof path, "sys/net/%s", writes[i].path);
        long kernel = kernel_write(path, writes[i].text);
        long weir = writes[i].text[0] ? proc_write(net(), &root, path, writes[i].text, strlen(writes[i].text)) : 0; /* write(2) of nothing stops earlier */
        kernel_read(path, theirs, sizeof theirs);
        our_read(path, ours, sizeof ours);
        if (kernel == weir && !strcmp(ours, theirs)) continue;
        different++;
        print_message("%s <- \"%s\": kernel %ld %s, weir %ld %s\n", path, writes[i].text, kernel, theirs, weir, ours);
    }
    assert_int_equal(different, 0);
}

static void not_everybody_may_write(void **state)
{
    const struct credentials user = { .uid = 1000 }, admin = { .uid = 1000, .capabilities = 1ull << CAP_NET_ADMIN };
    (void)state;
    assert_int_equal(proc_write(net(), &user, "sys/net/ipv4/tcp_sack", "0", 1), -EACCES);
    assert_int_equal(proc_write(net(), &admin, "sys/net/ipv4/tcp_sack", "0", 1), 1);
    assert_int_equal(proc_write(net(), &root, "sys/net/ipv4/tcp_available_congestion_control", "x", 1), -EACCES);
    assert_int_equal(proc_write(net(), &root, "sys/net/ipv4", "x", 1), -EISDIR);
    assert_int_equal(proc_write(net(), &root, "sys/net/ipv4/nonesuch", "x", 1), -ENOENT);
    assert_int_equal(proc_write(net(), &root, "net/tcp", "x", 1), -EACCES);
}

int main(void)
{
    has_kernel = kernel_is_ready();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(defaults_are_the_kernels, setup, teardown),
        cmocka_unit_test_setup_teardown(writes_are_taken_as_the_kernel_takes_them, setup, teardown),
        cmocka_unit_test_setup_teardown(not_everybody_may_write, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
