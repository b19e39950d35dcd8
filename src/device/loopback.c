#include "device/net_device.h"

static int start(struct net_device *d, const void *config)
{
    (void)config;
    d->flags = IFF_LOOPBACK;
    d->hardware_type = ARPHRD_LOOPBACK;
    d->mtu_bytes = 65536;
    d->features = DEVICE_CHECKSUM | DEVICE_GSO | DEVICE_NO_ARP;
    d->broadcast = (struct mac_addr){ { 0 } };
    return 0;
}

static void transmit(struct net_device *d, struct packet *p)
{
    packet_orphan(p); /* Linux: loopback_xmit gives the send buffer back at once */
    device_enqueue(d, p);
}

static int set_mtu(struct net_device *d, uint32_t mtu_bytes)
{
    (void)d;
    return mtu_bytes > INT32_MAX ? -EINVAL : 0; /* Linux: lo takes anything */
}

const struct device_ops loopback_device_ops = {
    .kind = "loopback", .start = start, .transmit = transmit, .poll = device_poll_queue, .set_mtu = set_mtu,
};
