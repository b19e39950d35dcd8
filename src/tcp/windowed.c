/* The least or the greatest of a window of time, in three samples: the best, and the best since it and since that one (Kathleen
 * Nichols' filter, Linux: lib/win_minmax). When the best grows older than the window the next moves up. */
#include "tcp/data.h"

void tcp_windowed_reset(struct tcp_windowed *w, uint32_t at, uint32_t value)
{
    for (unsigned i = 0; i < array_count(w->s); i++) w->s[i] = (struct tcp_sample){ value, at };
}

/* The candidates behind the best must not all be of the same moment, or the window would forget all at once. */
static uint32_t age(struct tcp_windowed *w, uint32_t window, struct tcp_sample now)
{
    uint32_t best_age = now.at - w->s[0].at;

    if (best_age > window) {
        w->s[0] = w->s[1];
        w->s[1] = w->s[2];
        w->s[2] = now;
        if (now.at - w->s[0].at > window) {
            w->s[0] = w->s[1];
            w->s[1] = w->s[2];
            w->s[2] = now;
        }
    } else if (w->s[1].at == w->s[0].at && best_age > window / 4) {
        w->s[2] = w->s[1] = now;
    } else if (w->s[2].at == w->s[1].at && best_age > window / 2) {
        w->s[2] = now;
    }
    return w->s[0].value;
}

uint32_t tcp_windowed_max(struct tcp_windowed *w, uint32_t window, uint32_t at, uint32_t value)
{
    struct tcp_sample now = { value, at };

    if (value >= w->s[0].value || at - w->s[2].at > window) {
        tcp_windowed_reset(w, at, value);
        return value;
    }
    if (value >= w->s[1].value) w->s[2] = w->s[1] = now;
    else if (value >= w->s[2].value) w->s[2] = now;
    return age(w, window, now);
}

uint32_t tcp_windowed_min(struct tcp_windowed *w, uint32_t window, uint32_t at, uint32_t value)
{
    struct tcp_sample now = { value, at };

    if (value <= w->s[0].value || at - w->s[2].at > window) {
        tcp_windowed_reset(w, at, value);
        return value;
    }
    if (value <= w->s[1].value) w->s[2] = w->s[1] = now;
    else if (value <= w->s[2].value) w->s[2] = now;
    return age(w, window, now);
}
