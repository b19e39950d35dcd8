/* Commands of scripts against a machine with a tun0. */
#include "drill/command.h"

#include <weir/device.h>
#include <weir/socket.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct {
    struct weir_env env;
    struct weir_machine *machine;
    struct weir_task *task;
    struct commands *commands;
    uint64_t slept_ns;
    char directory[64], message[512];
} f;

static bool take_packet(void *ctx, const struct weir_port_frame *packet)
{
    (void)ctx;
    (void)packet;
    return true;
}

static void sleep_for(void *ctx, uint64_t ns)
{
    (void)ctx;
    f.slept_ns += ns;
}

static int set_up(void **state)
{
    struct weir_machine_config config = { .seed = { 1, 2 } };
    struct command_machine machine = { .sleep = sleep_for, .directory = f.directory };

    (void)state;
    memset(&f, 0, sizeof f);
    strcpy(f.directory, "/tmp/drill-test-XXXXXX");
    assert_non_null(mkdtemp(f.directory));
    assert_true(weir_env_map(&f.env, 0));
    f.machine = machine.machine = weir_machine_create(&config, &f.env);
    f.task = machine.task = weir_task_create(f.machine);
    assert_int_equal(weir_tun_create(f.machine, "tun0", 1500, take_packet, NULL), 0);
    assert_int_equal(weir_address_add(f.machine, "tun0", "192.168.0.1/16"), 0);
    f.commands = commands_create(&machine);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    commands_destroy(f.commands);
    weir_task_destroy(f.task);
    weir_machine_destroy(f.machine);
    weir_env_unmap(&f.env);
    rmdir(f.directory);
    return 0;
}

static enum command_verdict run(const char *text)
{
    f.message[0] = '\0';
    return commands_run(f.commands, text, f.message, sizeof f.message);
}

static void assert_sysctl(const char *name, const char *expected)
{
    char path[128], value[128] = "";
    long bytes;

    snprintf(path, sizeof path, "sys/net/ipv4/%s", name);
    bytes = weir_proc_read(f.task, path, value, sizeof value - 1);
    assert_true(bytes > 0);
    value[bytes - 1] = '\0';
    assert_string_equal(value, expected);
}

static void test_sysctl(void **state)
{
    (void)state;
    assert_int_equal(run("sysctl -q net.ipv4.tcp_syn_retries=4 net/ipv4/tcp_synack_retries=3"), COMMAND_DONE);
    assert_sysctl("tcp_syn_retries", "4");
    assert_sysctl("tcp_synack_retries", "3");
    assert_int_equal(run("sysctl -q -w net.ipv4.tcp_rmem=\"4096 $((500*1000)) $((15*1024*1024))\"  # a comment"),
                     COMMAND_DONE);
    assert_sysctl("tcp_rmem", "4096\t500000\t15728640");
    assert_int_equal(run("echo 2 > /proc/sys/net/ipv4/tcp_syn_retries"), COMMAND_DONE);
    assert_sysctl("tcp_syn_retries", "2");
    assert_int_equal(run("sysctl -q net.ipv4.no_such=1"), COMMAND_FAILED);
    assert_non_null(strstr(f.message, "status 255: sysctl: net.ipv4.no_such: No such file or directory"));
    assert_int_equal(run("sysctl -q -e net.ipv4.no_such=1"), COMMAND_DONE);
    assert_int_equal(run("sysctl kernel.panic=1"), COMMAND_UNSUPPORTED);
}

static void test_sysctls_are_put_back(void **state)
{
    (void)state;
    assert_int_equal(run("/tmp/sysctl_restore_${PPID}.sh"), COMMAND_FAILED);
    assert_int_equal(run("sysctl -q net.ipv4.tcp_syn_retries=5\n ../common/set_sysctls.py \\\n  /proc/sys/net/ipv4/tcp_syn_retries=9 \\\n"
                         "  /proc/sys/net/ipv4/tcp_wmem=\"4096 50000 4194304\""), COMMAND_DONE);
    assert_sysctl("tcp_syn_retries", "9");
    assert_sysctl("tcp_wmem", "4096\t50000\t4194304");
    assert_int_equal(run("/tmp/sysctl_restore_${PPID}.sh"), COMMAND_DONE);
    assert_sysctl("tcp_syn_retries", "5");
    assert_int_equal(run("set_sysctls.py /proc/sys/net/ipv4/no_such=9"), COMMAND_FAILED);
}

