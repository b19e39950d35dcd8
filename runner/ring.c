#include "runner/ring.h"

#include "runner/inside.h"
#include "socket/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
    RING_BYTES_MAX = 64 << 20,
    PAGE_BYTES = 4096,
    FRAMES_EACH_TURN = 256,
    MAC_BYTES = 14,
    MAC_ROOM = 16,
    /* Where things are in a frame: the header and the address, each rounded up to TPACKET_ALIGNMENT; room for a MAC header. */
    ADDRESS_OFFSET = (sizeof(struct tpacket2_hdr) + TPACKET_ALIGNMENT - 1) / TPACKET_ALIGNMENT * TPACKET_ALIGNMENT,
    NET_OFFSET = (ADDRESS_OFFSET + sizeof(struct sockaddr_ll) + MAC_ROOM + TPACKET_ALIGNMENT - 1) / TPACKET_ALIGNMENT *
                 TPACKET_ALIGNMENT,
};

struct ring {
    struct list node; /* door->rings */
    struct door_socket *socket;
    int file;
    uint64_t file_inode;
    uint8_t *memory; /* shared with the program: only written, but for the status words */
    size_t bytes;
    unsigned block_bytes, frame_bytes, frame_count, next; /* frames do not cross blocks */
    int held_end; /* the program's end while the file stands in for it; -1 */
};

static bool is_packet_socket(const struct door_socket *socket)
{
    const struct socket *core_socket = socket_from_file(socket->file);

    return core_socket && core_socket->ops->family == AF_PACKET;
}

static int answer_header_length(struct trapped_call *c)
{
    int value, length = sizeof(value);

    if (task_read(c->task, &value, c->data.args[3], sizeof(value)) < 0)
        return -EFAULT;
    if (value != TPACKET_V2)
        return -EINVAL; /* libpcap then asks for an older one */
    value = sizeof(struct tpacket2_hdr);
    if (task_write(c->task, c->data.args[3], &value, sizeof(value)) < 0 ||
        task_write(c->task, c->data.args[4], &length, sizeof(length)) < 0)
        return -EFAULT;
    return 0;
}

