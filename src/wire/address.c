#include "wire/address.h"

bool ip_in_prefix(const ip_addr_t *a, const ip_addr_t *net, unsigned prefix_bits)
{
    if (ip_is4(a) != ip_is4(net)) return false;
    unsigned bits = prefix_bits + (ip_is4(a) ? 96 : 0);
    unsigned whole = bits / 8, rest = bits % 8;
    if (memcmp(a->bytes, net->bytes, whole) != 0) return false;
    return rest == 0 || ((a->bytes[whole] ^ net->bytes[whole]) >> (8 - rest)) == 0;
}
