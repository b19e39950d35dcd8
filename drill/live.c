/* The running kernel, in real time: a network namespace and a tun0 made for the script, its calls made by this process.
 * A packet socket tells what left and when; what the tun device holds is read when the script takes the packet, as a
 * driver's completion tells TCP. Wants root. Leaves the calling thread in the namespace: the next script has
 * another. */
#include "drill/subject.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/times.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <time.h>


#define SPIN_NS 50000ull             /* sleeping ends late: the last stretch is waited awake */
#define SLEEP_NS 50000ull
#define CALL_LIMIT_S 180              /* after which a call that nobody expects to wait is interrupted */
enum { PACKET_ROOM = 65536 + 256, CAPTURE_BYTES = 2 << 20, QUIET_TICKS = 2, WAKE_SIGNAL = SIGURG };

struct live {
    struct subject subject; /* first */
    const struct script *script;
    int tun_fd, packet_fd;
    timer_t limit;
    bool has_limit;
    struct sched_param old_priority;
    int old_policy;
    struct sigaction old_pipe, old_wake;
    uint8_t room[PACKET_ROOM];
};

struct waiting_call {
    struct subject_call *call;
    pthread_t thread;
    atomic_int thread_id;        /* 0: has not come to the call yet */
    atomic_bool is_over;
    uint64_t ended_ns;
    int64_t result;
};

static struct live *of(struct subject *s) { return (struct live *)(void *)s; }

static uint64_t real_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t live_now(struct subject *s)
{
    (void)s;
    return real_now();
}

static void sleep_until(uint64_t ns)
{
    struct timespec t = { (time_t)(ns / 1000000000u), (long)(ns % 1000000000u) };
    while (clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &t, NULL) == EINTR) continue;
}

static void live_wait(struct subject *s, uint64_t until_ns)
{
    (void)s;
    if (real_now() + SPIN_NS < until_ns) sleep_until(until_ns - SPIN_NS);
    while (real_now() < until_ns) continue;
}

/* A quarter of a millisecond behind an edge of the kernel's ticks, which times() shows. */
static uint64_t live_ready(struct subject *s)
{
    uint64_t edge_ns = real_now();
    clock_t last = times(NULL);
    for (int ticks = 0; ticks < QUIET_TICKS;) {
        clock_t now = times(NULL);
        if (now == last) continue;
        edge_ns = real_now();
        last = now;
        ticks++;
    }
    live_wait(s, edge_ns + 250000);
    return edge_ns + 250000;
}

/* One packet off the capture. False: there was none, or one that did not leave by tun0. */
static bool take_captured(struct live *l, struct subject_packet **out)
{
    union { struct cmsghdr align; uint8_t bytes[256]; } control;
    struct sockaddr_ll from = { 0 };
    struct iovec piece = { l->room, sizeof l->room };
    struct msghdr m = { .msg_name = &from,
        .msg_namelen = sizeof from,
        .msg_iov = &piece,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = sizeof control };
    uint8_t consumed[sizeof(struct virtio_net_hdr) + 1];
    ssize_t n = recvmsg(l->packet_fd, &m, MSG_DONTWAIT);
    *out = NULL;
    if (n < 0 || from.sll_pkttype != PACKET_OUTGOING) return n >= 0;
    struct timespec stamp = { 0 };
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c))
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_TIMESTAMPNS) memcpy(&stamp, CMSG_DATA(c), sizeof stamp);
    struct subject_packet *p = malloc(sizeof *p + (size_t)n);
    if (!p) return true;
    *p = (struct subject_packet){ .time_ns = (uint64_t)stamp.tv_sec * 1000000000u + (uint64_t)stamp.tv_nsec,
        .byte_count = (size_t)n };
    memcpy(p->bytes, l->room, (size_t)n);
    *out = p;
    if (read(l->tun_fd, consumed, sizeof consumed) < 0) return true; /* the device dropped it since */
    return true;
}

static struct subject_packet *live_receive(struct subject *s, uint64_t until_ns)
{
    struct live *l = of(s);
    struct subject_packet *p = NULL;
    for (;;) {
        while (take_captured(l, &p))
            if (p) return p;
        uint64_t now_ns = real_now();
        if (now_ns >= until_ns) return NULL;
        struct pollfd in = { .fd = l->packet_fd, .events = POLLIN };
        struct timespec left = { (time_t)((until_ns - now_ns) / 1000000000u),
            (long)((until_ns - now_ns) % 1000000000u) };
        ppoll(&in, 1, &left, NULL);
    }
}

static bool live_send(struct subject *s, const uint8_t *packet, size_t bytes, unsigned segment_bytes, bool is_tcp)
{
    struct virtio_net_hdr h = { 0 };
    struct iovec pieces[] = { { &h, sizeof h }, { (void *)(uintptr_t)packet, bytes } };
    if (is_tcp && segment_bytes) {
        h.gso_type = *packet >> 4 == 4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;
        h.gso_size = (uint16_t)segment_bytes;
    }
    return writev(of(s)->tun_fd, pieces, 2) == (ssize_t)(sizeof h + bytes);
}

