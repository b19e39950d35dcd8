/* A script, read: options, commands, and events in their order. The parser makes it and nobody changes it after; all
 * that it points to lives in its own memory and ends with script_destroy. What depends on the version of IP (names of
 * ICMP types, definitions) is settled when it is read, so a script is read once for each version it runs with.
 *
 * The border between the two halves of drill/: reading (token, parse, symbol, text) and running (run). */
#ifndef DRILL_SCRIPT_H
#define DRILL_SCRIPT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SCRIPT_TCP_OPTION_BYTES = 40, SCRIPT_LAYERS = 8, SCRIPT_LABELS = 16, SCRIPT_ADDRESS_BYTES = 64 };

struct script_place {
    unsigned line, column; /* both from 1; the column counts bytes */
};

/* Expressions: arguments and results of system calls. */

enum expression_kind {
    EXPRESSION_ELLIPSIS,   /* ...: any value, or "choose one" for an argument */
    EXPRESSION_NUMBER,     /* number */
    EXPRESSION_WORD,       /* string: the name of a constant; see expression_number() */
    EXPRESSION_STRING,     /* string, escapes resolved; is_open: "abc"... has more that is not looked at */
    EXPRESSION_OR,         /* left | right */
    EXPRESSION_ASSIGN,     /* left = right, as in the flags of ioctls: tcpi_x = 3 */
    EXPRESSION_LIST,       /* items: [a, b] */
    EXPRESSION_GROUP,      /* items: {a, b} */
    EXPRESSION_IN6,        /* in6 */
    EXPRESSION_SOCKADDR,   /* address */
    EXPRESSION_MSGHDR, EXPRESSION_IOVEC, EXPRESSION_CMSG, EXPRESSION_POLLFD, EXPRESSION_EPOLL, EXPRESSION_LINGER,
    EXPRESSION_TIMESTAMP,  /* timestamp: {scm_sec=S,scm_nsec=N} */
    EXPRESSION_ERROR,      /* error: struct sock_extended_err */
    EXPRESSION_MPLS,       /* mpls */
    EXPRESSION_GRE,        /* gre */
};

struct mpls_label {
    uint32_t label;
    uint8_t traffic_class, ttl;
    bool is_bottom;
};

struct mpls_stack {
    unsigned count;
    struct mpls_label labels[SCRIPT_LABELS];
};

enum { GRE_CHECKSUM = 0x8000, GRE_KEY = 0x2000, GRE_SEQUENCE = 0x1000 };

struct gre_fields {
    uint16_t flags; /* host order, as on the wire: GRE_*, the version in the low bits */
    uint16_t checksum, offset;
    uint32_t key, sequence;
};

struct expression;

struct expression_list {
    unsigned count;
    struct expression **items;
};

struct expression {
    enum expression_kind kind;
    struct script_place place;
    union {
        int64_t number;
        struct { const char *text; size_t bytes; bool is_open; } string; /* also ends with a NUL */
        struct { struct expression *left, *right; };
        struct expression_list list;
        struct in6_addr in6;
        struct { socklen_t bytes; union { struct sockaddr any; struct sockaddr_in in; struct sockaddr_in6 in6; }; } address;
        /* name: an ellipsis; control: a list, NULL: none */
        struct { struct expression *name, *iov, *iov_count, *control, *flags; } msghdr;
        struct { struct expression *base, *bytes; } iovec;               /* base: an ellipsis, or what it holds */
        struct { struct expression *level, *type, *data; } cmsg;
        struct { struct expression *fd, *events, *revents; } pollfd;      /* revents: NULL when not said */
        struct { struct expression *events, *data; const char *member; } epoll; /* member: "fd", "ptr", "u32", "u64" */
        struct { struct expression *onoff, *linger; } linger;
        struct { int64_t seconds, nanoseconds; } timestamp;
        struct { struct expression *number, *origin, *type, *code, *info, *data; } error;
        struct mpls_stack mpls;
        struct gre_fields gre;
    };
};

