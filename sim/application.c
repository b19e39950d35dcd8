/* What programs do: one row for each kind, and what it draws. The engine of the streams is stream.c, of datagrams datagram.c. */
#include "sim/scenario.h"

#define MS 1000000ull

struct application_kind {
    const char *name;
    void (*draw)(struct sim_random *r, const struct profile *p, struct application_plan *a);
};

static uint64_t some_bytes(struct sim_random *r, uint64_t most) { return draw(r, (most >> draw(r, 5)) + 1); }

static void draw_bulk(struct sim_random *r, const struct profile *p, struct application_plan *a)
{
    a->bytes[0] = p->stream_bytes_max / 2 + draw(r, p->stream_bytes_max / 2 + 1);
    a->bytes[1] = draw_chance(r, 30) ? some_bytes(r, p->stream_bytes_max) : 0;
    a->write_bytes[0] = a->read_bytes[1] = 65536;
}

static void draw_turns(struct sim_random *r, const struct profile *p, struct application_plan *a)
{
    uint64_t rounds = 1 + draw(r, 40);
    (void)p;
    a->order = ORDER_TURNS;
    for (unsigned side = 0; side < 2; side++) {
        a->unit[side] = draw_chance(r, 50) ? draw_between(r, 1, 128) : draw_between(r, 1, 20000);
        a->bytes[side] = rounds * a->unit[side];
    }
}

static void draw_slow_reader(struct sim_random *r, const struct profile *p, struct application_plan *a)
{
    unsigned side = (unsigned)draw(r, 2);
    a->bytes[!side] = some_bytes(r, p->stream_bytes_max / 4) + 20000;
    a->read_bytes[side] = (uint32_t)(a->bytes[!side] / draw_between(r, 2, 60) + 1);
    a->read_pause_ns[side] = draw(r, 1500) * MS;
}

static void draw_slow_writer(struct sim_random *r, const struct profile *p, struct application_plan *a)
{
    unsigned side = (unsigned)draw(r, 2);
    (void)p;
    a->bytes[side] = draw_between(r, 1, 3000);
    a->write_bytes[side] = (uint32_t)(a->bytes[side] / draw_between(r, 2, 60) + 1);
    a->write_pause_ns[side] = draw(r, 1500) * MS;
}

static void draw_half_close(struct sim_random *r, const struct profile *p, struct application_plan *a)
{
    a->order = ORDER_AFTER_END;
    a->bytes[0] = some_bytes(r, p->stream_bytes_max);
    a->bytes[1] = some_bytes(r, p->stream_bytes_max);
}

static void draw_abort(struct sim_random *r, const struct profile *p, struct application_plan *a)
{
    a->bytes[0] = some_bytes(r, p->stream_bytes_max);
    a->bytes[1] = some_bytes(r, p->stream_bytes_max);
    a->repeats = 1 + (unsigned)draw(r, 8);
    a->abort = draw_chance(r, 50) ? ABORT_LINGER : ABORT_UNREAD;
    a->abort_side = (unsigned)draw(r, 2);
    a->abort_bytes = draw(r, a->bytes[0] + a->bytes[1] + 1);
}

static void draw_idle(struct sim_random *r, const struct profile *p, struct application_plan *a)
{
    (void)p;
    a->idle_ns = draw(r, 60000) * MS;
    a->bytes[0] = draw(r, 3000);
    a->bytes[1] = draw(r, 3000);
}

static void draw_short(struct sim_random *r, const struct profile *p, struct application_plan *a)
{
    (void)p;
    a->repeats = (unsigned)draw_between(r, 5, 40);
    a->bytes[0] = draw(r, 200);
    a->bytes[1] = draw(r, 3000);
    if (draw_chance(r, 50)) a->order = ORDER_AFTER_END;
}

static void draw_echo(struct sim_random *r, const struct profile *p, struct application_plan *a)
{
    (void)p;
    a->repeats = (unsigned)draw_between(r, 1, 100); /* datagrams */
    a->bytes[0] = draw_between(r, 24, draw_chance(r, 50) ? 1400 : 8000);
    a->write_pause_ns[0] = draw(r, 200) * MS;
}

static const struct application_kind kinds[] = {
    [SIM_BULK] = { "bulk", draw_bulk }, [SIM_TURNS] = { "request-response", draw_turns }, [SIM_SLOW_READER] = { "slow reader", draw_slow_reader },
    [SIM_SLOW_WRITER] = { "slow writer", draw_slow_writer }, [SIM_HALF_CLOSE] = { "half-close", draw_half_close },
    [SIM_ABORT] = { "abort", draw_abort }, [SIM_IDLE] = { "idle", draw_idle }, [SIM_SHORT] = { "short connections", draw_short },
    [SIM_ECHO] = { "UDP echo", draw_echo },
};
_Static_assert(sizeof kinds / sizeof kinds[0] == SIM_KIND_COUNT, "a row for each kind");

const char *application_name(enum sim_kind kind) { return kinds[kind].name; }

static enum sim_kind draw_kind(struct sim_random *r, const struct profile *p)
{
    unsigned sum = 0, kind = 0;
    for (unsigned i = 0; i < SIM_KIND_COUNT; i++) sum += p->kinds[i];
    uint64_t at = draw(r, sum);
    while (at >= p->kinds[kind]) at -= p->kinds[kind++];
    return (enum sim_kind)kind;
}

void application_draw(struct sim_random *r, const struct profile *p, struct application_plan *a)
{
    *a = (struct application_plan){ .kind = draw_kind(r, p), .repeats = 1, .start_ns = draw(r, 2000) * MS };
    for (unsigned side = 0; side < 2; side++) {
        a->write_bytes[side] = (uint32_t)draw_between(r, 1, 65536);
        a->read_bytes[side] = (uint32_t)draw_between(r, 1, 65536);
    }
    kinds[a->kind].draw(r, p, a);
    /* Many calls of a byte each for a large stream would be all that a run does. */
    for (unsigned side = 0; side < 2; side++) {
        if (a->write_bytes[side] < a->bytes[side] / 500) a->write_bytes[side] = (uint32_t)(a->bytes[side] / 500);
        if (a->read_bytes[!side] < a->bytes[side] / 500) a->read_bytes[!side] = (uint32_t)(a->bytes[side] / 500);
    }
    for (unsigned side = 0; side < 2; side++) {
        if (a->write_bytes[side] > SIM_BLOCK_BYTES) a->write_bytes[side] = SIM_BLOCK_BYTES;
        if (a->read_bytes[side] > SIM_BLOCK_BYTES) a->read_bytes[side] = SIM_BLOCK_BYTES;
    }
}
