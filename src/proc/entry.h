/* One name of the tree, and the walk over all of them: every question of proc.h is answered by it. */
#ifndef WEIR_PROC_ENTRY_H
#define WEIR_PROC_ENTRY_H

#include "base/text.h"
#include "machine/net.h"

/* One or more integers; exactly one of v64 and v32 is set. */
struct proc_integers {
    int64_t *v64;
    int32_t *v32;
    unsigned count;
    int64_t low, high;   /* of each */
    int64_t unit;        /* what is stored for a 1 that is shown; 0: 1 */
};

struct proc_entry {
    const char *path;    /* below /proc; valid during the visit */
    int mode;
    void (*fill)(struct net *net, struct text *t);                             /* a text, or NULL */
    int (*take)(struct net *net, const char *bytes, size_t count);             /* of a written text: 0 or -errno; may be NULL */
    struct proc_integers integers;                                             /* when fill is NULL */
    int (*check)(struct net *net, int64_t *values);                            /* before they are stored: may mend them; may be NULL */
    void (*changed)(struct net *net, struct proc_integers *v);                 /* after, when it is another value; may be NULL */
};
typedef int (*proc_visit)(void *ctx, const struct proc_entry *e); /* non-zero ends the walk and is its result */

int proc_each_text(struct net *net, proc_visit visit, void *ctx);       /* tree.c: /proc/net */
int proc_each_sysctl(struct net *net, proc_visit visit, void *ctx);     /* sysctl.c: net->sysctl */
int proc_each_special(struct net *net, proc_visit visit, void *ctx);    /* sysctl_text.c: texts among the sysctls */
int proc_each_interface(struct net *net, proc_visit visit, void *ctx);  /* sysctl_interface.c: conf/ and neigh/ */

void proc_integers_fill(const struct proc_integers *v, struct text *t);
int proc_integers_take(struct net *net, const struct proc_entry *e, const char *bytes, size_t count);

/* "1,3-5" <-> a bitmap of `bits` bits. */
void proc_bitmap_fill(const uint32_t *map, unsigned bits, struct text *t);
int proc_bitmap_take(uint32_t *map, unsigned bits, const char *bytes, size_t count); /* 0 or -EINVAL; unchanged then */

#endif
