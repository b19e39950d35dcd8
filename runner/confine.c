#include "runner/confine.h"

#include <assert.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#endif

/* Hot ones first. */
static const int allowed[] = {
    SYS_ppoll, SYS_ioctl, SYS_epoll_pwait, SYS_pidfd_getfd, SYS_fstat, SYS_newfstatat, SYS_fcntl, SYS_close,
    SYS_process_vm_readv, SYS_process_vm_writev, SYS_recvfrom, SYS_sendto, SYS_read, SYS_write, SYS_clock_gettime,
    SYS_socketpair, SYS_setsockopt, SYS_getsockopt, SYS_epoll_ctl, SYS_sendmsg, SYS_recvmsg, SYS_shutdown,
    SYS_openat, SYS_readlinkat, SYS_pidfd_open, SYS_pread64, SYS_pwrite64, SYS_lseek, SYS_writev, SYS_readv, SYS_tee, SYS_pipe2,
    SYS_preadv2, SYS_pwritev2, SYS_memfd_create, SYS_accept4, SYS_mmap, SYS_munmap, SYS_mprotect, SYS_madvise, SYS_mremap, SYS_brk, SYS_futex,
    SYS_getpid, SYS_geteuid, SYS_getuid, SYS_unlinkat, SYS_mkdirat, SYS_ftruncate, SYS_getrandom, SYS_exit_group,
    SYS_exit, SYS_rt_sigreturn, SYS_restart_syscall, SYS_rt_sigprocmask, SYS_rt_sigaction, SYS_tgkill, SYS_gettid,
    SYS_prctl, SYS_rseq, SYS_set_robust_list, SYS_sched_yield,
#ifdef SYS_epoll_wait
    SYS_epoll_wait, SYS_poll, SYS_unlink, SYS_mkdir, SYS_lstat, SYS_stat, SYS_readlink,
#endif
};

static const int deadly[] = {
    SYS_execve, SYS_execveat, SYS_ptrace, SYS_socket, SYS_connect, SYS_bind, SYS_init_module, SYS_finit_module, SYS_bpf,
    SYS_clone, SYS_clone3,
#ifdef SYS_fork
    SYS_fork, SYS_vfork,
#endif
};

enum { LIST_MAX = 128 };

static_assert(sizeof(allowed) / sizeof(allowed[0]) + sizeof(deadly) / sizeof(deadly[0]) < LIST_MAX, "the program fits");

struct confine_program {
    struct sock_filter code[2 * LIST_MAX + 8];
    unsigned short length;
};

static void emit(struct confine_program *p, int code, uint32_t k, uint8_t jump_false)
{
    p->code[p->length++] = (struct sock_filter){ .code = (uint16_t)code, .jf = jump_false, .k = k };
}

static void answer_if_equal(struct confine_program *p, uint32_t value, uint32_t action)
{
    emit(p, BPF_JMP | BPF_JEQ | BPF_K, value, 1);
    emit(p, BPF_RET | BPF_K, action, 0);
}

int confine_process(void)
{
    struct confine_program p = { .length = 0 };
    struct sock_fprog program;

    emit(&p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offsetof(struct seccomp_data, arch), 0);
    p.code[p.length++] = (struct sock_filter){ .code = BPF_JMP | BPF_JEQ | BPF_K, .jt = 1, .k = NATIVE_ARCH };
    emit(&p, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS, 0);
    emit(&p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offsetof(struct seccomp_data, nr), 0);
    for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
        answer_if_equal(&p, (uint32_t)allowed[i], SECCOMP_RET_ALLOW);
    for (size_t i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++)
        answer_if_equal(&p, (uint32_t)deadly[i], SECCOMP_RET_KILL_PROCESS);
    emit(&p, BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM, 0);
    program = (struct sock_fprog){ .len = p.length, .filter = p.code };
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) == 0 ? 0 : -errno;
}
