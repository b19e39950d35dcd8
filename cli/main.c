#include "cli/commands.h"

#include "runner/rendezvous.h"
#include "runner/spawn.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MACHINE_OPTION "  -m, --machine=NAME  the machine's name (default: default)\n"

const struct command commands[] = {
    { "run", "[-m NAME] [--low-numbers] [--] COMMAND [ARG...]", "run a command, and all it starts, on a machine",
      MACHINE_OPTION
      "      --low-numbers   sockets get the lowest free number, not those from 32; all calls get slower\n"
      "                      (also: WEIR_LOW_NUMBERS=1)\n"
      "\nThe machine is started when it is not running. Exit status: COMMAND's own; 125 when weir itself fails,\n"
      "126 when COMMAND cannot be executed, 127 when it is not found.\n",
      command_run },
    { "up", "[-m NAME] [--tap TAP]... [--link FAULTS] [--pcap FILE] [--seed N] [--foreground]",
      "start a machine that stays",
      MACHINE_OPTION
      "      --tap=IFNAME,ADDRESS/PREFIX[,...][,gw=ADDRESS][,mac=MAC][,offload=off]\n"
      "                      join the host's TAP interface IFNAME; it is eth0 (eth1 ...) in the machine\n"
      "      --link=delay=30ms,jitter=5ms,loss=1%,reorder=2%,duplicate=0.1%,corrupt=0.01%,rate=100mbit,seed=7\n"
      "                      faults on its TAP, in each direction, or on its loopback when it has none\n"
      "      --pcap=FILE     write all frames of all interfaces to FILE\n"
      "      --seed=N        take the machine's randomness from N (never on a network with others)\n"
      "      --foreground    do not leave the terminal; end with SIGINT or SIGTERM\n",
      command_up },
    { "down", "[-m NAME]", "end a machine; its programs see their connections break", MACHINE_OPTION, command_down },
    { "ls", "", "list the machines that run", "", command_ls },
    { "cat", "[-m NAME] PATH...", "print the machine's own files of /proc/net and /proc/sys/net", MACHINE_OPTION,
      command_cat },
    { "listeners", "[-m NAME]", "what each listening socket holds, took and refused, and why", MACHINE_OPTION,
      command_listeners },
    { "drops", "[-m NAME]", "how many packets were discarded, by reason", MACHINE_OPTION, command_drops },
    { "sim", "[--seeds A-B] [--profile NAME] [--minutes M] [OPTION...]", "simulate networks under a referee's eye, by seeds",
      "      --seeds=A-B       these seeds (default: 1-100)\n"
      "      --profile=NAME    all seeds in this kind of world (default: each seed its own)\n"
      "      --minutes=M       go on with further seeds until M minutes are over\n"
      "  -j, --jobs=N          so many processes (default: 1)\n"
      "      --save-points=N   save each run N times, go on, restore, go on: the packets must be the same\n"
      "      --json=FILE       all results\n"
      "      --pcap-dir=DIR    failing seeds leave their packets there\n"
      "      --digest          only a line for each seed: its number and the digest of all that happened\n"
      "  -v, --verbose         a line for each seed\n"
      "\nExit status: 0 when all checks held, 1 when one failed.\n",
      command_sim },
    { "referee", "[--local ADDRESS]... [--offloads] [--complete] [--json] FILE...", "judge captures by the rules of TCP/IP and of Linux",
      "      --local=ADDRESS  what is sent by this host is judged; else whatever anyone sends. May be repeated\n"
      "      --offloads       captured where hardware completes packets: large ones and open checksums are right\n"
      "      --complete       the capture misses nothing from before its begin to its end\n"
      "      --json           all of it as JSON\n"
      "\nFILE: pcap or pcapng, of Ethernet, of IP, cooked (-i any), or of a loopback.\n"
      "Exit status: 0 when no rule was broken, 1 when one was, 2 when a file cannot be read.\n",
      command_referee },
    { "drill", "[--seed N] [--ip VERSION] [-v] [OPTION...] FILE.pkt|DIRECTORY...", "run packetdrill scripts in virtual time",
      "      --ip=VERSION      ipv4, ipv4-mapped-ipv6 or ipv6, also several times; all: the default\n"
      "      --seed=N, --seeds=A-B  the machine's randomness comes from it (default: 1); or one run for each\n"
      "  -D, --define=NAME=VALUE  a definition for all scripts, before their own\n"
      "      --live            on this host's kernel, in a network namespace, not on weir (root)\n"
      "  -j, --jobs=N          so many runs at a time (default: 1)\n"
      "      --mtu=N, --local_ip=A, --remote_ip=A, --tolerance_usecs=N, --strict_segments, --dry_run, ...  as packetdrill's\n"
      "      --json            all results as JSON\n"
      "  -q, --quiet           say nothing of runs that passed\n"
      "  -v, --verbose         every event as it happens, on stderr\n"
      "\nDirectories are searched for *.pkt. A script that needs what weir does not have is skipped.\n"
      "Exit status: 0 when none failed, 1 when one did, 2 when a script cannot be read.\n",
      command_drill },
    { NULL, NULL, NULL, NULL, NULL },
};

