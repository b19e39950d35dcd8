#include "runner/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

/* Numbers of the kernel's interface (6.2 and later), which older headers lack. */
enum { OFFLOAD_UDP4 = 0x20, OFFLOAD_UDP6 = 0x40, GSO_UDP_DATAGRAMS = 5 };

/* All or nothing: a kernel that lacks one of them gives whole frames. Said either way: an interface that stays keeps what its
 * last user chose. */
bool tap_offload(int fd, bool wanted)
{
    const unsigned all = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN | OFFLOAD_UDP4 | OFFLOAD_UDP6;

    if (wanted && ioctl(fd, TUNSETOFFLOAD, all) == 0)
        return true;
    ioctl(fd, TUNSETOFFLOAD, 0);
    return false;
}

static struct virtio_net_hdr header_of(const struct weir_port_frame *frame)
{
    struct virtio_net_hdr h = { 0 };

    if (frame->is_checksum_partial) {
        h.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
        h.csum_start = frame->checksum_start;
        h.csum_offset = frame->checksum_offset;
    }
    if (frame->gso_bytes) {
        h.gso_type = frame->gso_protocol == IPPROTO_UDP ? GSO_UDP_DATAGRAMS :
                     frame->ip_version == 6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4;
        h.gso_size = frame->gso_bytes;
        h.hdr_len = frame->header_bytes;
    }
    return h;
}

bool tap_write(int fd, const struct weir_port_frame *frame)
{
    struct virtio_net_hdr h = header_of(frame);
    const struct iovec parts[] = { { &h, sizeof(h) }, { (void *)(uintptr_t)frame->bytes, frame->byte_count } };

    return writev(fd, parts, 2) == (ssize_t)(sizeof(h) + frame->byte_count);
}

bool tap_read(int fd, struct weir_port_frame *frame, void *buffer, size_t bytes)
{
    struct virtio_net_hdr h;
    const struct iovec parts[] = { { &h, sizeof(h) }, { buffer, bytes } };
    ssize_t n = readv(fd, parts, 2);
    unsigned kind;

    if (n <= (ssize_t)sizeof(h))
        return false;
    kind = h.gso_type & ~(unsigned)VIRTIO_NET_HDR_GSO_ECN;
    *frame = (struct weir_port_frame){ .bytes = buffer, .byte_count = (size_t)n - sizeof(h),
        .is_checksum_partial = h.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM, .is_checksum_good = h.flags & VIRTIO_NET_HDR_F_DATA_VALID };
    if (kind != VIRTIO_NET_HDR_GSO_NONE) {
        frame->gso_bytes = h.gso_size;
        frame->gso_protocol = kind == GSO_UDP_DATAGRAMS ? IPPROTO_UDP : IPPROTO_TCP;
        frame->ip_version = kind == VIRTIO_NET_HDR_GSO_TCPV6 ? 6 : 4;
    }
    return true;
}

int tap_open(const char *name)
{
    struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
    size_t length = strlen(name);
    int fd;

    if (length == 0 || length >= sizeof(request.ifr_name))
        return -EINVAL;
    memcpy(request.ifr_name, name, length);
    fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return -errno;
    if (ioctl(fd, TUNSETIFF, &request) < 0) {
        int error = -errno;

        close(fd);
        return error;
    }
    return fd;
}
