/* determinism digests FIRST LAST          one line for each seed
 * determinism moved FIRST LAST            the same, the arenas some pages off and in the other order
 * determinism simulations FIRST LAST      one line for each seed of `weir sim`
 * determinism points COUNT [SEED]         saved, gone on, restored and gone on again at COUNT random points
 * determinism save SEED FILE              half of the seed, saved into a file; the digest of all of it
 * determinism restore FILE                the other half, in another process at the same addresses
 */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/sim.h"

static uint64_t point_draws;

static unsigned draw_point(unsigned below)
{
    uint64_t x = (point_draws += 0x9e3779b97f4a7c15ull);
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ x >> 27) * 0x94d049bb133111ebull;
    return (unsigned)((x ^ x >> 31) % below);
}

static uint64_t run(uint64_t seed, enum world_place place)
{
    world_open(seed, place);
    while (world_go_on()) {}
    return world_end();
}

static void digests(uint64_t first, uint64_t last, enum world_place place)
{
    for (uint64_t seed = first; seed <= last; seed++) {
        uint64_t digest = run(seed, place);
        printf("seed %lu: %016lx, %u hosts, %u flows, %lu frames\n", seed, digest, world.host_count, world.flow_count, world.frames);
    }
}

/* Whether their checks hold is not the question here. */
static void simulations(uint64_t first, uint64_t last)
{
    static struct sim_result result;
    for (uint64_t seed = first; seed <= last; seed++) {
        sim_run(&(struct sim_options){ .seed = seed, .profile = sim_profile_of(seed) }, &result);
        printf("simulation %lu: %016lx, %s, %lu frames, %lu events\n", seed, result.digest, sim_profile_name(result.profile), result.frames, result.events);
    }
}

/* Saved here; the arenas go on and are overwritten; what was saved goes on to the same. */
static void save_and_restore(void)
{
    struct world_image image;
    unsigned further = 1 + draw_point(12);
    world_save(&image);
    for (unsigned i = 0; i < further; i++) world_go_on();
    uint64_t digest = world.digest;
    world_restore(&image);
    world_save(&image);
    for (unsigned i = 0; i < further; i++) world_go_on();
    if (world.digest != digest) world_fail("restored, it went on to something else");
    world_restore(&image);
}

/* What was restored at many points ends as what was never saved. */
static void points(unsigned count, uint64_t seed)
{
    for (unsigned done = 0; done < count; seed++) {
        uint64_t digest = run(seed, WORLD_ANYWHERE);
        point_draws = seed;
        world_open(seed, WORLD_ANYWHERE);
        do {
            if (draw_point(30) || done == count) continue;
            save_and_restore();
            done++;
        } while (world_go_on());
        if (world_end() != digest) world_fail("restored, it ended otherwise");
        printf("seed %lu: %016lx, %u points\n", seed, digest, done);
    }
}

static void write_file(const char *path, const struct world_image *image)
{
    FILE *file = fopen(path, "w");
    if (!file || fwrite(image, sizeof *image, 1, file) != 1) world_fail(path);
    for (unsigned i = 0; i < image->world.host_count; i++)
        if (fwrite(image->images[i], image->bytes[i], 1, file) != 1) world_fail(path);
    if (fclose(file)) world_fail(path);
}

static void save(uint64_t seed, const char *path)
{
    struct world_image image;
    world_open(seed, WORLD_FIXED);
    for (unsigned i = 0; i < WORLD_EVENTS / 2; i++) world_go_on();
    world_save(&image);
    write_file(path, &image);
    while (world_go_on()) {}
    printf("%016lx\n", world_end());
}

static void restore(const char *path)
{
    struct world_image image;
    FILE *file = fopen(path, "r");
    if (!file || fread(&image, sizeof image, 1, file) != 1) world_fail(path);
    for (unsigned i = 0; i < image.world.host_count; i++) {
        image.images[i] = malloc(image.bytes[i]);
        if (!image.images[i] || fread(image.images[i], image.bytes[i], 1, file) != 1) world_fail(path);
        if (!world_reserve(i, WORLD_FIXED) || weir_machine_image_arena(image.images[i], image.bytes[i]) != world_envs[i].arena) world_fail("another arena");
    }
    fclose(file);
    world_restore(&image);
    while (world_go_on()) {}
    printf("%016lx\n", world_end());
}

int main(int argc, char **argv)
{
    const char *what = argc > 2 ? argv[1] : "";
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!strcmp(what, "digests") && argc == 4) digests(strtoull(argv[2], NULL, 0), strtoull(argv[3], NULL, 0), WORLD_ANYWHERE);
    else if (!strcmp(what, "moved") && argc == 4) digests(strtoull(argv[2], NULL, 0), strtoull(argv[3], NULL, 0), WORLD_MOVED);
    else if (!strcmp(what, "simulations") && argc == 4) simulations(strtoull(argv[2], NULL, 0), strtoull(argv[3], NULL, 0));
    else if (!strcmp(what, "points")) points((unsigned)atoi(argv[2]), argc > 3 ? strtoull(argv[3], NULL, 0) : 1);
    else if (!strcmp(what, "save") && argc == 4) save(strtoull(argv[2], NULL, 0), argv[3]);
    else if (!strcmp(what, "restore")) restore(argv[2]);
    else return 2;
    return 0;
}
