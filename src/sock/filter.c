/* Classic BPF on sockets (SO_ATTACH_FILTER): programs are checked once at attach, so that the interpreter needs no checks
 * but those of packet bounds. */
#include "sock/sock.h"

struct sock_filter_program {
    uint32_t references, length;
    struct sock_filter code[];
};

static size_t program_bytes(uint32_t length)
{
    return sizeof(struct sock_filter_program) + length * sizeof(struct sock_filter);
}

static bool is_known_code(uint16_t code)
{
    switch (code) {
    case BPF_ALU | BPF_ADD | BPF_K: case BPF_ALU | BPF_ADD | BPF_X: case BPF_ALU | BPF_SUB | BPF_K: case BPF_ALU | BPF_SUB | BPF_X:
    case BPF_ALU | BPF_MUL | BPF_K: case BPF_ALU | BPF_MUL | BPF_X: case BPF_ALU | BPF_DIV | BPF_K: case BPF_ALU | BPF_DIV | BPF_X:
    case BPF_ALU | BPF_MOD | BPF_K: case BPF_ALU | BPF_MOD | BPF_X: case BPF_ALU | BPF_AND | BPF_K: case BPF_ALU | BPF_AND | BPF_X:
    case BPF_ALU | BPF_OR | BPF_K: case BPF_ALU | BPF_OR | BPF_X: case BPF_ALU | BPF_XOR | BPF_K: case BPF_ALU | BPF_XOR | BPF_X:
    case BPF_ALU | BPF_LSH | BPF_K: case BPF_ALU | BPF_LSH | BPF_X: case BPF_ALU | BPF_RSH | BPF_K: case BPF_ALU | BPF_RSH | BPF_X:
    case BPF_ALU | BPF_NEG:
    case BPF_LD | BPF_W | BPF_ABS: case BPF_LD | BPF_H | BPF_ABS: case BPF_LD | BPF_B | BPF_ABS:
    case BPF_LD | BPF_W | BPF_IND: case BPF_LD | BPF_H | BPF_IND: case BPF_LD | BPF_B | BPF_IND:
    case BPF_LD | BPF_W | BPF_LEN: case BPF_LD | BPF_IMM: case BPF_LD | BPF_MEM:
    case BPF_LDX | BPF_W | BPF_LEN: case BPF_LDX | BPF_B | BPF_MSH: case BPF_LDX | BPF_IMM: case BPF_LDX | BPF_MEM:
    case BPF_ST: case BPF_STX: case BPF_MISC | BPF_TAX: case BPF_MISC | BPF_TXA: case BPF_RET | BPF_K: case BPF_RET | BPF_A:
    case BPF_JMP | BPF_JA: case BPF_JMP | BPF_JEQ | BPF_K: case BPF_JMP | BPF_JEQ | BPF_X: case BPF_JMP | BPF_JGE | BPF_K:
    case BPF_JMP | BPF_JGE | BPF_X: case BPF_JMP | BPF_JGT | BPF_K: case BPF_JMP | BPF_JGT | BPF_X: case BPF_JMP | BPF_JSET | BPF_K:
    case BPF_JMP | BPF_JSET | BPF_X:
        return true;
    default:
        return false;
    }
}

static bool is_known_extension(uint32_t offset)
{
    return offset <= SKF_AD_VLAN_TPID && offset % 4 == 0;
}

/* Operands and jump targets of one instruction; left: instructions after it. */
static bool check_instruction(const struct sock_filter *f, uint32_t left)
{
    if (!is_known_code(f->code)) return false;
    switch (f->code) {
    case BPF_ALU | BPF_DIV | BPF_K: case BPF_ALU | BPF_MOD | BPF_K:
        return f->k != 0;
    case BPF_ALU | BPF_LSH | BPF_K: case BPF_ALU | BPF_RSH | BPF_K:
        return f->k < 32;
    case BPF_LD | BPF_MEM: case BPF_LDX | BPF_MEM: case BPF_ST: case BPF_STX:
        return f->k < BPF_MEMWORDS;
    case BPF_JMP | BPF_JA:
        return f->k < left;
    case BPF_LD | BPF_W | BPF_ABS: case BPF_LD | BPF_H | BPF_ABS: case BPF_LD | BPF_B | BPF_ABS:
        return f->k < (uint32_t)SKF_AD_OFF || is_known_extension(f->k - (uint32_t)SKF_AD_OFF);
    default:
        return BPF_CLASS(f->code) != BPF_JMP || (f->jt < left && f->jf < left);
    }
}

