/* libweir-packetdrill.so: weir as the stack under test of the original packetdrill (--so_filename). One machine in
 * virtual time for each script, on the other side of a tun0 that is packetdrill itself.
 *
 * packetdrill has two threads, which move the clock by what they call (usleep, the next packet, asking for the time).
 * The second makes the calls that a script says to wait. Such a call sleeps in the host's kernel, which is how
 * packetdrill sees that it waits. When it ends, the clock stands still until its thread has asked for the time. */
#ifndef DRILL_SHARED_OBJECT_H
#define DRILL_SHARED_OBJECT_H

#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>
#include <weir/device.h>
#include <weir/socket.h>

/* What packetdrill_interface_init() fills in: packetdrill's binary interface. Functions get userdata first. */
struct packetdrill_interface {
    void *userdata;
    void (*free)(void *);
    int (*socket)(void *, int family, int type, int protocol);
    int (*bind)(void *, int fd, const struct sockaddr *, socklen_t);
    int (*listen)(void *, int fd, int backlog);
    int (*accept)(void *, int fd, struct sockaddr *, socklen_t *);
    int (*connect)(void *, int fd, const struct sockaddr *, socklen_t);
    ssize_t (*read)(void *, int fd, void *, size_t);
    ssize_t (*readv)(void *, int fd, const struct iovec *, int);
    ssize_t (*recv)(void *, int fd, void *, size_t, int flags);
    ssize_t (*recvfrom)(void *, int fd, void *, size_t, int flags, struct sockaddr *, socklen_t *);
    ssize_t (*recvmsg)(void *, int fd, struct msghdr *, int flags);
    ssize_t (*write)(void *, int fd, const void *, size_t);
    ssize_t (*writev)(void *, int fd, const struct iovec *, int);
    ssize_t (*send)(void *, int fd, const void *, size_t, int flags);
    ssize_t (*sendto)(void *, int fd, const void *, size_t, int flags, const struct sockaddr *, socklen_t);
    ssize_t (*sendmsg)(void *, int fd, const struct msghdr *, int flags);
    int (*fcntl)(void *, int fd, int command, ...);
    int (*ioctl)(void *, int fd, unsigned long request, ...);
    int (*close)(void *, int fd);
    int (*shutdown)(void *, int fd, int how);
    int (*getsockopt)(void *, int fd, int level, int name, void *, socklen_t *);
    int (*setsockopt)(void *, int fd, int level, int name, const void *, socklen_t);
    int (*poll)(void *, struct pollfd *, nfds_t, int timeout_ms);
    int (*netdev_send)(void *, const void *packet, size_t bytes);                              /* into the stack */
    int (*netdev_receive)(void *, void *packet, size_t *bytes, long long *time_us); /* the next that leaves it */
    int (*usleep)(void *, useconds_t);
    int (*gettimeofday)(void *, struct timeval *, struct timezone *);
    int (*epoll_create)(void *, int size);
    int (*epoll_ctl)(void *, int epfd, int op, int fd, struct epoll_event *);
    int (*epoll_wait)(void *, int epfd, struct epoll_event *, int count, int timeout_ms);
    int (*pipe)(void *, int fds[2]);
    int (*splice)(void *, int in, loff_t *in_offset, int out, loff_t *out_offset, size_t, unsigned flags);
};

/* A packet that left the machine and was not asked for yet. */
struct sniffed { struct sniffed *next; uint64_t at_ns; size_t byte_count; uint8_t bytes[]; };

enum { SHARED_DEVICE_BYTES = 16, SHARED_THREADS = 8 };
extern const char shared_device[SHARED_DEVICE_BYTES]; /* "tun0", here and on the host */

struct shared_host {
    pthread_mutex_t lock;          /* of all below; never held while waiting */
    pthread_cond_t has_returned;   /* a thread whose call ended has asked for the time */
    pthread_t main_thread;
    pid_t main_tid;
    pthread_t returning[SHARED_THREADS]; /* whose call ended and that have not asked for the time yet */
    unsigned returning_count;
    pid_t asked_tid;               /* of the thread that last returned, until it has had time to finish; 0: none */
    struct weir_env env;
    struct weir_machine *machine;
    struct weir_task *task;
    struct sniffed *first, **last;
    bool *is_ours;                 /* by descriptor */
    int room;
    bool is_stale;                 /* the host's settings may have changed */
    char proc_directory[64];       /* of texts of the machine's /proc/net, for the commands of scripts; "": not made */
};

/* shared_object_machine.c: the machine, its clock, its packets. All want the lock. */
bool shared_machine_create(struct shared_host *h, const char *flags);
void shared_machine_destroy(struct shared_host *h);
uint64_t shared_time_us(const struct shared_host *h, uint64_t machine_ns); /* since 1970 */
void shared_advance(struct shared_host *h, uint64_t to_ns); /* timers one by one, waiting for threads that return */
bool shared_advance_to_next(struct shared_host *h);                         /* false: nothing will ever happen */
struct sniffed *shared_next_packet(struct shared_host *h); /* waits for it; NULL: none comes. The caller frees it */

/* shared_object_call.c */
/* A system call of the machine, waiting when it waits. Its result, or -errno; a new descriptor is one of the host's. */
int64_t shared_call(struct shared_host *h, long number, const uint64_t args[6]);
int64_t shared_adopt(struct shared_host *h, int fd);        /* gives a file a number of the host's; it or -errno */
void shared_forget(struct shared_host *h, int fd);          /* closed: by the machine and by the host */
void shared_wait_for_returning(struct shared_host *h);
bool shared_thread_asked(struct shared_host *h); /* this thread asks for the time. True: its call has just ended */
/* Of a thread that returned: what it does with its result takes no time. Without the lock. */
void shared_let_finish(struct shared_host *h);
bool shared_is_ours(const struct shared_host *h, int fd);

/* shared_object_settings.c: what scripts change on the host (sysctls, the routes and the device of its namespace) is
 * read from there when it may have changed. */
struct shared_flags { char local[4][64], remote[4][64]; unsigned local_count, remote_count, mtu_bytes; uint64_t seed; };
void shared_flags_parse(const char *text, struct shared_flags *out);
unsigned shared_host_mtu(void);                             /* 0: no such device */
void shared_copy_addresses(struct shared_host *h);
void shared_copy_settings(struct shared_host *h);
void shared_publish_proc(struct shared_host *h);            /* writes the texts into proc_directory */
/* What a script's command did that cannot be read from the host. */
void shared_follow_command(struct shared_host *h, const char *command);
void shared_unpublish_proc(struct shared_host *h);

/* shared_object_splice.c: between sockets of the machine and pipes or files of the host. Results or -errno. */
int64_t shared_splice(struct shared_host *h, int in, loff_t *in_offset, int out, loff_t *out_offset, size_t bytes,
                      unsigned flags);
int64_t shared_sendfile(struct shared_host *h, int out, int in, off_t *offset, size_t bytes);

/* shared_object_patch.c: calls of packetdrill itself that its interface leaves out. Done once in a process. */
struct shared_patch { const char *name; void *replacement; };
void shared_patch_program(const struct shared_patch *patches, unsigned count);

#endif