static int make_memory(struct ring *ring)
{
    struct stat status;

    ring->file = memfd_create("packet-ring", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (ring->file < 0)
        return -ENOMEM;
    if (ftruncate(ring->file, (off_t)ring->bytes) < 0 || fstat(ring->file, &status) < 0 ||
        fcntl(ring->file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
        goto close_file;
    ring->file_inode = status.st_ino;
    ring->memory = mmap(NULL, ring->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, ring->file, 0);
    if (ring->memory != MAP_FAILED)
        return 0;

close_file:
    close(ring->file);
    return -ENOMEM;
}

static uint64_t bytes_of(const struct tpacket_req *request)
{
    return (uint64_t)request->tp_block_size * request->tp_block_nr;
}

static bool is_sound(const struct door_socket *socket, const struct tpacket_req *request)
{
    if (request->tp_frame_size <= NET_OFFSET + socket->ring_reserve_bytes ||
        request->tp_frame_size % TPACKET_ALIGNMENT || request->tp_block_size < request->tp_frame_size)
        return false;
    if (request->tp_block_size % PAGE_BYTES || bytes_of(request) > RING_BYTES_MAX)
        return false;
    return (uint64_t)(request->tp_block_size / request->tp_frame_size) * request->tp_block_nr == request->tp_frame_nr;
}

static int create(struct trapped_call *c)
{
    struct tpacket_req request;
    struct ring *ring;

    if (c->data.args[4] < sizeof(request))
        return -EINVAL;
    if (task_read(c->task, &request, c->data.args[3], sizeof(request)) < 0)
        return -EFAULT;
    ring_destroy(c->socket);
    if (request.tp_block_nr == 0)
        return request.tp_frame_nr ? -EINVAL : 0;
    if (!is_sound(c->socket, &request))
        return -EINVAL;
    ring = calloc(1, sizeof(*ring));
    if (!ring)
        return -ENOMEM;
    *ring = (struct ring){ .socket = c->socket, .bytes = (size_t)bytes_of(&request), .block_bytes = request.tp_block_size,
                           .frame_bytes = request.tp_frame_size, .frame_count = request.tp_frame_nr, .held_end = -1 };
    if (make_memory(ring) < 0) {
        free(ring);
        return -ENOMEM;
    }
    list_add_tail(&c->door->rings, &ring->node);
    c->socket->ring = ring;
    return 0;
}

static int set_version(struct trapped_call *c)
{
    int value;

    if (c->data.args[4] < sizeof(value) || task_read(c->task, &value, c->data.args[3], sizeof(value)) < 0)
        return -EINVAL;
    return value == TPACKET_V2 ? 0 : -EINVAL;
}

static int set_reserve(struct trapped_call *c)
{
    uint32_t value;

    if (c->data.args[4] != sizeof(value) || task_read(c->task, &value, c->data.args[3], sizeof(value)) < 0)
        return -EINVAL;
    if (value > 1024)
        return -EINVAL;
    c->socket->ring_reserve_bytes = value;
    return 0;
}

bool ring_call(struct trapped_call *c)
{
    int result;

    if ((c->data.nr != SYS_setsockopt && c->data.nr != SYS_getsockopt) || c->data.args[1] != SOL_PACKET ||
        !is_packet_socket(c->socket))
        return false;
    if (c->data.nr == SYS_getsockopt && c->data.args[2] == PACKET_HDRLEN)
        result = answer_header_length(c);
    else if (c->data.nr == SYS_setsockopt && c->data.args[2] == PACKET_VERSION)
        result = set_version(c);
    else if (c->data.nr == SYS_setsockopt && c->data.args[2] == PACKET_RESERVE)
        result = set_reserve(c);
    else if (c->data.nr == SYS_setsockopt && c->data.args[2] == PACKET_RX_RING)
        result = create(c);
    else
        return false;
    notify_reply(c, result);
    calls_free(c);
    return true;
}

/* Puts a file behind the program's number. */
static int put_behind(struct trapped_call *c, int file)
{
    struct seccomp_notif_addfd add = { .id = c->id, .flags = SECCOMP_ADDFD_FLAG_SETFD, .newfd = (uint32_t)c->fd,
                                       .srcfd = (uint32_t)file };

    return ioctl(c->run->listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add) < 0 ? -errno : 0;
}

void ring_map(struct trapped_call *c)
{
    struct ring *ring;

    notify_look_up(c, (int)c->data.args[4]);
    ring = c->socket ? c->socket->ring : NULL;
    if (ring && ring->held_end < 0 && put_behind(c, ring->file) == 0) {
        ring->held_end = c->program_end;
        c->program_end = -1;
    }
    notify_continue(c);
    calls_free(c);
}

void ring_restore(struct trapped_call *c)
{
    struct stat status;

    if (list_is_empty(&c->door->rings) || fstat(c->program_end, &status) < 0 || !S_ISREG(status.st_mode))
        return;
    list_for_each(node, &c->door->rings) {
        struct ring *ring = list_entry(node, struct ring, node);

        if (ring->file_inode != status.st_ino || ring->held_end < 0 || put_behind(c, ring->held_end) < 0)
            continue;
        close(c->program_end);
        c->program_end = ring->held_end;
        ring->held_end = -1;
        c->socket = ring->socket;
        return;
    }
}

static struct tpacket2_hdr *frame_at(const struct ring *ring, unsigned index)
{
    unsigned in_block = ring->block_bytes / ring->frame_bytes;
    size_t offset = (size_t)(index / in_block) * ring->block_bytes + (size_t)(index % in_block) * ring->frame_bytes;

    return (struct tpacket2_hdr *)(void *)(ring->memory + offset);
}

static uint32_t status_of(const struct ring *ring, unsigned index)
{
    return __atomic_load_n(&frame_at(ring, index)->tp_status, __ATOMIC_ACQUIRE);
}

/* What the auxiliary data says of the frame's checksum, and its true length. */
static void take_auxdata(struct msghdr *message, uint32_t *status, uint32_t *length)
{
    for (struct cmsghdr *m = CMSG_FIRSTHDR(message); m; m = CMSG_NXTHDR(message, m)) {
        struct tpacket_auxdata aux;

        if (m->cmsg_level != SOL_PACKET || m->cmsg_type != PACKET_AUXDATA || m->cmsg_len < CMSG_LEN(sizeof(aux)))
            continue;
        memcpy(&aux, CMSG_DATA(m), sizeof(aux));
        *status |= aux.tp_status & (TP_STATUS_CSUMNOTREADY | TP_STATUS_CSUM_VALID);
        *length = aux.tp_len;
    }
}

/* One packet into the next frame. False: none there. */
static bool fill_frame(struct ring *ring)
{
    struct door_socket *socket = ring->socket;
    bool is_raw = socket_from_file(socket->file)->type == SOCK_RAW;
    unsigned net = NET_OFFSET + socket->ring_reserve_bytes;
    unsigned mac = is_raw ? net - MAC_BYTES : net;
    struct tpacket2_hdr *frame = frame_at(ring, ring->next), header = { 0 };
    struct sockaddr_ll from = { 0 };
    union {
        char bytes[CMSG_SPACE(256)];
        struct cmsghdr align;
    } control;
    struct iovec data = { .iov_base = (uint8_t *)frame + mac, .iov_len = ring->frame_bytes - mac };
    struct msghdr message = { .msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &data, .msg_iovlen = 1,
                              .msg_control = &control, .msg_controllen = sizeof(control) };
    uint32_t status = TP_STATUS_USER;
    struct timespec now;
    int64_t n = inside_call(socket->door, socket->file, SYS_recvmsg,
                            (uint64_t[6]){ 0, (uint64_t)(uintptr_t)&message, MSG_DONTWAIT | MSG_TRUNC });

    if (n < 0)
        return false;
    clock_gettime(CLOCK_REALTIME, &now);
    header.tp_len = (uint32_t)n;
    header.tp_snaplen = (uint32_t)n < ring->frame_bytes - mac ? (uint32_t)n : ring->frame_bytes - mac;
    take_auxdata(&message, &status, &header.tp_len);
    header.tp_mac = (uint16_t)mac;
    header.tp_net = (uint16_t)net;
    header.tp_sec = (uint32_t)now.tv_sec;
    header.tp_nsec = (uint32_t)now.tv_nsec;
    memcpy((uint8_t *)frame + sizeof(header.tp_status), (uint8_t *)&header + sizeof(header.tp_status),
           sizeof(header) - sizeof(header.tp_status));
    memcpy((uint8_t *)frame + ADDRESS_OFFSET, &from, sizeof(from));
    __atomic_store_n(&frame->tp_status, status, __ATOMIC_RELEASE);
    ring->next = (ring->next + 1) % ring->frame_count;
    return true;
}

unsigned ring_fill(struct door_socket *socket, unsigned mask)
{
    struct ring *ring = socket->ring;
    unsigned last;

    for (int i = 0; i < FRAMES_EACH_TURN && status_of(ring, ring->next) == TP_STATUS_KERNEL; i++)
        if (!fill_frame(ring))
            break;
    last = (ring->next + ring->frame_count - 1) % ring->frame_count;
    mask &= ~(unsigned)EPOLLIN;
    return status_of(ring, last) == TP_STATUS_KERNEL ? mask : mask | EPOLLIN;
}

void ring_check_all(struct door *door)
{
    list_for_each(node, &door->rings) {
        struct door_socket *socket = list_entry(node, struct ring, node)->socket;
        struct task_ref *task = task_find(&door->tasks, socket->tgid);
        int program_end;

        if (socket->backing.wake_bytes == 0 || !task || socket->number < 0)
            continue;
        program_end = task_duplicate_fd(task, socket->number);
        if (program_end < 0)
            continue;
        if (sockets_of_fd(door, program_end) == socket)
            sockets_show(socket, program_end);
        close(program_end);
    }
}

void ring_destroy(struct door_socket *socket)
{
    struct ring *ring = socket->ring;

    if (!ring)
        return;
    list_remove(&ring->node);
    munmap(ring->memory, ring->bytes);
    close(ring->file);
    if (ring->held_end >= 0)
        close(ring->held_end);
    free(ring);
    socket->ring = NULL;
}

/* It ended, or went on without another call on the number. */
void ring_forget_task(struct door *door, const struct task_ref *task)
{
    list_for_each(node, &door->rings) {
        struct ring *ring = list_entry(node, struct ring, node);

        if (ring->held_end >= 0 && ring->socket->tgid == task->tid) {
            close(ring->held_end);
            ring->held_end = -1;
        }
    }
}