/* No scratch word may be read on any path before it is written. Jumps only go forward, so one pass with the set of words
 * written on all paths into each instruction is enough. */
static bool check_scratch(struct machine *m, const struct sock_filter *program, uint32_t length)
{
    uint16_t *written = machine_alloc(m, length * sizeof(*written)), now = 0;
    bool good = true;

    if (!written) return false;
    memset(written, 0xff, length * sizeof(*written));
    for (uint32_t i = 0; i < length && good; i++) {
        const struct sock_filter *f = &program[i];

        now &= written[i];
        switch (BPF_CLASS(f->code)) {
        case BPF_ST: case BPF_STX:
            now |= (uint16_t)(1u << f->k);
            break;
        case BPF_LD: case BPF_LDX:
            if (BPF_MODE(f->code) == BPF_MEM && !(now >> f->k & 1)) good = false;
            break;
        case BPF_JMP:
            if (BPF_OP(f->code) == BPF_JA) {
                written[i + 1 + f->k] &= now;
            } else {
                written[i + 1 + f->jt] &= now;
                written[i + 1 + f->jf] &= now;
            }
            now = 0xffff;
            break;
        default:
            break;
        }
    }
    machine_free(m, written, length * sizeof(*written));
    return good;
}

static bool check_program(struct machine *m, const struct sock_filter *program, uint32_t length)
{
    for (uint32_t i = 0; i < length; i++) {
        if (!check_instruction(&program[i], length - 1 - i)) return false;
    }
    return BPF_CLASS(program[length - 1].code) == BPF_RET && check_scratch(m, program, length);
}

int sock_filter_attach(struct sock *sk, const struct sock_filter *program, uint32_t length)
{
    struct machine *m = sk->net->machine;
    struct sock_filter_program *made;
    struct sock_rare *own;

    if (length == 0 || length > BPF_MAXINSNS || !check_program(m, program, length)) return -EINVAL;
    if (program_bytes(length) > (uint64_t)sk->net->sysctl.optmem_max) return -ENOMEM;
    own = sock_rare(sk);
    made = own ? machine_alloc(m, program_bytes(length)) : NULL;
    if (!made) return -ENOMEM;
    made->references = 1;
    made->length = length;
    memcpy(made->code, program, length * sizeof(*program));
    sock_filter_detach(sk);
    own->filter = made;
    return 0;
}

void sock_filter_share(struct sock *sk)
{
    if (sk->rare->filter) sk->rare->filter->references++;
}

const struct sock_filter *sock_filter_program(const struct sock *sk, uint32_t *length)
{
    *length = sk->rare->filter ? sk->rare->filter->length : 0;
    return sk->rare->filter ? sk->rare->filter->code : NULL;
}

void sock_filter_detach(struct sock *sk)
{
    struct sock_filter_program *f = sk->rare->filter;

    if (!f) return;
    sock_rare(sk)->filter = NULL;
    if (--f->references == 0) machine_free(sk->net->machine, f, program_bytes(f->length));
}

/* Offset in the packet, or below it in headers that were stepped over (SKF_NET_OFF, SKF_LL_OFF). */
static bool read_at(const struct packet *p, uint32_t k, uint8_t *out, uint32_t bytes)
{
    int64_t offset = (int32_t)k, before = 0;

    if (offset < 0) {
        bool from_link = offset < SKF_NET_OFF;

        before = from_link ? p->link_offset : p->network_offset;
        offset += before - (from_link ? SKF_LL_OFF : SKF_NET_OFF);
        if (offset < before) return false;
    }
    if (offset >= 0) return packet_read(p, (uint32_t)offset, out, bytes);
    if (offset + bytes > 0) return false;
    for (uint32_t i = 0; i < bytes; i++) out[i] = *packet_at(p, (int32_t)offset + (int32_t)i); /* partly in the head, partly in the body */
    return true;
}

static uint32_t read_extension(const struct packet *p, uint32_t which, uint32_t a, uint32_t x)
{
    switch (which) {
    case SKF_AD_PROTOCOL: return host16(p->protocol);
    case SKF_AD_PKTTYPE: return p->kind;
    case SKF_AD_IFINDEX: return (uint32_t)p->in_ifindex;
    case SKF_AD_MARK: return p->mark;
    case SKF_AD_HATYPE: return p->in_ifindex == 1 ? ARPHRD_LOOPBACK : ARPHRD_ETHER;
    case SKF_AD_RXHASH: return p->hash;
    case SKF_AD_ALU_XOR_X: return a ^ x;
    case SKF_AD_RANDOM: return random_u32(&p->machine->random.other);
    default: return 0; /* one queue, one processor, no VLAN tag out of band, no netlink attributes */
    }
}

