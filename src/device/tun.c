#include "device/tun.h"

enum { TUN_QUEUE_PACKETS = 500 }; /* Linux: TUN_READQ_SIZE */

struct tun { struct tun_config config; };

static int start(struct net_device *d, const void *config)
{
    struct tun *t = d->private_data;
    t->config = *(const struct tun_config *)config;
    if (!t->config.send) return -EINVAL;
    if (t->config.mtu_bytes) d->mtu_bytes = t->config.mtu_bytes;
    d->flags = IFF_POINTOPOINT | IFF_NOARP | IFF_MULTICAST;
    d->hardware_type = ARPHRD_NONE;
    d->header_bytes = 0;
    d->broadcast = (struct mac_addr){ { 0 } };
    d->tx_queue_packets = TUN_QUEUE_PACKETS;
    d->features = DEVICE_GSO | DEVICE_NO_ARP; /* no DEVICE_GRO: Linux's tun hands up what it was given */
    return 0;
}

static void transmit(struct net_device *d, struct packet *p)
{
    struct tun *t = d->private_data;
    device_handed_out(d, p, t->config.send(t->config.ctx, p));
}

const struct device_ops tun_device_ops = {
    .kind = "tun", .private_bytes = sizeof(struct tun), .start = start, .transmit = transmit, .poll = device_poll_queue,
};
