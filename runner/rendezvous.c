#include "runner/rendezvous.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static bool is_own_directory(const char *path)
{
    struct stat status;

    return lstat(path, &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == geteuid();
}

static int make_private_directory(const char *path)
{
    struct stat status;

    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return -errno;
    if (lstat(path, &status) < 0)
        return -errno;
    if (!S_ISDIR(status.st_mode) || status.st_uid != geteuid() || (status.st_mode & 077))
        return -EPERM;
    return 0;
}

int rendezvous_directory(char *path, size_t size)
{
    const char *runtime = secure_getenv("XDG_RUNTIME_DIR");
    char parent[32];

    if (!runtime || runtime[0] != '/' || !is_own_directory(runtime)) {
        snprintf(parent, sizeof(parent), "/run/user/%u", geteuid());
        runtime = is_own_directory(parent) ? parent : NULL;
    }
    if (!runtime)
        snprintf(path, size, "/tmp/weir-%u", geteuid());
    else if ((size_t)snprintf(path, size, "%s/weir", runtime) >= size)
        return -ENAMETOOLONG;
    return make_private_directory(path);
}

bool rendezvous_name_is_valid(const char *name)
{
    size_t length = strlen(name);

    if (length == 0 || length > MACHINE_NAME_MAX || name[0] == '.' || name[0] == '-')
        return false;
    for (size_t i = 0; i < length; i++)
        if (!isalnum((unsigned char)name[i]) && !strchr("._-", name[i]))
            return false;
    return true;
}

/* An O_PATH fd of the directory: a socket's address has room for "/proc/self/fd/N", however long the directory's own path is. */
static int open_directory(void)
{
    char path[PATH_MAX];
    int error = rendezvous_directory(path, sizeof(path)), fd;

    if (error < 0)
        return error;
    fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    return fd < 0 ? -errno : fd;
}

struct place {
    int directory; /* to be closed */
    struct sockaddr_un address;
    char socket[MACHINE_NAME_MAX + sizeof(".sock")], lock[MACHINE_NAME_MAX + sizeof(".lock")];
};

static int place_of(const char *name, struct place *place)
{
    if (!rendezvous_name_is_valid(name))
        return -EINVAL;
    place->directory = open_directory();
    if (place->directory < 0)
        return place->directory;
    snprintf(place->socket, sizeof(place->socket), "%s.sock", name);
    snprintf(place->lock, sizeof(place->lock), "%s.lock", name);
    place->address = (struct sockaddr_un){ .sun_family = AF_UNIX };
    snprintf(place->address.sun_path, sizeof(place->address.sun_path), "/proc/self/fd/%d/%s", place->directory, place->socket);
    return 0;
}

bool rendezvous_peer_is_trusted(int socket)
{
    struct ucred peer;
    socklen_t length = sizeof(peer);

    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
        return false;
    return peer.uid == geteuid() || peer.uid == 0;
}

static int connect_to(const struct sockaddr_un *address)
{
    int error = 0, fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
        error = errno == ENOENT ? -ECONNREFUSED : -errno;
    else if (!rendezvous_peer_is_trusted(fd))
        error = -EPERM;
    if (error < 0) {
        close(fd);
        return error;
    }
    return fd;
}

int rendezvous_connect(const char *name)
{
    struct place place;
    int error = place_of(name, &place), fd;

    if (error < 0)
        return error;
    fd = connect_to(&place.address);
    close(place.directory);
    return fd;
}

static int take_lock(const struct place *place)
{
    int error, fd = openat(place->directory, place->lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0)
        return -errno;
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        error = errno == EWOULDBLOCK ? -EEXIST : -errno;
        close(fd);
        return error;
    }
    return fd;
}

static int listen_at(const struct sockaddr_un *address)
{
    int error, failed, fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    mode_t mask;

    if (fd < 0)
        return -errno;
    unlink(address->sun_path); /* stale: the caller holds the lock */
    mask = umask(0177);
    failed = bind(fd, (const struct sockaddr *)address, sizeof(*address));
    umask(mask);
    if (failed || listen(fd, 64) < 0) {
        error = -errno;
        close(fd);
        return error;
    }
    return fd;
}

int rendezvous_claim(const char *name, int *lock_fd, int *listen_fd)
{
    struct place place;
    int error = place_of(name, &place);

    if (error < 0)
        return error;
    *lock_fd = error = take_lock(&place);
    if (error >= 0) {
        *listen_fd = error = listen_at(&place.address);
        if (error < 0)
            close(*lock_fd);
    }
    close(place.directory);
    return error < 0 ? error : 0;
}

void rendezvous_withdraw(const char *name)
{
    struct place place;

    if (place_of(name, &place) < 0)
        return;
    unlinkat(place.directory, place.socket, 0);
    close(place.directory);
}
