#include "device/net_device.h"

#include "device/capture.h"
#include "device/impairment.h"
#include "base/text.h"
#include "machine/composition.h"

static void tell(struct net_device *d, enum device_event event)
{
    const struct composition *c = d->net->machine->composition;
    for (size_t i = 0; c && i < c->device_listener_count; i++) c->device_listeners[i].event(d, event);
}

struct net_device *device_find(struct net *net, const char *name)
{
    list_for_each(it, &net->devices) {
        struct net_device *d = list_entry(it, struct net_device, node);
        if (strncmp(d->name, name, IFNAMSIZ) == 0) return d;
    }
    return NULL;
}

struct net_device *device_by_index(struct net *net, uint32_t ifindex)
{
    list_for_each(it, &net->devices) {
        struct net_device *d = list_entry(it, struct net_device, node);
        if (d->ifindex == ifindex) return d;
    }
    return NULL;
}

static bool is_valid_name(const char *name)
{
    if (!name[0] || strlen(name) >= IFNAMSIZ || !strcmp(name, ".") || !strcmp(name, "..")) return false;
    for (; *name; name++)
        if (*name == '/' || *name == ':' || (*name >= '\t' && *name <= '\r') || *name == ' ') return false;
    return true;
}

/* "eth%d" becomes the first that is free. */
static int choose_name(struct net *net, const char *pattern, char name[IFNAMSIZ])
{
    if (!is_valid_name(pattern)) return -EINVAL;
    const char *percent = strchr(pattern, '%');
    if (!percent) {
        if (device_find(net, pattern)) return -EEXIST;
        text_format(name, IFNAMSIZ, "%s", pattern);
        return 0;
    }
    if (percent[1] != 'd' || strchr(percent + 2, '%')) return -EINVAL;
    for (unsigned n = 0; n < 32768; n++) {
        char tried[IFNAMSIZ + 8];
        size_t length = text_format(tried, sizeof tried, "%.*s%u%s", (int)(percent - pattern), pattern, n, percent + 2);
        if (length >= IFNAMSIZ) break;
        if (device_find(net, tried)) continue;
        memcpy(name, tried, length + 1);
        return 0;
    }
    return -ENFILE;
}

static bool run_poll(struct softirq *work, int budget)
{
    struct net_device *d = container_of(work, struct net_device, napi);
    int done = d->ops->poll(d, budget);
    if (d->gro) gro_flush(d);
    return done >= budget;
}

static void free_device(struct net_device *d)
{
    struct machine *m = d->net->machine;
    machine_free(m, d->private_data, d->ops->private_bytes);
    machine_free(m, d, sizeof *d);
}