static void test_the_shell(void **state)
{
    static const struct { const char *text; enum command_verdict verdict; } rows[] = {
        { "true", COMMAND_DONE }, { "false", COMMAND_FAILED }, { "false; true", COMMAND_DONE },
        { "false\ntrue", COMMAND_DONE }, { "true && false", COMMAND_FAILED }, { "false || true", COMMAND_DONE },
        { "true || false && false", COMMAND_FAILED }, { "false && \\\n true ||\n true", COMMAND_DONE },
        { "# nothing", COMMAND_DONE }, { "", COMMAND_DONE },
        { "A=3; B=$((A*2 + 1)); sysctl -q net.ipv4.tcp_syn_retries=$B", COMMAND_DONE },
        { "echo a | grep b", COMMAND_FAILED }, { "echo 'a b' | grep -q \"a b\"", COMMAND_DONE },
        { "echo $(echo x)y | grep '^xy$'", COMMAND_DONE }, { "nstat > /dev/null 2>&1", COMMAND_DONE },
        { "sysctl net.ipv4.no_such &> /dev/null || true", COMMAND_DONE },
        { "if true; then true; fi", COMMAND_UNSUPPORTED }, { "iptables -L", COMMAND_UNSUPPORTED },
        { "true &", COMMAND_UNSUPPORTED }, { "echo x > /etc/weir-test", COMMAND_UNSUPPORTED },
        { "cat /etc/passwd", COMMAND_UNSUPPORTED }, { "rm -f /etc/weir-test", COMMAND_UNSUPPORTED },
        { "rm -f /tmp/../etc/weir-test", COMMAND_UNSUPPORTED }, { "false || iptables", COMMAND_UNSUPPORTED },
        { "true || iptables", COMMAND_DONE }, { "./no-such-script.sh", COMMAND_FAILED },
        { "sleep 1.5; sleep 2s", COMMAND_DONE },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        commands_destroy(f.commands);
        f.commands = commands_create(&(struct command_machine){ .machine = f.machine, .task = f.task,
            .directory = f.directory, .sleep = sleep_for });
        if (run(rows[i].text) != rows[i].verdict)
            fail_msg("%s: %s", rows[i].text, f.message);
    }
    assert_sysctl("tcp_syn_retries", "7");
    assert_int_equal(f.slept_ns, 3500000000);
}

static void test_scripts_run_scripts(void **state)
{
    char path[128];
    FILE *file;

    (void)state;
    snprintf(path, sizeof path, "%s/inner.sh", f.directory);
    file = fopen(path, "w");
    fputs("#!/bin/sh\n# sets one\nsysctl -q net.ipv4.tcp_syn_retries=8\n", file);
    fclose(file);
    assert_int_equal(run("./inner.sh"), COMMAND_DONE);
    assert_sysctl("tcp_syn_retries", "8");
    assert_int_equal(commands_run_file(f.commands, "inner.sh", f.message, sizeof f.message), COMMAND_DONE);
    unlink(path);
}

