/* The reader of packetdrill's language: whatever a script is, it is read or refused with a place inside of it; what was
 * read can be written again. */
#include "test/fuzz/harness.h"
#include "test/fuzz/mutate.h"

#include "drill/text.h"

#include <string.h>

static void write_call(const struct script_call *call)
{
    char text[TEXT_BYTES];
    const char *unknown;
    int64_t value;
    for (unsigned i = 0; i < call->arguments.count; i++) {
        text_expression(call->arguments.items[i], text, sizeof text);
        harness_note_bytes(text, strlen(text));
        harness_note(expression_number(call->arguments.items[i], &value, &unknown));
    }
    text_expression(call->result, text, sizeof text);
    harness_note_bytes(text, strlen(text));
}

static void write_script(const struct script *s)
{
    char text[TEXT_BYTES];
    for (unsigned i = 0; i < s->event_count; i++) {
        const struct script_event *e = &s->events[i];
        harness_note((uint64_t)e->time_ns);
        if (e->kind == EVENT_CALL) {
            write_call(e->call);
        } else if (e->kind == EVENT_PACKET) {
            text_expected(e->packet, text, sizeof text);
            harness_note_bytes(text, strlen(text));
        } else {
            harness_note_bytes(e->command, strlen(e->command));
        }
    }
}

static void check_place(const struct script_error *error, const uint8_t *text, size_t bytes)
{
    unsigned lines = 1;
    for (size_t i = 0; i < bytes; i++) lines += text[i] == '\n';
    if (error->place.line > lines) harness_fail("line %u of %u: %s", error->place.line, lines, error->text);
    if (!error->text[0]) harness_fail("refused without a word");
}

static void run(struct input *in)
{
    struct input payload;
    uint8_t op;
    while (input_next(in, &op, &payload)) {
        struct script_choice choice = { .version = (enum ip_version)(op % IP_VERSIONS) };
        struct script_error error = { 0 };
        struct script *s = script_parse("fuzz/x.pkt", (const char *)payload.at, payload.left, &choice, &error);
        if (s && !s->unsupported) write_script(s);
        else if (!s) check_place(&error, payload.at, payload.left);
        harness_note(s != NULL);
        script_destroy(s);
    }
}

static void set_up(void)
{
    harness_save(harness_open(0, false));
}

static void fresh(struct rng *rng, struct record *r)
{
    static const char *const lines[] = {
        "--mtu=1500\n", "--local_ip=192.0.2.1 --define=A=\"b\"\n", "`echo 1`\n",
        "0 socket(..., SOCK_STREAM|SOCK_NONBLOCK, IPPROTO_TCP) = 3\n",
        "+.1 < S 0:0(0) win 32792 <mss 1000,sackOK,nop,nop,nop,wscale 7>\n", "+0 > [ect0] S.5 0:0(0) ack 1 <...>\n",
        "+0~+.1 > P. 1:1001(1000) ack 1 <nop,nop,TS val 100 ecr 200>\n",
        "* > . 1:1(0) ack 1 <nop,nop,sack 1001:2001 3001:4001>\n",
        "0 < icmp unreachable frag_needed mtu 1200 [1:1461(1460)]\n", "0 < udp 53 > 54 (12)\n",
        "0 > ipv4 192.0.2.1 > 10.0.0.1: gre flags [key present], sum 0, off 0, key = 0x5, seq 1: mpls (label 1, tc 2, [S], ttl 3): . 1:1(0)\n",
        "0...0.5 recvmsg(4, {msg_name(...)=..., msg_iov(1)=[{..., 0}], msg_flags=0, msg_control=[{cmsg_level=1, cmsg_type=2, cmsg_data=3}]}, 0) = 0\n",
        "0 f({ee_errno=0, ee_origin=1, ee_type=0, ee_code=0, ee_info=0, ee_data=1}) = -1 EAGAIN (Try again)\n",
        "+0 poll([{fd=4, events=POLLIN, revents=POLLIN|POLLOUT}], 1, 0) = 1\n",
        "+0 %{ assert tcpi_snd_cwnd == 10 }%\n", "/* c */ // d\n",
        "+0 setsockopt(3, SOL_SOCKET, SO_LINGER, {onoff=1, linger=0}, 8) = 0\n",
        "0 > S 0:0(0) <FO 0123456789abcdef,md5 00>\n",
        "0 bind(3, {sa_family = AF_INET6, sin_port = htons(1), sin_addr = inet_addr(\"::1\")}, ...) = 0\n",
    };
    enum { LINES = sizeof lines / sizeof lines[0] };
    record_begin(r, (uint8_t)rng_below(rng, IP_VERSIONS));
    for (uint32_t n = 1 + rng_below(rng, 4); n; n--) {
        const char *line = lines[rng_below(rng, LINES)];
        record_put(r, line, strlen(line));
    }
}

const struct target target = { .name = "script", .ops = IP_VERSIONS, .set_up = set_up, .run = run, .fresh = fresh };