static int64_t make_call(const struct subject_call *c)
{
    long result = syscall(c->number, c->args[0], c->args[1], c->args[2], c->args[3], c->args[4], c->args[5]);
    return result < 0 ? -errno : result;
}

static void *call_thread(void *arg)
{
    struct waiting_call *w = arg;
    atomic_store(&w->thread_id, (int)syscall(SYS_gettid));
    w->result = make_call(w->call);
    w->ended_ns = real_now();
    atomic_store(&w->is_over, true);
    return NULL;
}

static bool is_asleep(int thread_id)
{
    char path[64], text[512];
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", thread_id);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0) close(fd);
    if (n <= 0) return false;
    text[n] = '\0';
    const char *end = strrchr(text, ')');
    return end && end[1] == ' ' && end[2] == 'S';
}

static void live_finish(struct subject *s, struct subject_call *c, uint64_t until_ns)
{
    struct waiting_call *w = c->waiting;
    (void)s;
    if (!w) return;
    while (!atomic_load(&w->is_over) && real_now() < until_ns) sleep_until(real_now() + SLEEP_NS);
    if (!atomic_load(&w->is_over)) return;
    pthread_join(w->thread, NULL);
    c->result = w->result;
    c->ended_ns = w->ended_ns;
    c->is_ended = true;
    c->waiting = NULL;
    free(w);
}

static void limit_call(struct live *l, time_t seconds)
{
    struct itimerspec t = { .it_value.tv_sec = seconds };
    if (l->has_limit) timer_settime(l->limit, 0, &t, NULL);
}

static void live_begin(struct subject *s, struct subject_call *c)
{
    struct waiting_call *w = c->is_blocking ? calloc(1, sizeof *w) : NULL;
    if (w) {
        w->call = c;
        c->waiting = w;
        if (pthread_create(&w->thread, NULL, call_thread, w) == 0) {
            while (!atomic_load(&w->thread_id)) sched_yield();
            while (!atomic_load(&w->is_over) && !is_asleep(atomic_load(&w->thread_id))) sched_yield();
            live_finish(s, c, 0);
            return;
        }
        free(w);
        c->waiting = NULL;
    }
    limit_call(of(s), CALL_LIMIT_S);
    c->result = make_call(c);
    limit_call(of(s), 0);
    c->ended_ns = real_now();
    c->is_ended = true;
}

static void live_give_up(struct subject *s, struct subject_call *c)
{
    struct waiting_call *w = c->waiting;
    if (!w) return;
    while (!atomic_load(&w->is_over)) {
        pthread_kill(w->thread, WAKE_SIGNAL);
        sleep_until(real_now() + SLEEP_NS);
    }
    live_finish(s, c, 0);
}

/* --- Commands: a shell of this host, in the namespace. */

static void become_shell(const struct live *l, const char *text, int output_fd)
{
    char parent[16];
    snprintf(parent, sizeof parent, "%d", (int)getppid());
    sched_setscheduler(0, SCHED_OTHER, &(struct sched_param){ 0 });
    signal(SIGPIPE, SIG_DFL);
    dup2(output_fd, STDOUT_FILENO);
    dup2(output_fd, STDERR_FILENO);
    if (chdir(l->script->directory) < 0) _exit(127);
    setenv("PACKETDRILL_PID", parent, 1);
    execl("/bin/sh", "sh", "-c", text, (char *)NULL);
    _exit(127);
}

static enum command_verdict live_command(struct subject *s, const char *text, char *message, size_t bytes)
{
    int status = -1, output = memfd_create("output", MFD_CLOEXEC);
    pid_t child = fork();
    if (child == 0) become_shell(of(s), text, output);
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
    ssize_t n = pread(output, message, bytes - 1, 0);
    close(output);
    message[n > 0 ? n : 0] = '\0';
    if (child > 0 && status == 0) return COMMAND_DONE;
    if (!*message) snprintf(message, bytes, "status %d", WIFEXITED(status) ? WEXITSTATUS(status) : status);
    return COMMAND_FAILED;
}

static int live_set_capability(struct subject *s, unsigned capability, bool is_on)
{
    struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct d[2];
    (void)s;
    if (capability > 63) return -EINVAL;
    if (syscall(SYS_capget, &h, d) < 0) return -errno;
    uint32_t bit = 1u << capability % 32;
    d[capability / 32].effective = is_on ? d[capability / 32].effective | bit : d[capability / 32].effective & ~bit;
    return syscall(SYS_capset, &h, d) < 0 ? -errno : 0;
}

static void live_explain(struct subject *s, FILE *out)
{
    (void)s;
    (void)out;
}

