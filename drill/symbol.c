#include "drill/symbol.h"

#include <weir/uapi.h>

#include <sys/file.h>

static const struct symbol {
    const char *name;
    int64_t value;
} symbols[] = {
#define SYMBOL(name) { #name, (int64_t)(name) },
#define VALUE(name, value) { #name, value },
#include "drill/symbols.def"
#undef SYMBOL
#undef VALUE
};

enum { SYMBOLS = sizeof symbols / sizeof symbols[0] };

bool symbol_find_bytes(const char *name, size_t bytes, int64_t *value)
{
    for (size_t i = 0; i < SYMBOLS; i++)
        if (strlen(symbols[i].name) == bytes && memcmp(symbols[i].name, name, bytes) == 0) {
            *value = symbols[i].value;
            return true;
        }
    return false;
}

bool symbol_find(const char *name, int64_t *value)
{
    return symbol_find_bytes(name, strlen(name), value);
}

/* The first names of two are the ones strace and scripts use. */
const char *symbol_errno(int error)
{
    if (error == EAGAIN)
        return "EAGAIN";
    if (error == EOPNOTSUPP)
        return "EOPNOTSUPP";
    for (size_t i = 0; i < SYMBOLS; i++)
        if (symbols[i].name[0] == 'E' && symbols[i].name[1] != '_' && strncmp(symbols[i].name, "EPOLL", 5) != 0 &&
            symbols[i].value == error)
            return symbols[i].name;
    return NULL;
}