static void test_routes_and_devices(void **state)
{
    static const struct { const char *text; enum command_verdict verdict; } rows[] = {
        { "ip route add 192.0.2.1 via 192.168.0.2 dev tun0", COMMAND_DONE },
        { "ip route add 192.0.2.1 via 192.168.0.2 dev tun0", COMMAND_FAILED },
        { "ip route change 192.0.2.1 via 192.168.0.2 dev tun0 advmss 600 mtu lock 640 initcwnd 11", COMMAND_DONE },
        { "ip route change 198.51.100.1 via 192.168.0.2 dev tun0", COMMAND_FAILED },
        { "ip route del 192.0.2.1", COMMAND_DONE }, { "ip route del 192.0.2.1", COMMAND_FAILED },
        { "ip -6 route add 2001:db8::/32 dev tun0 mtu 1400", COMMAND_DONE },
        { "ip route add default via 192.168.0.3 rto_min 5ms quickack 1 features ecn", COMMAND_DONE },
        { "ip route add 10.0.0.0/8 encap seg6", COMMAND_UNSUPPORTED },
        { "ip route add 10.0.0.0/8 dev eth9", COMMAND_FAILED }, { "ip link set dev tun0 mtu 1400", COMMAND_DONE },
        { "ip link set tun0 down && ip link set tun0 up", COMMAND_DONE },
        { "ip addr add 10.9.8.7/24 dev tun0 && ip addr del 10.9.8.7/24 dev tun0", COMMAND_DONE },
        { "ip addr add nonsense dev tun0", COMMAND_FAILED },
        { "ip tcp_metrics flush all > /dev/null 2>&1", COMMAND_DONE }, { "ip tcp_metrics show", COMMAND_DONE },
        { "ip tcp_metrics flush 192.0.2.1", COMMAND_DONE }, { "ip tcp_metrics magic", COMMAND_UNSUPPORTED },
        { "ip netns add x", COMMAND_UNSUPPORTED }, { "tc qdisc delete dev tun0 root", COMMAND_FAILED },
        { "tc qdisc add dev tun0 root pfifo", COMMAND_DONE }, { "tc qdisc add dev tun0 root pfifo", COMMAND_FAILED },
        { "tc qdisc replace dev tun0 root fq", COMMAND_DONE },
        { "tc qdisc replace dev tun0 root pfifo limit 0", COMMAND_DONE },
        { "tc qdisc replace dev tun0 root netem delay 10ms loss 1%", COMMAND_DONE },
        { "tc qdisc replace dev tun0 root htb", COMMAND_UNSUPPORTED },
        { "tc qdisc add dev eth9 root fq", COMMAND_FAILED }, { "ethtool -K tun0 tso off gso off", COMMAND_DONE },
        { "ethtool -K tun0 gro off", COMMAND_DONE }, { "ethtool -K tun0 magic off", COMMAND_UNSUPPORTED },
        { "echo 3 > /sys/module/tcp_cubic/parameters/hystart_detect", COMMAND_DONE },
        { "echo 1 > /sys/module/tcp_cubic/parameters/hystart_detect; grep -q '^1$' /sys/module/tcp_cubic/parameters/hystart_detect", COMMAND_DONE },
        { "echo 1 > /sys/module/tcp_bbr/parameters/no_such", COMMAND_UNSUPPORTED },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        enum command_verdict verdict = run(rows[i].text);

        if (verdict != rows[i].verdict)
            fail_msg("%s: %d: %s", rows[i].text, verdict, f.message);
        if (verdict == COMMAND_UNSUPPORTED) {
            commands_destroy(f.commands);
            f.commands = commands_create(&(struct command_machine){ .machine = f.machine, .task = f.task,
                .directory = f.directory });
        }
    }
}

static void test_counters_since_last_time(void **state)
{
    (void)state;
    assert_int_equal(run("nstat > /dev/null"), COMMAND_DONE);
    assert_int_equal(run("nstat | grep UdpNoPorts"), COMMAND_FAILED);
    assert_int_equal(run("nstat -az | grep -q '^UdpNoPorts  *0'"), COMMAND_DONE);
    assert_int_equal(run("cat /proc/net/tcp | grep -q local_address"), COMMAND_DONE);
    assert_int_equal(run("grep \" 0A \" /proc/net/tcp /proc/net/tcp6"), COMMAND_FAILED);
}

static void test_plain_files_below_tmp(void **state)
{
    char text[512];

    (void)state;
    snprintf(text, sizeof text, "/bin/dd bs=1 count=5 if=/dev/zero of=%s/data status=none && echo more >> %s/data; /bin/rm -f %s/data", f.directory,
             f.directory, f.directory);
    assert_int_equal(run(text), COMMAND_DONE);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sysctl, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sysctls_are_put_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_shell, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_scripts_run_scripts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_routes_and_devices, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_counters_since_last_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_plain_files_below_tmp, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
