#include "device/tap.h"

struct tap { struct tap_config config; };

static int start(struct net_device *d, const void *config)
{
    struct tap *t = d->private_data;
    t->config = *(const struct tap_config *)config;
    if (!t->config.send) return -EINVAL;
    d->mac = t->config.mac;
    if (t->config.mtu_bytes) d->mtu_bytes = t->config.mtu_bytes;
    d->features = DEVICE_GRO | (t->config.takes_checksum_and_gso ? DEVICE_CHECKSUM | DEVICE_GSO : 0);
    return 0;
}

static void transmit(struct net_device *d, struct packet *p)
{
    struct tap *t = d->private_data;
    device_handed_out(d, p, t->config.send(t->config.ctx, p));
}

const struct device_ops tap_device_ops = {
    .kind = "tap", .private_bytes = sizeof(struct tap), .start = start, .transmit = transmit, .poll = device_poll_queue,
};
