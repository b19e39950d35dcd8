/* The running kernel as what a script is run against. */
#include "drill/subject.h"

struct subject *live_create(const struct script *script, char *problem, size_t problem_bytes)
{
    (void)script;
    snprintf(problem, problem_bytes, "scripts cannot be run against the kernel by this build");
    return NULL;
}
