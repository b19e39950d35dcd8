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
    file->bytes = sizeof(header);
    return 0;
}

/* A record cut short would end the file for every reader. (A pipe cannot be mended so.) */
static int take_back(const struct pcap_file *file, ssize_t written)
{
    int error = written < 0 ? -errno : -ENOSPC;

    if (written > 0 && ftruncate(file->fd, (off_t)file->bytes) == 0)
        lseek(file->fd, (off_t)file->bytes, SEEK_SET);
    return error;
}

int pcap_write(struct pcap_file *file, uint64_t wall_clock_ns, const void *frame, size_t bytes)
{
    ssize_t written;
    const struct record_header header = {
        .seconds = (uint32_t)(wall_clock_ns / 1000000000U),
        .nanoseconds = (uint32_t)(wall_clock_ns % 1000000000U),
        .captured_bytes = (uint32_t)bytes, .original_bytes = (uint32_t)bytes,
    };
    const struct iovec parts[] = {
        { .iov_base = (void *)(uintptr_t)&header, .iov_len = sizeof(header) },
        { .iov_base = (void *)(uintptr_t)frame, .iov_len = bytes },
    };

    written = writev(file->fd, parts, 2);
    if (written != (ssize_t)(sizeof(header) + bytes))
        return take_back(file, written);
    file->bytes += sizeof(header) + bytes;
    return 0;
}

void pcap_close(struct pcap_file *file)
{
    if (file->fd >= 0)
        close(file->fd);
    file->fd = -1;
}