/* A number, the value of a named constant, or of several joined with '|'. False: *unknown is the name that nobody
 * knows, or NULL when it is no number at all. */
bool expression_number(const struct expression *e, int64_t *value, const char **unknown);

/* Events. */

struct script_call {
    const char *name;
    struct expression_list arguments;
    struct expression *result;
    const char *error_name;  /* "EAGAIN"; NULL: none is expected */
    int error;               /* its number */
    const char *note;        /* what stands in parentheses behind it; NULL: nothing. For readers, not compared */
    bool is_blocking;        /* starts at the event's time, returns at end_ns */
    int64_t end_ns;          /* counted from where the time of the event is counted */
};

/* what of the byte is said: nothing, its ECN bits, ECT(0) or ECT(1), all */
enum tos_check { TOS_ANY, TOS_ECN, TOS_ECT01, TOS_WHOLE };

struct ip_fields {
    enum tos_check tos_check;
    uint8_t tos;
    uint8_t ttl;         /* 0: not said */
    uint32_t flow_label; /* 0: not said */
};

enum layer_kind { LAYER_IPV4, LAYER_IPV6, LAYER_GRE, LAYER_MPLS };

/* A header before that of the packet itself, the outermost first. */
struct script_layer {
    enum layer_kind kind;
    struct ip_fields fields;          /* IPV4, IPV6 */
    struct in6_addr source, target;   /* the first four bytes of it for IPV4 */
    struct gre_fields gre;
    struct mpls_stack mpls;
};

enum script_protocol { SCRIPT_TCP, SCRIPT_UDP, SCRIPT_ICMP };
enum quoted_protocol { QUOTED_NONE, QUOTED_TCP, QUOTED_UDP, QUOTED_RAW };

enum {
    SCRIPT_FIN = 0x01, SCRIPT_SYN = 0x02, SCRIPT_RST = 0x04, SCRIPT_PSH = 0x08, SCRIPT_ACK = 0x10, SCRIPT_URG = 0x20,
    SCRIPT_ECE = 0x40, SCRIPT_CWR = 0x80, SCRIPT_AE = 0x100 /* as in bytes 12 and 13 of the header */
};

struct script_packet {
    bool is_inbound;                 /* '<': into the machine */
    unsigned layer_count;
    struct script_layer layers[SCRIPT_LAYERS];
    struct ip_fields ip;
    enum script_protocol protocol;
    bool has_psp;                    /* "encap psp": weir has none */
    uint16_t source_port, target_port; /* TCP, UDP; 0: those of the connection */
    uint32_t payload_bytes;          /* TCP, UDP */
    struct {
        uint16_t flags;
        bool has_ace;                /* flags were said with a digit: the three bits are the ACE counter */
        bool has_window;             /* always for inbound */
        bool is_any_options;         /* <...>: not looked at */
        uint16_t window, urgent;
        uint32_t sequence, ack;
        uint8_t option_bytes;        /* in the form of the wire, a multiple of 4 */
        uint8_t options[SCRIPT_TCP_OPTION_BYTES];
    } tcp;
    struct {
        uint8_t type, code;
        int64_t mtu;                 /* -1: not said */
        uint16_t echo_id;            /* 0: not said */
        enum quoted_protocol quoted; /* TCP when nothing is said */
        uint32_t quoted_sequence;
        uint32_t quoted_bytes;       /* payload of the quoted packet; RAW: all bytes of the ICMP message */
    } icmp;
};

enum event_kind { EVENT_PACKET, EVENT_CALL, EVENT_COMMAND, EVENT_CODE };

enum event_time_kind {
    TIME_ABSOLUTE,       /* from the script's begin */
    TIME_RELATIVE,       /* +T: from the event before */
    TIME_ANY,            /* *: outbound packets only, as the next ones */
    TIME_ABSOLUTE_RANGE, /* A~B, outbound packets only */
    TIME_RELATIVE_RANGE, /* +A~+B */
};

