/* What the tests of Fast Open share: its option on the wire, and a server and a client that use it. */
#ifndef WEIR_TEST_TCP_FASTOPEN_PEER_H
#define WEIR_TEST_TCP_FASTOPEN_PEER_H

#include "peer.h"
#include <errno.h>

#define MSG_OPEN 0x20000000 /* MSG_FASTOPEN */
static const uint8_t no_cookie[] = { 34, 2, 1, 1 };

/* The Fast Open option of a segment: its bytes, or -1. */
static inline int cookie_of(const struct seen *s, uint8_t out[16], bool *is_experimental)
{
    for (uint32_t i = 0; i + 1 < s->options_bytes && s->options[i]; ) {
        const uint8_t *o = s->options + i;
        if (*o == 1) { i++; continue; }
        *is_experimental = *o == 254 && o[2] == 0xf9 && o[3] == 0x89;
        if (*o == 34 || *is_experimental) {
            unsigned head = *is_experimental ? 4 : 2;
            memcpy(out, o + head, o[1] - head);
            return (int)(o[1] - head);
        }
        i += o[1];
    }
    return -1;
}

static inline void set_sysctl(const char *name, const char *value)
{
    char path[64] = "sys/net/ipv4/";
    strcat(path, name);
    assert_int_equal(weir_proc_write(peer.task, path, value, strlen(value)), (long)strlen(value));
}

static inline int get_int(int fd, int name)
{
    int v = -1;
    socklen_t bytes = sizeof v;
    assert_int_equal(weir_getsockopt(peer.task, fd, IPPROTO_TCP, name, &v, &bytes), 0);
    return v;
}

static inline struct tcp_info info_of(int fd)
{
    struct tcp_info i = { 0 };
    socklen_t bytes = sizeof i;
    assert_int_equal(weir_getsockopt(peer.task, fd, IPPROTO_TCP, TCP_INFO, &i, &bytes), 0);
    return i;
}

/* 0, or -errno. */
static inline long outcome(long result) { return result < 0 ? -errno : result; }
#endif