static void live_destroy(struct subject *s)
{
    struct live *l = of(s);
    if (l->packet_fd >= 0) close(l->packet_fd);
    if (l->tun_fd >= 0) close(l->tun_fd);
    if (l->has_limit) timer_delete(l->limit);
    munlockall();
    sched_setscheduler(0, l->old_policy, &l->old_priority);
    sigaction(SIGPIPE, &l->old_pipe, NULL);
    sigaction(WAKE_SIGNAL, &l->old_wake, NULL);
    free(l);
}

static const struct subject_ops live_ops = {
    .name = "kernel",
    .destroy = live_destroy,
    .now = live_now,
    .ready = live_ready,
    .wait = live_wait,
    .receive = live_receive,
    .send = live_send,
    .begin = live_begin,
    .finish = live_finish,
    .give_up = live_give_up,
    .command = live_command,
    .command_file = live_command,
    .set_capability = live_set_capability,
    .explain = live_explain,
};

/* --- The namespace */

static bool shell(struct live *l, char *problem, size_t problem_bytes, const char *format, ...)
{
    char text[512];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    return live_command(&l->subject, text, problem, problem_bytes) == COMMAND_DONE;
}

/* As packetdrill has it: checksums and large sends are left to the device. */
static bool open_tun(struct live *l)
{
    struct ifreq request = { .ifr_name = "tun0", .ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR };
    l->tun_fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    return l->tun_fd >= 0 && ioctl(l->tun_fd, TUNSETIFF, &request) == 0 &&
        ioctl(l->tun_fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN) == 0;
}

static bool open_capture(struct live *l)
{
    struct sockaddr_ll tun0 = {
        .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = (int)if_nametoindex("tun0")
    };
    int on = 1, room = CAPTURE_BYTES;
    l->packet_fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    return l->packet_fd >= 0 && setsockopt(l->packet_fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) == 0 &&
        setsockopt(l->packet_fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) == 0 &&
        bind(l->packet_fd, (const struct sockaddr *)&tun0, sizeof tun0) == 0;
}

static bool lay_out(struct live *l, char *problem, size_t problem_bytes)
{
    const struct script_settings *s = &l->script->settings;
    /* Linux's own defaults: a namespace begins with what this host was tuned to. Where cubic may not be chosen, its own stays. */
    if (!shell(l, problem, problem_bytes, "ip link set lo up && ip link set tun0 mtu %u up && "
            "sysctl -q net.ipv4.tcp_rmem='4096 131072 6291456' net.ipv4.tcp_wmem='4096 16384 4194304' && "
            "{ sysctl -q net.ipv4.tcp_congestion_control=cubic 2>/dev/null || true; }", s->mtu_bytes))
        return false;
    if (s->speed_mbits &&
        !shell(l, problem, problem_bytes, "ethtool -s tun0 speed %llu autoneg off && ip link set tun0 down && "
            "ip link set tun0 up", (unsigned long long)s->speed_mbits))
        return false;
    if (s->is_anyip)
        return shell(l, problem, problem_bytes, "ip route add %s/%u dev tun0", s->remote_address, s->remote_prefix);
    return shell(l, problem, problem_bytes, "ip addr add %s/%u dev tun0 && ip route add %s/%u dev tun0 via %s",
        s->local_address, s->local_prefix, s->remote_address, s->remote_prefix, s->gateway_address);
}

static void take_signal(int signal) { (void)signal; }

/* Little must come between an event and its time: before ordinary programs, as packetdrill runs. */
static void prepare_process(struct live *l)
{
    struct sched_param urgent = { .sched_priority = sched_get_priority_min(SCHED_RR) };
    struct sigaction ignore = { .sa_handler = SIG_IGN }, wake = { .sa_handler = take_signal };
    l->old_policy = sched_getscheduler(0);
    sched_getparam(0, &l->old_priority);
    if (sysconf(_SC_NPROCESSORS_ONLN) > 1) sched_setscheduler(0, SCHED_RR, &urgent);
    mlockall(MCL_CURRENT | MCL_FUTURE);
    sigaction(SIGPIPE, &ignore, &l->old_pipe);
    sigaction(WAKE_SIGNAL, &wake, &l->old_wake);
    struct sigevent interrupt = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = WAKE_SIGNAL };
    interrupt._sigev_un._tid = (pid_t)syscall(SYS_gettid);
    l->has_limit = timer_create(CLOCK_MONOTONIC, &interrupt, &l->limit) == 0;
}

struct subject *live_create(const struct script *script, char *problem, size_t problem_bytes)
{
    struct live *l = calloc(1, sizeof *l);
    if (!l) return NULL;
    *l = (struct live){ .subject.ops = &live_ops, .script = script, .tun_fd = -1, .packet_fd = -1 };
    prepare_process(l);
    bool is_there = unshare(CLONE_NEWNET) == 0 && open_tun(l) && open_capture(l);
    if (!is_there) snprintf(problem, problem_bytes, "a network namespace with a tun0 of its own: %s", strerror(errno));
    if (is_there && lay_out(l, problem, problem_bytes)) return &l->subject;
    live_destroy(&l->subject);
    return NULL;
}
