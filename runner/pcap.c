#include "runner/pcap.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

enum { LINKTYPE_ETHERNET = 1, SNAPLEN_BYTES = 262144 };

/* draft-ietf-opsawg-pcap §4 */
struct file_header {
    uint32_t magic;
    uint16_t version_major, version_minor;
    uint32_t reserved[2];
    uint32_t snaplen_bytes;
    uint32_t link_type;
};

/* draft-ietf-opsawg-pcap §5 */
struct record_header {
    uint32_t seconds, nanoseconds;
    uint32_t captured_bytes, original_bytes;
};

int pcap_open(struct pcap_file *file, const char *path)
{
    const struct file_header header = {
        .magic = 0xa1b23c4d, .version_major = 2, .version_minor = 4,
        .snaplen_bytes = SNAPLEN_BYTES, .link_type = LINKTYPE_ETHERNET,
    };

    file->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file->fd < 0)
        return -errno;
    if (write(file->fd, &header, sizeof(header)) != sizeof(header)) {
        int error = -errno;

        pcap_close(file);
        return error;
    }
    return 0;
}

int pcap_write(struct pcap_file *file, uint64_t wall_clock_ns, const void *frame, size_t bytes)
{
    const struct record_header header = {
        .seconds = (uint32_t)(wall_clock_ns / 1000000000U),
        .nanoseconds = (uint32_t)(wall_clock_ns % 1000000000U),
        .captured_bytes = (uint32_t)bytes, .original_bytes = (uint32_t)bytes,
    };
    const struct iovec parts[] = {
        { .iov_base = (void *)(uintptr_t)&header, .iov_len = sizeof(header) },
        { .iov_base = (void *)(uintptr_t)frame, .iov_len = bytes },
    };

    return writev(file->fd, parts, 2) < 0 ? -errno : 0;
}

void pcap_close(struct pcap_file *file)
{
    if (file->fd >= 0)
        close(file->fd);
    file->fd = -1;
}
