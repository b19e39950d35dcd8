/* The main program calls libc through its global offset table, which is written here: packetdrill's interface leaves
 * out a few calls that concern sockets, and nobody should need a preloaded library for them. */
#include "drill/shared_object.h"

#include <elf.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>

struct wishes { const struct shared_patch *patches; unsigned count; };

/* What is needed of the dynamic section of an object. */
struct dynamic {
    const ElfW(Sym) *symbols;
    const char *names;
    struct { const ElfW(Rela) *rows; size_t count; } relocations[2]; /* of the procedure linkage table, others */
};

static void read_dynamic(ElfW(Addr) base, const ElfW(Dyn) *d, struct dynamic *out)
{
    *out = (struct dynamic){ 0 };
    for (; d->d_tag != DT_NULL; d++) {
        /* ld.so has made absolute addresses of these; the kernel's own object (vdso) is never looked at. */
        const void *at = (const void *)(d->d_un.d_ptr < base ? d->d_un.d_ptr + base : d->d_un.d_ptr);
        switch (d->d_tag) {
        case DT_SYMTAB: out->symbols = at; break;
        case DT_STRTAB: out->names = at; break;
        case DT_JMPREL: out->relocations[0].rows = at; break;
        case DT_PLTRELSZ: out->relocations[0].count = d->d_un.d_val / sizeof(ElfW(Rela)); break;
        case DT_RELA: out->relocations[1].rows = at; break;
        case DT_RELASZ: out->relocations[1].count = d->d_un.d_val / sizeof(ElfW(Rela)); break;
        default: break;
        }
    }
}

/* The page may be read-only by now (RELRO); it stays writable, which harms nobody in a test program. */
static void write_slot(void **slot, void *value)
{
    uintptr_t page_bytes = (uintptr_t)sysconf(_SC_PAGESIZE), page = (uintptr_t)slot & ~(page_bytes - 1);
    if (mprotect((void *)page, page_bytes, PROT_READ | PROT_WRITE)) return;
    *slot = value;
}

static bool is_import(unsigned long type)
{
#if defined(__x86_64__)
    return type == R_X86_64_JUMP_SLOT || type == R_X86_64_GLOB_DAT;
#else
    return type == R_AARCH64_JUMP_SLOT || type == R_AARCH64_GLOB_DAT;
#endif
}

static void patch_slot(const struct dynamic *d, ElfW(Addr) base, const ElfW(Rela) *row, const struct wishes *w)
{
    if (!is_import(ELF64_R_TYPE(row->r_info))) return;
    const char *name = d->names + d->symbols[ELF64_R_SYM(row->r_info)].st_name;
    for (unsigned i = 0; i < w->count; i++)
        if (!strcmp(name, w->patches[i].name)) write_slot((void **)(base + row->r_offset), w->patches[i].replacement);
}

/* Called for the main program first, and stops there. */
static int patch_object(struct dl_phdr_info *object, size_t bytes, void *wishes)
{
    (void)bytes;
    for (int i = 0; i < object->dlpi_phnum; i++) {
        struct dynamic d;
        if (object->dlpi_phdr[i].p_type != PT_DYNAMIC) continue;
        read_dynamic(object->dlpi_addr, (const ElfW(Dyn) *)(object->dlpi_addr + object->dlpi_phdr[i].p_vaddr), &d);
        if (!d.symbols || !d.names) break;
        for (unsigned t = 0; t < 2; t++)
            for (size_t r = 0; d.relocations[t].rows && r < d.relocations[t].count; r++)
                patch_slot(&d, object->dlpi_addr, &d.relocations[t].rows[r], wishes);
    }
    return 1;
}

void shared_patch_program(const struct shared_patch *patches, unsigned count)
{
    struct wishes w = { patches, count };
    dl_iterate_phdr(patch_object, &w);
}
