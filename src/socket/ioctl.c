/* ioctl on a socket: what concerns the file, then the family's own, then interfaces by name (Linux: sock_ioctl, dev_ioctl).
 * Addresses of interfaces are the family's. */
#include "device/net_device.h"
#include "ip/address.h"
#include "sock/sock.h"
#include "socket/socket.h"

static int out(const struct task *t, uint64_t to, const void *from, size_t bytes)
{
    return user_out(t->memory, to, from, bytes) ? -EFAULT : 0;
}

/* --- the owner, and the time of the last packet */

static int set_owner(struct file *f, const struct task *t, uint64_t argument)
{
    int32_t pid;
    if (user_in(t->memory, &pid, argument, sizeof pid)) return -EFAULT;
    if (pid == INT32_MIN) return -EINVAL;
    f->owner_pid = pid;
    return 0;
}

static int get_stamp(struct socket *s, const struct task *t, uint64_t argument, bool is_ns)
{
    if (!s->sock->receive_time_ns) return -ENOENT;
    uint64_t wall_ns = s->sock->receive_time_ns + s->net->machine->wall_offset_ns;
    uint64_t value[2] = { wall_ns / NS_PER_S, wall_ns % NS_PER_S / (is_ns ? 1 : NS_PER_US) };
    return out(t, argument, value, sizeof value);
}

/* --- interfaces */

/* SIOCGIFCONF: the IPv4 addresses, by interface. A NULL buffer asks for the length. */
static int get_configuration(struct net *net, const struct task *t, uint64_t argument)
{
    struct ifconf conf;
    if (user_in(t->memory, &conf, argument, sizeof conf)) return -EFAULT;
    uint64_t at = (uint64_t)(uintptr_t)conf.ifc_buf;
    int used = 0;
    list_for_each(it, &net->devices) {
        struct net_device *d = list_entry(it, struct net_device, node);
        if (!d->ip) continue;
        list_for_each(it4, &d->ip->addresses4) {
            struct ip_address *a = list_entry(it4, struct ip_address, node);
            struct ifreq r = { 0 };
            struct sockaddr_in sin = { .sin_family = AF_INET, .sin_addr.s_addr = ip_get4(&a->local).raw };
            memcpy(r.ifr_name, a->label[0] ? a->label : d->name, IFNAMSIZ);
            memcpy(&r.ifr_addr, &sin, sizeof sin);
            if (at && conf.ifc_len - used < (int)sizeof r) goto full;
            if (at && out(t, at + (uint64_t)used, &r, sizeof r)) return -EFAULT;
            used += (int)sizeof r;
        }
    }
full:
    conf.ifc_len = used;
    return out(t, argument, &conf, sizeof conf);
}

static short interface_flags(const struct net_device *d) { return (short)d->flags; }

static int get_interface(const struct net_device *d, unsigned command, struct ifreq *r)
{
    switch (command) {
    case SIOCGIFFLAGS: r->ifr_flags = interface_flags(d); return 0;
    case SIOCGIFMETRIC: r->ifr_metric = 0; return 0;
    case SIOCGIFMTU: r->ifr_mtu = (int)d->mtu_bytes; return 0;
    case SIOCGIFINDEX: r->ifr_ifindex = (int)d->ifindex; return 0;
    case SIOCGIFTXQLEN: r->ifr_qlen = (int)d->tx_queue_packets; return 0;
    case SIOCGIFMAP: memset(&r->ifr_map, 0, sizeof r->ifr_map); return 0;
    case SIOCGIFHWADDR:
        memset(&r->ifr_hwaddr, 0, sizeof r->ifr_hwaddr);
        r->ifr_hwaddr.sa_family = d->hardware_type;
        memcpy(r->ifr_hwaddr.sa_data, d->mac.bytes, sizeof d->mac.bytes);
        return 0;
    default: return -EINVAL; /* SIOCGIFSLAVE, as Linux */
    }
}

