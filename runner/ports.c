/* Host devices of a machine: TAP interfaces become eth0, eth1 ... in it; what passes can be written to a file. */
#include "runner/process.h"
#include "runner/tap.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { FRAME_MAX = 65536 + 64, FRAMES_EACH_TURN = 64, MTU_BYTES = 1500 };

static int fail(struct machine_failure *failure, int error, const char *format, ...)
{
    va_list arguments;
    size_t length;

    va_start(arguments, format);
    vsnprintf(failure->text, sizeof(failure->text), format, arguments);
    va_end(arguments);
    length = strlen(failure->text);
    snprintf(failure->text + length, sizeof(failure->text) - length, ": %s", strerror(-error));
    return error;
}

int ports_open(struct process *p, struct machine_failure *failure)
{
    p->pcap.fd = -1;
    if (p->options.pcap_path[0]) {
        int error = pcap_open(&p->pcap, p->options.pcap_path);

        if (error < 0)
            return fail(failure, error, "cannot write %s", p->options.pcap_path);
    }
    for (unsigned i = 0; i < p->options.tap_count; i++) {
        struct port *port = &p->ports[i];

        port->source.kind = SOURCE_TAP;
        port->process = p;
        port->fd = tap_open(p->options.taps[i].name);
        if (port->fd < 0)
            return fail(failure, port->fd, "cannot open the TAP interface %s", p->options.taps[i].name);
        port->offloads = tap_offload(port->fd, !p->options.taps[i].no_offload);
        snprintf(port->name, sizeof(port->name), "eth%u", i);
        p->port_count++;
    }
    return 0;
}

static bool send_frame(void *ctx, const void *frame, size_t bytes)
{
    const struct port *port = ctx;

    return tap_write(port->fd, &(struct weir_port_frame){ .bytes = frame, .byte_count = bytes });
}

static bool send_offloaded(void *ctx, const struct weir_port_frame *frame)
{
    const struct port *port = ctx;

    return tap_write(port->fd, frame);
}

void ports_event(struct port *port)
{
    char bytes[FRAME_MAX];

    for (int i = 0; i < FRAMES_EACH_TURN; i++) {
        struct weir_port_frame frame;

        if (!tap_read(port->fd, &frame, bytes, sizeof(bytes)))
            return;
        weir_port_receive_frame(process_machine(port->process), port->name, &frame);
    }
}

/* The same for the same machine, interface and user: neighbours' caches stay right over a restart. */
static void derive_mac(const struct process *p, const struct tap_options *tap, uint8_t mac[6])
{
    uint64_t hash = 0xcbf29ce484222325ULL; /* FNV-1a */
    char text[128];

    snprintf(text, sizeof(text), "%s/%s/%u", p->options.name, tap->name, geteuid());
    for (const char *c = text; *c; c++)
        hash = (hash ^ (unsigned char)*c) * 0x100000001b3ULL;
    for (unsigned i = 0; i < 6; i++)
        mac[i] = (uint8_t)(hash >> (8 * i));
    mac[0] = (uint8_t)((mac[0] & 0xfcU) | 0x02U); /* locally administered, one station */
}

static void format_address(const struct address_option *address, char *text, size_t size)
{
    size_t length;

    inet_ntop(address->family, address->bytes, text, (socklen_t)size);
    length = strlen(text);
    if (address->prefix_bits)
        snprintf(text + length, size - length, "/%u", address->prefix_bits);
}

static int add_gateway(struct process *p, const struct address_option *gateway, const char *destination,
                       const char *device)
{
    char text[64];

    if (!gateway->family)
        return 0;
    format_address(gateway, text, sizeof(text));
    return weir_route_add(process_machine(p), destination, text, device);
}

/* A cable loses in both directions; each has its own stream of chance. */
static int set_faults(struct process *p, const char *device)
{
    struct weir_link_faults towards = p->options.link;
    int error = weir_device_faults(process_machine(p), device, true, &p->options.link);

    towards.seed++;
    return error ? error : weir_device_faults(process_machine(p), device, false, &towards);
}

static int attach(struct process *p, struct port *port, const struct tap_options *tap)
{
    uint8_t mac[6];
    char text[64];
    int error;

    if (tap->has_mac)
        memcpy(mac, tap->mac, sizeof(mac));
    else
        derive_mac(p, tap, mac);
    error = port->offloads ? weir_port_create_offloading(process_machine(p), port->name, mac, MTU_BYTES, send_offloaded, port) :
                             weir_port_create(process_machine(p), port->name, mac, MTU_BYTES, send_frame, port);
    for (unsigned i = 0; error == 0 && i < tap->address_count; i++) {
        format_address(&tap->addresses[i], text, sizeof(text));
        error = weir_address_add(process_machine(p), port->name, text);
    }
    if (error == 0)
        error = add_gateway(p, &tap->gateway4, "default", port->name);
    if (error == 0)
        error = add_gateway(p, &tap->gateway6, "default6", port->name);
    if (error == 0 && p->options.has_link)
        error = set_faults(p, port->name);
    return error ? error : process_watch(p, port->fd, &port->source);
}

static void see(void *ctx, uint64_t now_ns, const char *device, bool is_outgoing, const void *frame, size_t bytes)
{
    struct process *p = ctx;
    struct timespec wall;

    (void)now_ns;
    if (is_outgoing && strcmp(device, "lo") == 0) /* it comes in at once, and would be there twice */
        return;
    clock_gettime(CLOCK_REALTIME, &wall);
    pcap_write(&p->pcap, (uint64_t)wall.tv_sec * 1000000000U + (uint64_t)wall.tv_nsec, frame, bytes);
}

int ports_attach(struct process *p, struct machine_failure *failure)
{
    int error = 0;

    for (unsigned i = 0; i < p->port_count; i++) {
        error = attach(p, &p->ports[i], &p->options.taps[i]);
        if (error < 0)
            return fail(failure, error, "cannot set up %s", p->options.taps[i].name);
    }
    if (p->port_count == 0 && p->options.has_link)
        error = weir_device_faults(process_machine(p), "lo", true, &p->options.link);
    if (error < 0)
        return fail(failure, error, "cannot set up the link");
    if (p->pcap.fd >= 0)
        weir_capture(process_machine(p), see, p);
    return 0;
}

void ports_close(struct process *p)
{
    for (unsigned i = 0; i < p->port_count; i++)
        close(p->ports[i].fd);
    pcap_close(&p->pcap);
}
