#include "device/capture.h"

void capture_add(struct net_device *d, struct capture *c)
{
    list_add_tail(&d->captures, &c->node);
}

void capture_remove(struct capture *c)
{
    list_remove(&c->node);
}

void device_capture(struct net_device *d, const struct packet *p, bool is_outgoing)
{
    list_for_each_safe(it, tmp, &d->captures) {
        struct capture *c = list_entry(it, struct capture, node);
        c->see(c, d, p, is_outgoing);
    }
}