static struct net_device *alloc_device(struct net *net, const struct device_ops *ops)
{
    struct net_device *d = machine_alloc(net->machine, sizeof *d);
    if (!d) return NULL;
    d->net = net;
    d->ops = ops;
    d->references = 1;
    d->flags = IFF_BROADCAST | IFF_MULTICAST;
    d->mtu_bytes = ETH_DATA_LEN;
    d->tx_queue_packets = 1000;
    d->hardware_type = ARPHRD_ETHER;
    d->header_bytes = ETH_HLEN;
    d->broadcast = (struct mac_addr){ { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };
    d->napi.run = run_poll;
    list_init(&d->node);
    list_init(&d->captures);
    packet_queue_init(&d->rx);
    if (ops->private_bytes == 0) return d;
    d->private_data = machine_alloc(net->machine, ops->private_bytes);
    if (d->private_data) return d;
    machine_free(net->machine, d, sizeof *d);
    return NULL;
}

struct net_device *device_create(struct net *net, const struct device_ops *ops, const char *name, const void *config, int *error)
{
    struct net_device *d = alloc_device(net, ops);
    *error = -ENOMEM;
    if (!d) return NULL;
    *error = choose_name(net, name, d->name);
    if (*error) goto free;
    if (net->next_ifindex == 0) net->next_ifindex = 1;
    d->ifindex = net->next_ifindex;
    *error = ops->start ? ops->start(d, config) : 0;
    if (*error) goto free;
    net->next_ifindex++;
    list_add_tail(&net->devices, &d->node);
    tell(d, DEVICE_CREATED);
    return d;
free:
    free_device(d);
    return NULL;
}

void device_put(struct net_device *d)
{
    if (--d->references == 0) free_device(d);
}

void device_destroy(struct net_device *d)
{
    if (d->is_gone) return;
    d->is_gone = true;
    device_set_up(d, false);
    if (d->ops->stop) d->ops->stop(d);
    device_impair(d, true, NULL);
    device_impair(d, false, NULL);
    gro_destroy(d);
    packet_queue_purge(&d->rx);
    if (d->napi.is_scheduled) {
        list_remove(&d->napi.node);
        d->napi.is_scheduled = false;
    }
    tell(d, DEVICE_GONE);
    while (!list_is_empty(&d->captures)) capture_remove(list_first(&d->captures, struct capture, node));
    list_remove(&d->node);
    if (d->net->loopback == d) d->net->loopback = NULL;
    device_put(d);
}

static bool update_carrier(struct net_device *d)
{
    uint32_t running = IFF_RUNNING | IFF_LOWER_UP, before = d->flags;
    bool has = (d->flags & IFF_UP) && (!d->ops->has_carrier || d->ops->has_carrier(d));
    d->flags = has ? d->flags | running : d->flags & ~running;
    return d->flags != before;
}

void device_carrier_changed(struct net_device *d)
{
    if (update_carrier(d)) tell(d, DEVICE_CARRIER);
}

int device_set_up(struct net_device *d, bool up)
{
    if (up && d->is_gone) return -ENODEV;
    if (((d->flags & IFF_UP) != 0) == up) return 0;
    d->flags ^= IFF_UP;
    update_carrier(d);
    if (d->ops->up_changed) d->ops->up_changed(d);
    tell(d, up ? DEVICE_UP : DEVICE_DOWN);
    return 0;
}

void device_add_promiscuity(struct net_device *d, int by)
{
    bool before = d->promiscuity;
    d->promiscuity += (uint32_t)by;
    if (before != (d->promiscuity > 0)) tell(d, DEVICE_CHANGED);
}

void device_add_allmulti(struct net_device *d, int by)
{
    bool before = d->allmulti;
    d->allmulti += (uint32_t)by;
    if (before != (d->allmulti > 0)) tell(d, DEVICE_CHANGED);
}

int device_change_flags(struct net_device *d, uint32_t flags, uint32_t mask)
{
    uint32_t mine = IFF_PROMISC | IFF_ALLMULTI | IFF_NOARP | IFF_DEBUG | IFF_NOTRAILERS | IFF_DYNAMIC;
    uint32_t changed = (d->flags ^ flags) & mask;
    d->flags ^= changed & mine;
    if (changed & IFF_PROMISC) d->promiscuity += flags & IFF_PROMISC ? 1u : -1u;
    if (changed & IFF_ALLMULTI) d->allmulti += flags & IFF_ALLMULTI ? 1u : -1u;
    if (changed & IFF_UP) return device_set_up(d, flags & IFF_UP);
    if (changed & mine) tell(d, DEVICE_CHANGED);
    return 0;
}

void device_set_mac(struct net_device *d, const struct mac_addr *mac)
{
    if (!memcmp(&d->mac, mac, sizeof *mac)) return;
    d->mac = *mac;
    tell(d, DEVICE_CHANGED);
}

void device_set_tx_queue(struct net_device *d, uint32_t packets)
{
    if (d->tx_queue_packets == packets) return;
    d->tx_queue_packets = packets;
    tell(d, DEVICE_CHANGED);
}

int device_set_mtu(struct net_device *d, uint32_t mtu_bytes)
{
    if (mtu_bytes == d->mtu_bytes) return 0;
    int error = d->ops->set_mtu ? d->ops->set_mtu(d, mtu_bytes) : mtu_bytes < 68 || mtu_bytes > 65535 ? -EINVAL : 0;
    if (error) return error;
    d->mtu_bytes = mtu_bytes;
    tell(d, DEVICE_MTU);
    return 0;
}
