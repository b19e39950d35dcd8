/* "delay=30ms,loss=0.1%,rate=100mbit": the words of weir_link_faults_parse(). No floating point in the core: numbers are
 * kept in thousandths. */
#include <weir/device.h>

#include "base/types.h"

/* Digits with at most three behind the point, in thousandths. False: not a number, or too large. */
static bool parse_number(const char **at, const char *end, uint64_t *thousandths)
{
    uint64_t value = 0;
    int behind = -1, digits = 0;
    for (; *at < end; (*at)++) {
        if (**at == '.' && behind < 0) {
            behind = 0;
            continue;
        }
        if (**at < '0' || **at > '9') break;
        if (value > UINT64_MAX / 100000 || behind >= 3) return false;
        value = value * 10 + (uint64_t)(**at - '0');
        digits++;
        if (behind >= 0) behind++;
    }
    for (int i = behind < 0 ? 0 : behind; i < 3; i++) value *= 10;
    *thousandths = value;
    return digits > 0;
}

struct unit { const char *name; uint64_t factor; };

static const struct unit times[] = { { "ns", 1 }, { "us", NS_PER_US }, { "ms", NS_PER_MS }, { "s", NS_PER_S }, { NULL, 0 } };
static const struct unit rates[] = {
    { "bit", 1 }, { "kbit", 1000 }, { "mbit", 1000000 }, { "gbit", 1000000000 }, { NULL, 0 },
};
static const struct unit counts[] = { { "", 1 }, { NULL, 0 } };

static const struct unit *find_unit(const struct unit *units, const char *at, const char *end)
{
    for (; units->name; units++)
        if (strlen(units->name) == (size_t)(end - at) && !memcmp(units->name, at, (size_t)(end - at))) return units;
    return NULL;
}

static bool parse_quantity(const char *at, const char *end, const struct unit *units, uint64_t *out)
{
    uint64_t thousandths;
    if (!parse_number(&at, end, &thousandths)) return false;
    const struct unit *u = find_unit(units, at, end);
    if (!u || thousandths > UINT64_MAX / u->factor) return false;
    *out = thousandths * u->factor / 1000;
    return true;
}

static bool parse_probability(const char *at, const char *end, uint32_t *out)
{
    uint64_t thousandths;
    if (!parse_number(&at, end, &thousandths) || end - at != 1 || *at != '%' || thousandths > 100000) return false;
    uint64_t parts = (thousandths << 32) / 100000;
    *out = (uint32_t)min_of(parts, (uint64_t)UINT32_MAX);
    return true;
}

static bool parse_word(const char *name, size_t name_length, const char *at, const char *end, struct weir_link_faults *f)
{
    const struct { const char *name; uint32_t *value; } probabilities[] = {
        { "loss", &f->loss }, { "duplicate", &f->duplicate }, { "corrupt", &f->corrupt }, { "reorder", &f->reorder },
    };
    uint64_t limit;
#define IS(word) (name_length == sizeof word - 1 && !memcmp(name, word, name_length))
    for (size_t i = 0; i < array_count(probabilities); i++)
        if (strlen(probabilities[i].name) == name_length && !memcmp(probabilities[i].name, name, name_length))
            return parse_probability(at, end, probabilities[i].value);
    if (IS("delay")) return parse_quantity(at, end, times, &f->delay_ns);
    if (IS("jitter")) return parse_quantity(at, end, times, &f->jitter_ns);
    if (IS("rate")) return parse_quantity(at, end, rates, &f->rate_bits_per_s);
    if (IS("seed")) return parse_quantity(at, end, counts, &f->seed);
    if (!IS("limit") || !parse_quantity(at, end, counts, &limit) || limit > UINT32_MAX) return false;
    f->limit_packets = (uint32_t)limit;
    return true;
#undef IS
}

int weir_link_faults_parse(const char *text, struct weir_link_faults *out, const char **bad)
{
    memset(out, 0, sizeof *out);
    for (const char *word = text; *word;) {
        const char *end = strchr(word, ','), *equals = strchr(word, '=');
        if (!end) end = word + strlen(word);
        if (!equals || equals > end || !parse_word(word, (size_t)(equals - word), equals + 1, end, out)) {
            if (bad) *bad = word;
            return -EINVAL;
        }
        word = *end ? end + 1 : end;
    }
    return 0;
}