/* BPF_LD with BPF_ABS or BPF_IND. False: out of the packet. */
static bool load(const struct packet *p, uint16_t code, uint32_t k, uint32_t x, uint32_t *a)
{
    uint8_t b[4];

    if (BPF_MODE(code) == BPF_ABS && k >= (uint32_t)SKF_AD_OFF) {
        *a = read_extension(p, k - (uint32_t)SKF_AD_OFF, *a, x);
        return true;
    }
    if (BPF_MODE(code) == BPF_IND) k += x;
    switch (BPF_SIZE(code)) {
    case BPF_W:
        if (!read_at(p, k, b, 4)) return false;
        *a = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
        return true;
    case BPF_H:
        if (!read_at(p, k, b, 2)) return false;
        *a = (uint32_t)b[0] << 8 | b[1];
        return true;
    default:
        if (!read_at(p, k, b, 1)) return false;
        *a = b[0];
        return true;
    }
}

/* False: division by zero in X, which ends the program with 0. */
static bool compute(uint16_t code, uint32_t operand, uint32_t *a)
{
    switch (BPF_OP(code)) {
    case BPF_ADD: *a += operand; break;
    case BPF_SUB: *a -= operand; break;
    case BPF_MUL: *a *= operand; break;
    case BPF_DIV: if (!operand) return false; *a /= operand; break;
    case BPF_MOD: if (!operand) return false; *a %= operand; break;
    case BPF_AND: *a &= operand; break;
    case BPF_OR: *a |= operand; break;
    case BPF_XOR: *a ^= operand; break;
    case BPF_LSH: *a <<= operand & 31; break;
    case BPF_RSH: *a >>= operand & 31; break;
    case BPF_NEG: *a = 0 - *a; break;
    default: break;
    }
    return true;
}

static uint32_t jump_distance(const struct sock_filter *f, uint32_t a, uint32_t x)
{
    uint32_t operand = BPF_SRC(f->code) == BPF_X ? x : f->k;

    switch (BPF_OP(f->code)) {
    case BPF_JA: return f->k;
    case BPF_JEQ: return a == operand ? f->jt : f->jf;
    case BPF_JGT: return a > operand ? f->jt : f->jf;
    case BPF_JGE: return a >= operand ? f->jt : f->jf;
    default: return a & operand ? f->jt : f->jf;
    }
}

/* BPF_LD and BPF_LDX. False: out of the packet. */
static bool run_load(const struct packet *p, const struct sock_filter *f, const uint32_t *scratch, uint32_t *a, uint32_t *x)
{
    uint32_t *to = BPF_CLASS(f->code) == BPF_LD ? a : x;
    uint8_t byte;

    switch (BPF_MODE(f->code)) {
    case BPF_IMM: *to = f->k; return true;
    case BPF_MEM: *to = scratch[f->k]; return true;
    case BPF_LEN: *to = packet_bytes(p); return true;
    case BPF_MSH:
        if (!read_at(p, f->k, &byte, 1)) return false;
        *x = (byte & 0xfu) << 2;
        return true;
    default: return load(p, f->code, f->k, *x, a);
    }
}

static uint32_t run_program(const struct sock_filter_program *program, const struct packet *p)
{
    uint32_t a = 0, x = 0, scratch[BPF_MEMWORDS] = { 0 };

    for (uint32_t i = 0; i < program->length; i++) {
        const struct sock_filter *f = &program->code[i];

        switch (BPF_CLASS(f->code)) {
        case BPF_LD: case BPF_LDX:
            if (!run_load(p, f, scratch, &a, &x)) return 0;
            break;
        case BPF_ST: scratch[f->k] = a; break;
        case BPF_STX: scratch[f->k] = x; break;
        case BPF_ALU:
            if (!compute(f->code, BPF_SRC(f->code) == BPF_X ? x : f->k, &a)) return 0;
            break;
        case BPF_JMP: i += jump_distance(f, a, x); break;
        case BPF_RET: return BPF_RVAL(f->code) == BPF_A ? a : f->k;
        default: /* BPF_MISC */
            if (BPF_MISCOP(f->code) == BPF_TAX) x = a;
            else a = x;
            break;
        }
    }
    return 0;
}

uint32_t sock_filter_run(const struct sock *sk, struct packet *p)
{
    return sk->rare->filter ? run_program(sk->rare->filter, p) : UINT32_MAX;
}
