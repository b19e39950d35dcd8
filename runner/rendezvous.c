#include "runner/rendezvous.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
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
    char parent[256];

    if (!runtime || runtime[0] != '/' || !is_own_directory(runtime)) {
        snprintf(parent, sizeof(parent), "/run/user/%u", geteuid());
        runtime = is_own_directory(parent) ? parent : NULL;
    }
    if (runtime)
        snprintf(path, size, "%s/weir", runtime);
    else
        snprintf(path, size, "/tmp/weir-%u", geteuid());
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

static int path_of(const char *name, const char *suffix, char *path, size_t size)
{
    char directory[256];
    int error;

    if (!rendezvous_name_is_valid(name))
        return -EINVAL;
    error = rendezvous_directory(directory, sizeof(directory));
    if (error < 0)
        return error;
    return (size_t)snprintf(path, size, "%s/%s.%s", directory, name, suffix) < size ? 0 : -ENAMETOOLONG;
}

static int address_of(const char *name, struct sockaddr_un *address)
{
    *address = (struct sockaddr_un){ .sun_family = AF_UNIX };
    return path_of(name, "sock", address->sun_path, sizeof(address->sun_path));
}

bool rendezvous_peer_is_trusted(int socket)
{
    struct ucred peer;
    socklen_t length = sizeof(peer);

    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
        return false;
    return peer.uid == geteuid() || peer.uid == 0;
}

int rendezvous_connect(const char *name)
{
    struct sockaddr_un address;
    int error = address_of(name, &address);
    int fd;

    if (error < 0)
        return error;
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        error = errno == ENOENT ? -ECONNREFUSED : -errno;
    else if (!rendezvous_peer_is_trusted(fd))
        error = -EPERM;
    if (error < 0) {
        close(fd);
        return error;
    }
    return fd;
}

static int take_lock(const char *name)
{
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
    int error = path_of(name, "lock", path, sizeof(path));
    int fd;

    if (error < 0)
        return error;
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        error = errno == EWOULDBLOCK ? -EEXIST : -errno;
        close(fd);
        return error;
    }
    return fd;
}

static int listen_at(const char *name)
{
    struct sockaddr_un address;
    int error = address_of(name, &address);
    int fd, failed;
    mode_t mask;

    if (error < 0)
        return error;
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    unlink(address.sun_path); /* stale: we hold the lock */
    mask = umask(0177);
    failed = bind(fd, (struct sockaddr *)&address, sizeof(address));
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
    *lock_fd = take_lock(name);
    if (*lock_fd < 0)
        return *lock_fd;
    *listen_fd = listen_at(name);
    if (*listen_fd < 0) {
        close(*lock_fd);
        return *listen_fd;
    }
    return 0;
}

void rendezvous_withdraw(const char *name)
{
    struct sockaddr_un address;

    if (address_of(name, &address) == 0)
        unlink(address.sun_path);
}
