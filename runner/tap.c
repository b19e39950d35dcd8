#include "runner/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

int tap_open(const char *name)
{
    struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI };
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
