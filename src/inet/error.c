/* ICMP errors and refused sends, as datagram socks see them: an error queue entry where the program asked for one
 * (IP_RECVERR), else only hard errors on connected socks. */
#include "inet/inet_ops.h"
#include "wire/checksum.h"

static bool wants_queue(const struct inet_sock *is, bool is4)
{
    return is4 ? is->recv_error : is->recv_error6;
}

static void fill_offender(const struct sock *sk, struct sock_error *out, const ip_addr_t *offender)
{
    if (ip_is_any(offender)) return;
    out->offender_bytes = inet_put_address(sk, &out->offender, offender, 0, sk->bound_ifindex);
}

void inet_local_error(struct sock *sk, int error, const ip_addr_t *destination, uint16_t port, uint32_t info)
{
    struct sock_error e = { .ee = { .ee_errno = (uint32_t)error, .ee_origin = SO_EE_ORIGIN_LOCAL, .ee_info = info } };

    if (!wants_queue(inet_of(sk), ip_is4(destination))) return;
    e.destination_bytes = inet_put_address(sk, &e.destination, destination, port, sk->bound_ifindex);
    sock_error_queue(sk, &e, NULL, 0);
}

long inet_error_receive(struct sock *sk, struct user_msg *msg)
{
    bool is6 = inet_is6(sk);

    return sock_error_receive(sk, msg, is6 ? SOL_IPV6 : SOL_IP, is6 ? IPV6_RECVERR : IP_RECVERR, inet_put_error_control);
}

enum { EXTENSION_HEADER_BYTES = 4, EXTENSION_VERSION = 2, DATAGRAM_MIN_BYTES = 128 }; /* RFC 4884 §5.1, §7 */

/* RFC 4884 §7: version, checksum, then objects that fill the rest exactly. Linux: another version is none of its business. */
static bool are_extensions_good(const struct packet *p, uint32_t at)
{
    uint32_t bytes = packet_bytes(p);
    uint8_t head[EXTENSION_HEADER_BYTES];

    if (!packet_read(p, at, head, sizeof(head))) return false;
    if (head[0] >> 4 != EXTENSION_VERSION) return true;
    if ((head[2] || head[3]) && checksum_fold(packet_checksum(p, at, bytes - at, 0)).raw) return false;
    for (at += EXTENSION_HEADER_BYTES; at < bytes;) {
        be16_t length;

        if (at + EXTENSION_HEADER_BYTES > bytes || !packet_read(p, at, &length, sizeof(length)) || host16(length) < EXTENSION_HEADER_BYTES) return false;
        at += host16(length);
    }
    return at == bytes;
}

/* IP_RECVERR_RFC4884: where in the payload the extensions begin. */
static void find_extensions(const struct inet_sock *is, const struct packet *p, const struct icmp_error *e, uint32_t payload_offset, struct sock_error *out)
{
    bool is4 = e->version == 4;
    bool may_have = is4 ? e->type == ICMP_DEST_UNREACH || e->type == ICMP_TIME_EXCEEDED || e->type == ICMP_PARAMETERPROB
                        : e->type == ICMPV6_DEST_UNREACH || e->type == ICMPV6_TIME_EXCEED;
    uint32_t offset = e->datagram_words * (is4 ? 4u : 8u), stripped = p->ip.header_bytes + payload_offset;

    if (!(is4 ? is->recv_error_rfc4884 : is->recv_error6_rfc4884) || !may_have || offset < DATAGRAM_MIN_BYTES || offset < stripped) return;
    offset -= stripped;
    if (payload_offset + offset + EXTENSION_HEADER_BYTES > packet_bytes(p)) return;
    out->ee.ee_rfc4884.len = (uint16_t)offset;
    if (!are_extensions_good(p, payload_offset + offset)) out->ee.ee_rfc4884.flags |= SO_EE_RFC4884_FLAG_INVALID;
}

static void queue_error(struct sock *sk, struct packet *p, const struct icmp_error *e, int error, uint16_t port, uint32_t payload_offset)
{
    struct sock_error record = { .ee = { .ee_errno = (uint32_t)error, .ee_origin = e->version == 4 ? SO_EE_ORIGIN_ICMP : SO_EE_ORIGIN_ICMP6,
                                         .ee_type = e->type, .ee_code = e->code, .ee_info = e->info },
                                 .heard = e->heard, .in_ifindex = e->in_ifindex };

    find_extensions(inet_of(sk), p, e, payload_offset, &record);
    fill_offender(sk, &record, &e->offender);
    record.destination_bytes = inet_put_address(sk, &record.destination, &p->ip.destination, port, sk->bound_ifindex);
    sock_error_queue(sk, &record, p, payload_offset);
}

static bool is_too_big(const struct icmp_error *e)
{
    return e->version == 4 ? e->type == ICMP_DEST_UNREACH && e->code == ICMP_FRAG_NEEDED : e->type == ICMPV6_PKT_TOOBIG;
}

void inet_datagram_error(struct sock *sk, struct packet *p, const struct icmp_error *e, uint16_t destination_port, uint32_t payload_offset)
{
    struct inet_sock *is = inet_of(sk);
    bool is_fatal = e->is_fatal;
    int error = e->error;

    if (is_too_big(e)) {
        route_update_pmtu(sk->net, &p->ip.destination, e->info);
        inet_route_reset(is);
        if (e->version == 4 && is->pmtu_policy == IP_PMTUDISC_DONT) return;
        error = EMSGSIZE;
        is_fatal = e->version == 4 || is->pmtu_policy6 == IPV6_PMTUDISC_DO;
    }
    if (!error) return; /* a redirect, or nothing a program should hear of */
    if (wants_queue(is, e->version == 4)) queue_error(sk, p, e, error, destination_port, payload_offset);
    else if (!is_fatal || sk->state != SOCK_ESTABLISHED) return;
    sock_report_error(sk, error);
}