const struct command *command_find(const char *name)
{
    const struct command *command = commands;

    while (command->name && strcmp(command->name, name) != 0)
        command++;
    return command->name ? command : NULL;
}

static void vcomplain(const char *format, va_list arguments)
{
    fputs("weir: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
}

int complain(int status, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vcomplain(format, arguments);
    va_end(arguments);
    return status;
}

int complain_usage(const char *command, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vcomplain(format, arguments);
    va_end(arguments);
    fprintf(stderr, "Try 'weir %s%s--help'.\n", command, *command ? " " : "");
    return EXIT_USAGE;
}

void print_help(const struct command *command)
{
    printf("usage: weir %s %s\n\n%s%s%s", command->name, command->arguments, command->summary,
           *command->details ? "\n\n" : "\n", command->details);
}

int parse_common(int argc, char **argv, struct common_options *options)
{
    static const struct option longs[] = {
        { "machine", required_argument, NULL, 'm' }, { "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 }
    };
    int option;

    options->machine = "default";
    optind = opterr = 0;
    while ((option = getopt_long(argc, argv, "+m:h", longs, NULL)) != -1) {
        if (option == 'h') {
            print_help(command_find(argv[0]));
            return 0;
        }
        if (option != 'm')
            return complain_usage(argv[0], "%s: %s is not understood, or lacks its value", argv[0], argv[optind - 1]);
        options->machine = optarg;
    }
    if (!rendezvous_name_is_valid(options->machine))
        return complain_usage(argv[0], "%s: '%s': a machine's name has letters, digits, '.', '_' and '-'", argv[0],
                              options->machine);
    return -1;
}

static int print_overview(FILE *to)
{
    fputs("usage: weir COMMAND [OPTION...]\n\n"
          "Linux's socket system as a user-space program.\n\n", to);
    for (const struct command *command = commands; command->name; command++)
        fprintf(to, "  weir %-10s %s\n", command->name, command->summary);
    fputs("\n'weir COMMAND --help' tells more. 'weir --version' tells the version.\n", to);
    return 0;
}

/* What was printed may not have arrived: a full disk. */
static int flush_output(int status)
{
    return fflush(stdout) == 0 && !ferror(stdout) ? status : complain(1, "cannot write: %s", strerror(errno));
}

int main(int argc, char **argv)
{
    const struct command *command;

    if (argc < 2) {
        print_overview(stderr);
        return EXIT_USAGE;
    }
    if (argc == 3 && strcmp(argv[1], "help") == 0 && command_find(argv[2])) {
        print_help(command_find(argv[2]));
        return flush_output(0);
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0)
        return flush_output(print_overview(stdout));
    if (strcmp(argv[1], "--version") == 0) {
        puts("weir " WEIR_VERSION);
        return flush_output(0);
    }
    command = command_find(argv[1]);
    if (!command)
        return complain_usage("", "%s: there is no such command", argv[1]);
    return flush_output(command->run(argc - 1, argv + 1));
}