static int set_interface(struct net_device *d, unsigned command, const struct ifreq *r)
{
    switch (command) {
    case SIOCSIFFLAGS: return device_change_flags(d, (uint16_t)r->ifr_flags, UINT16_MAX);
    case SIOCSIFMTU: return r->ifr_mtu < 0 ? -EINVAL : device_set_mtu(d, (uint32_t)r->ifr_mtu);
    case SIOCSIFTXQLEN:
        if (r->ifr_qlen < 0) return -EINVAL;
        device_set_tx_queue(d, (uint32_t)r->ifr_qlen);
        return 0;
    case SIOCSIFHWADDR: {
        struct mac_addr mac;
        if (r->ifr_hwaddr.sa_family != d->hardware_type) return -EINVAL;
        if (d->flags & IFF_LOOPBACK) return -EADDRNOTAVAIL;
        memcpy(mac.bytes, r->ifr_hwaddr.sa_data, sizeof mac.bytes);
        device_set_mac(d, &mac);
        return 0;
    }
    default: return -EOPNOTSUPP; /* SIOCSIFMETRIC */
    }
}

static bool is_getter(unsigned command)
{
    switch (command) {
    case SIOCGIFFLAGS: case SIOCGIFMETRIC: case SIOCGIFMTU: case SIOCGIFINDEX: case SIOCGIFTXQLEN: case SIOCGIFMAP:
    case SIOCGIFHWADDR: case SIOCGIFSLAVE: return true;
    default: return false;
    }
}

static bool is_setter(unsigned command)
{
    return command == SIOCSIFFLAGS || command == SIOCSIFMTU || command == SIOCSIFTXQLEN || command == SIOCSIFHWADDR ||
        command == SIOCSIFMETRIC;
}

static int interface_name(struct net *net, const struct task *t, uint64_t argument)
{
    struct ifreq r;
    if (user_in(t->memory, &r, argument, sizeof r)) return -EFAULT;
    const struct net_device *d = device_by_index(net, (uint32_t)r.ifr_ifindex);
    if (!d) return -ENODEV;
    memcpy(r.ifr_name, d->name, IFNAMSIZ);
    return out(t, argument, &r, sizeof r);
}

static int interface_ioctl(struct net *net, const struct task *t, unsigned command, uint64_t argument)
{
    struct ifreq r;
    if (command == SIOCGIFCONF) return get_configuration(net, t, argument);
    if (command == SIOCGIFNAME) return interface_name(net, t, argument);
    if (command == SIOCETHTOOL) return -EOPNOTSUPP;
    if (!is_getter(command) && !is_setter(command)) return -ENOTTY;
    if (user_in(t->memory, &r, argument, sizeof r)) return -EFAULT;
    r.ifr_name[IFNAMSIZ - 1] = 0;
    char *colon = strchr(r.ifr_name, ':'); /* "eth0:1": an alias is the interface itself */
    if (colon) *colon = 0;
    if (is_setter(command) && !credentials_can(&t->credentials, CAP_NET_ADMIN)) return -EPERM;
    struct net_device *d = device_find(net, r.ifr_name);
    if (colon) *colon = ':';
    if (!d) return -ENODEV;
    if (is_setter(command)) return set_interface(d, command, &r);
    int error = get_interface(d, command, &r);
    return error ? error : out(t, argument, &r, sizeof r);
}

int socket_ioctl(struct file *f, const struct task *t, unsigned command, uint64_t argument)
{
    struct socket *s = f->private_data;
    switch (command) {
    case FIOSETOWN: case SIOCSPGRP: return set_owner(f, t, argument);
    case FIOGETOWN: case SIOCGPGRP: return out(t, argument, &f->owner_pid, sizeof f->owner_pid);
    case SIOCGSTAMP_OLD: case SIOCGSTAMP_NEW: return get_stamp(s, t, argument, false);
    case SIOCGSTAMPNS_OLD: case SIOCGSTAMPNS_NEW: return get_stamp(s, t, argument, true);
    default: break;
    }
    int result = s->ops->ioctl ? s->ops->ioctl(s, t, command, argument) : -ENOIOCTLCMD;
    return result == -ENOIOCTLCMD ? interface_ioctl(s->net, t, command, argument) : result;
}
