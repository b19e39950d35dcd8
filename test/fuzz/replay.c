/* Runs a target over inputs without libFuzzer: each twice, which must come out the same. Prints what a compiler or an
 * optimisation must not change.
 *
 * fuzz_TARGET FILE...   FILE: one input; or *.pack: many, each behind its length in four bytes, lowest first
 */
#include "test/fuzz/harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t total = 0x9e3779b97f4a7c15ull;
static unsigned count;

static void run(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1); /* so that a sanitizer sees its end */
    if (!copy) exit(2);
    memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    uint64_t digest = harness_digest();
    LLVMFuzzerTestOneInput(copy, size);
    if (harness_digest() != digest) harness_fail("the same input does something else the second time");
    total = (total ^ digest) * 0xbf58476d1ce4e5b9ull;
    count++;
    free(copy);
}

static void run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    long size = -1;
    if (file && !fseek(file, 0, SEEK_END)) size = ftell(file);
    uint8_t *data = size >= 0 ? malloc((size_t)size + 1) : NULL;
    if (!data || fseek(file, 0, SEEK_SET) || fread(data, 1, (size_t)size, file) != (size_t)size) {
        perror(path);
        exit(2);
    }
    fclose(file);
    const char *dot = strrchr(path, '.');
    if (!dot || strcmp(dot, ".pack")) {
        run(data, (size_t)size);
        free(data);
        return;
    }
    for (size_t at = 0; at + 4 <= (size_t)size;) {
        size_t bytes = data[at] | (size_t)data[at + 1] << 8 | (size_t)data[at + 2] << 16;
        at += 4;
        if (bytes > (size_t)size - at) harness_fail("%s is cut short", path);
        run(data + at, bytes);
        at += bytes;
    }
    free(data);
}

int main(int argc, char **argv)
{
    LLVMFuzzerInitialize(&argc, &argv);
    for (int i = 1; i < argc; i++) run_file(argv[i]);
    printf("%s: %u inputs, digest %016lx\n", target.name, count, total);
    return 0;
}