struct script_event {
    struct script_place place;  /* of its time */
    enum event_time_kind time_kind;
    int64_t time_ns, time_end_ns; /* the end: of ranges only */
    enum event_kind kind;
    union {
        struct script_packet *packet;
        struct script_call *call;
        const char *command; /* what stood between backticks */
        const char *code;    /* between %{ and }%, without the blanks at both ends */
    };
};

/* The script. */

enum ip_version { IP_V4, IP_V4_MAPPED, IP_V6, IP_VERSIONS };

const char *ip_version_name(enum ip_version version); /* "ipv4", "ipv4-mapped-ipv6", "ipv6" */
bool ip_version_find(const char *name, enum ip_version *version);

struct definition {
    const char *name, *value; /* a value in "" is a string, in `` a command, else a number or a word */
};

/* What a script and its user ask for, defaults included. Addresses are texts of the wire's family (IPv4 for mapped). */
struct script_settings {
    enum ip_version version;
    char local_address[SCRIPT_ADDRESS_BYTES], remote_address[SCRIPT_ADDRESS_BYTES]; /* without prefixes */
    unsigned local_prefix, remote_prefix;
    char gateway_address[SCRIPT_ADDRESS_BYTES];
    uint16_t bind_port, connect_port;
    unsigned mtu_bytes;
    /* inbound packets are said to be merged from segments of this size; 0: they are not */
    unsigned mss_bytes;
    uint64_t speed_mbits;           /* 0: the device's own */
    uint64_t tolerance_ns;
    unsigned tolerance_permille;
    unsigned timestamp_tick_us;     /* 0: TSval of outbound packets is not looked at */
    bool is_timestamp_echo_scaled;  /* --tcp_ts_ecr_scaled */
    bool is_strict_segments;        /* outbound segments as they are; else those of one burst may be joined */
    bool is_anyip;                  /* all addresses of the remote prefix are somebody */
    bool is_send_omit_free;         /* accepted: it concerns memory of the caller */
    bool is_nonfatal_packet, is_nonfatal_call; /* a difference is told and the script goes on */
    const char *init_scripts;       /* NULL: none; names with commas between */
    const char *socket_option;      /* --code_sockopt: "TCP_INFO" ...; "": as assertions want */
    bool is_dry;                    /* only read */
};

struct script_memory;

struct script {
    const char *path;              /* as the user said it */
    const char *directory;         /* where its commands are carried out */
    const char *text;              /* the whole file */
    struct script_settings settings;
    bool has_version;              /* it says --ip_version, */
    enum ip_version version;       /* of this; settings.version is what the reader chose */
    unsigned definition_count;
    struct definition *definitions;
    const char *init_command, *cleanup_command; /* NULL: none */
    struct script_place init_place, cleanup_place;
    unsigned event_count;
    struct script_event *events;
    const char *unsupported;       /* NULL, or what it needs that weir does not have: it is skipped */
    struct script_memory *memory;
};

/* What the user says, before the script's own options. The user's come after and win. */
struct script_choice {
    enum ip_version version;
    unsigned option_count;
    const struct script_option {
        const char *name, *value;  /* name without --; value NULL: none */
    } *options;                    /* "define" with NAME=VALUE as well */
};

struct script_error {
    struct script_place place;     /* line 0: the file could not be read, or there is no memory */
    char text[256];                /* "expected X, found Y" */
};

/* NULL: *error tells why. */
struct script *script_read(const char *path, const struct script_choice *choice, struct script_error *error);
struct script *script_parse(const char *path, const char *text, size_t bytes, const struct script_choice *choice,
                            struct script_error *error);
void script_destroy(struct script *script);

/* Line n (from 1) of its text, without the line's end. Returns its bytes. */
size_t script_line(const struct script *script, unsigned n, const char **line);

#endif
