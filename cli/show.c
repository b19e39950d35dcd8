/* down, ls, cat, listeners, drops: what is asked of a machine that runs. */
#include "cli/commands.h"

#include "runner/control.h"
#include "runner/rendezvous.h"

#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int ask_machine(const char *name, struct control_request *request, struct control_reply *reply, int *fd)
{
    int socket = rendezvous_connect(name), error;

    if (socket < 0)
        return socket;
    error = control_ask(socket, request, reply, fd);
    close(socket);
    return error;
}

static int complain_absent(const char *name, int error)
{
    if (error == -ECONNREFUSED)
        return complain(1, "machine %s does not run", name);
    return complain(1, "machine %s does not answer: %s", name, strerror(-error));
}

int command_down(int argc, char **argv)
{
    struct control_request request = { .verb = CONTROL_DOWN };
    struct control_reply reply;
    struct common_options options;
    int status = parse_common(argc, argv, &options), socket, error;
    char end;

    if (status >= 0)
        return status;
    if (optind < argc)
        return complain_usage("down", "down: takes no %s (a name goes behind -m)", argv[optind]);
    socket = rendezvous_connect(options.machine);
    error = socket < 0 ? socket : control_ask(socket, &request, &reply, NULL);
    if (error < 0)
        return complain_absent(options.machine, error);
    while (read(socket, &end, 1) > 0) /* its end is the answer */
        ;
    return 0;
}

static void print_machine(const char *name)
{
    struct control_request request = { .verb = CONTROL_STATUS };
    struct control_reply reply;

    int error = ask_machine(name, &request, &reply, NULL);

    if (error == -ECONNRESET) /* one that ends just now is not there a second time */
        error = ask_machine(name, &request, &reply, NULL);
    if (error == 0)
        printf("%-16s %s\n", name, reply.text);
    else if (error == -ECONNRESET)
        printf("%-16s of another build of weir\n", name);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int command_ls(int argc, char **argv)
{
    enum { NAMES_MAX = 1024 };
    struct common_options options;
    char directory[PATH_MAX];
    char *names[NAMES_MAX];
    size_t count = 0;
    struct dirent *entry;
    DIR *dir;
    int status = parse_common(argc, argv, &options);

    if (status >= 0)
        return status;
    if (optind < argc)
        return complain_usage("ls", "ls: takes no %s", argv[optind]);
    if (rendezvous_directory(directory, sizeof(directory)) < 0 || !(dir = opendir(directory)))
        return complain(1, "cannot read the runtime directory: %s", strerror(errno));
    while ((entry = readdir(dir)) && count < NAMES_MAX) {
        size_t length = strlen(entry->d_name);

        if (length > 5 && strcmp(entry->d_name + length - 5, ".sock") == 0)
            names[count++] = strndup(entry->d_name, length - 5);
    }
    closedir(dir);
    qsort(names, count, sizeof(names[0]), compare_names);
    for (size_t i = 0; i < count; i++) {
        print_machine(names[i]);
        free(names[i]);
    }
    return 0;
}

/* "/proc/net/tcp", "net/tcp" and "/proc/sys/net/..." mean the same as they look. */
static const char *strip_proc(const char *path)
{
    return strncmp(path, "/proc/", 6) == 0 ? path + 6 : path;
}

static int print_text(const char *machine, const char *path)
{
    struct control_request request = { .verb = CONTROL_CAT };
    struct control_reply reply;
    char buffer[65536];
    int fd = -1, error;
    ssize_t n;

    if ((size_t)snprintf(request.text, sizeof(request.text), "%s", strip_proc(path)) >= sizeof(request.text))
        return complain(1, "%s: %s", path, strerror(ENAMETOOLONG));
    error = ask_machine(machine, &request, &reply, &fd);
    if (error < 0 && fd < 0 && (error == -ENOENT || error == -EACCES || error == -EISDIR))
        return complain(1, "%s: %s", path, strerror(-error));
    if (error < 0)
        return complain_absent(machine, error);
    while ((n = read(fd, buffer, sizeof(buffer))) > 0)
        if (fwrite(buffer, 1, (size_t)n, stdout) != (size_t)n)
            return complain(1, "cannot write: %s", strerror(errno));
    close(fd);
    return 0;
}

int command_cat(int argc, char **argv)
{
    struct common_options options;
    int status = parse_common(argc, argv, &options);

    if (status >= 0)
        return status;
    if (optind >= argc)
        return complain_usage("cat", "cat: which file?");
    for (int i = optind; i < argc; i++)
        if (!argv[i][0])
            return complain_usage("cat", "cat: '' is no file");
    for (status = 0; optind < argc; optind++)
        status |= print_text(options.machine, argv[optind]);
    return status;
}

static int print_one(int argc, char **argv, const char *path)
{
    struct common_options options;
    int status = parse_common(argc, argv, &options);

    if (status >= 0)
        return status;
    if (optind < argc)
        return complain_usage(argv[0], "%s: takes no %s (a name goes behind -m)", argv[0], argv[optind]);
    return print_text(options.machine, path);
}

int command_listeners(int argc, char **argv)
{
    return print_one(argc, argv, "net/weir/listeners");
}

int command_drops(int argc, char **argv)
{
    return print_one(argc, argv, "net/weir/drops");
}
