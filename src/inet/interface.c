/* The ioctls about IPv4 addresses of interfaces and routes that AF_INET sockets take (netdevice(7)): what ifconfig and
 * route use. */
#include "inet/inet_ops.h"

#include "ip/address.h"

static be32_t mask4(unsigned prefix_bits) { return be32(prefix_bits ? UINT32_MAX << (32 - prefix_bits) : 0); }

/* The address with the label asked for ("eth0:1"), else the first. */
static struct ip_address *find_address(const struct net_device *d, const char *label)
{
    struct ip_address *first = NULL;
    if (!d->ip) return NULL;
    list_for_each(it, &d->ip->addresses4) {
        struct ip_address *a = list_entry(it, struct ip_address, node);
        if (!first) first = a;
        if (!strncmp(a->label, label, IFNAMSIZ)) return a;
    }
    return first;
}

static be32_t get_part(const struct ip_address *a, unsigned command)
{
    switch (command) {
    case SIOCGIFADDR: return ip_get4(&a->local);
    case SIOCGIFBRDADDR: return ip_get4(&a->broadcast);
    case SIOCGIFDSTADDR: return ip_is_any(&a->peer) ? ip_get4(&a->local) : ip_get4(&a->peer);
    default: return mask4(a->prefix_bits);
    }
}

static unsigned class_bits(be32_t a)
{
    uint32_t v = host32(a);
    return v >> 31 == 0 ? 8 : v >> 30 == 2 ? 16 : v >> 29 == 6 ? 24 : 32;
}

/* The address of an interface is replaced: the old one goes, with its routes. */
static int set_part(struct net_device *d, struct ip_address *old, unsigned command, be32_t value)
{
    ip_addr_t local = command == SIOCSIFADDR ? ip_from4(value) : old ? old->local : ip_any4();
    if (command != SIOCSIFADDR && !old) return -EADDRNOTAVAIL;
    unsigned bits = command == SIOCSIFNETMASK ? (unsigned)__builtin_popcount(value.raw) : command == SIOCSIFADDR ? class_bits(value) : old->prefix_bits;
    if (command == SIOCSIFNETMASK && !be32_equal(mask4(bits), value)) return -EINVAL;
    ip_addr_t broadcast = ip_from4((be32_t){ ip_get4(&local).raw | ~mask4(bits).raw });
    if (command == SIOCSIFBRDADDR) broadcast = ip_from4(value);
    if (old) {
        ip_addr_t gone = old->local;
        int error = ip_address_remove(d, &gone, old->prefix_bits);
        if (error) return error;
    }
    if (ip_is_any(&local)) return 0;
    bool has_broadcast = bits < 31 && !(d->flags & IFF_LOOPBACK);
    return ip_address_add(d, &local, bits, has_broadcast ? &broadcast : NULL, IFA_F_PERMANENT,
        d->flags & IFF_LOOPBACK ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE);
}

static int address_ioctl(struct net *net, const struct task *t, unsigned command, uint64_t argument, bool is_set)
{
    struct ifreq r;
    struct sockaddr_in sin = { .sin_family = AF_INET };
    char name[IFNAMSIZ];
    if (user_in(t->memory, &r, argument, sizeof r)) return -EFAULT;
    memcpy(name, r.ifr_name, IFNAMSIZ);
    name[IFNAMSIZ - 1] = 0;
    char *colon = strchr(name, ':');
    if (colon) *colon = 0;
    if (is_set && !credentials_can(&t->credentials, CAP_NET_ADMIN)) return -EPERM;
    struct sockaddr_in given;
    memcpy(&given, &r.ifr_addr, sizeof given);
    if (is_set && given.sin_family != AF_INET) return -EINVAL;
    struct net_device *d = device_find(net, name);
    if (!d) return -ENODEV;
    struct ip_address *a = find_address(d, r.ifr_name);
    if (is_set) return set_part(d, a, command, (be32_t){ given.sin_addr.s_addr });
    if (!a) return -EADDRNOTAVAIL;
    sin.sin_addr.s_addr = get_part(a, command).raw;
    memset(&r.ifr_ifru, 0, sizeof(struct sockaddr));
    memcpy(&r.ifr_addr, &sin, sizeof sin);
    return user_out(t->memory, argument, &r, sizeof r) ? -EFAULT : 0;
}

static be32_t address_of(const struct sockaddr *a)
{
    struct sockaddr_in sin;
    memcpy(&sin, a, sizeof sin);
    return (be32_t){ sin.sin_addr.s_addr };
}

static int route_ioctl(struct net *net, const struct task *t, unsigned command, uint64_t argument)
{
    struct rtentry e;
    char name[IFNAMSIZ] = "";
    if (!credentials_can(&t->credentials, CAP_NET_ADMIN)) return -EPERM;
    if (user_in(t->memory, &e, argument, sizeof e)) return -EFAULT;
    if (e.rt_dst.sa_family != AF_INET) return -EAFNOSUPPORT;
    if (e.rt_dev && user_in(t->memory, name, (uint64_t)(uintptr_t)e.rt_dev, sizeof name - 1)) return -EFAULT;
    be32_t mask = e.rt_flags & RTF_HOST ? be32(UINT32_MAX) : address_of(&e.rt_genmask);
    unsigned bits = (unsigned)__builtin_popcount(mask.raw);
    if (!be32_equal(mask4(bits), mask) || (address_of(&e.rt_dst).raw & ~mask.raw)) return -EINVAL;
    struct ip_route_row row = { .destination = ip_from4(address_of(&e.rt_dst)), .prefix_bits = (uint8_t)bits, .version = 4,
        .table = RT_TABLE_MAIN, .kind = e.rt_flags & RTF_REJECT ? RTN_UNREACHABLE : RTN_UNICAST, .protocol = RTPROT_BOOT,
        .scope = RT_SCOPE_LINK, .metric = e.rt_metric > 0 ? (uint32_t)e.rt_metric - 1 : 0 };
    if (e.rt_flags & RTF_GATEWAY) {
        row.gateway = ip_from4(address_of(&e.rt_gateway));
        row.has_gateway = true;
        row.scope = RT_SCOPE_UNIVERSE;
    }
    if (name[0] && !(row.device = device_find(net, name))) return -ENODEV;
    return command == SIOCADDRT ? ip_route_add(net, &row, false) : ip_route_remove(net, &row);
}

int inet_interface_ioctl(struct net *net, const struct task *t, unsigned command, uint64_t argument)
{
    switch (command) {
    case SIOCGIFADDR: case SIOCGIFBRDADDR: case SIOCGIFDSTADDR: case SIOCGIFNETMASK: return address_ioctl(net, t, command, argument, false);
    case SIOCSIFADDR: case SIOCSIFBRDADDR: case SIOCSIFNETMASK: return address_ioctl(net, t, command, argument, true);
    case SIOCADDRT: case SIOCDELRT: return route_ioctl(net, t, command, argument);
    default: return -ENOIOCTLCMD;
    }
}
