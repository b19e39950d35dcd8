/* The same calls on weir and on the kernel this runs on: every result, error, flag and byte has to be equal. */
#include "calls.h"

static void creating(void)
{
    int fd = make_of(SOCK_STREAM, 1);
    SAY(fd >= 0);
    end(fd);
    SAY(make_of(SOCK_STREAM, 2));
    SAY(make_of(SOCK_RDM, 0));
    SAY(make_of(SOCK_PACKET, 0));
    fd = make_of(SOCK_RAW, 0);
    SAY(get(fd, SO_TYPE));
    SAY(get(fd, SO_DOMAIN));
    SAY(get(fd, SO_PROTOCOL));
    end(fd);
}

static void naming(void)
{
    int a = make(SOCK_STREAM), b = make(SOCK_STREAM);
    struct sockaddr_un full = { .sun_family = AF_UNIX };
    memset(full.sun_path, 'p', sizeof full.sun_path);
    names(a);
    SAY(do_bind(a, "@weir-name"));
    names(a);
    SAY(do_bind(a, "@other"));
    SAY(do_bind(b, "@weir-name"));
    SAY(do_bind(b, "path-2"));
    names(b);
    SAY(do_bind(a, "path-2"));
    SAY(bind_bytes(a, &full, 2));
    SAY(bind_bytes(a, &full, 1));
    SAY(bind_bytes(a, &full, sizeof full + 1));
    int c = make(SOCK_DGRAM);
    full.sun_family = AF_INET;
    SAY(bind_bytes(c, &full, sizeof full));
    full.sun_family = AF_UNIX;
    SAY(bind_bytes(c, &full, sizeof full));
    names(c);
    end(c);
    c = make(SOCK_DGRAM);
    SAY(bind_bytes(c, &full, 2));
    names(c);
    SAY(bind_bytes(c, &full, 2));
    end(a);
    end(b);
    end(c);
    unlink("path-2");
    if (!task) system("rm -f ppp*");
}

static void connecting(void)
{
    int l = make(SOCK_STREAM), c[6];
    for (int i = 0; i < 6; i++) c[i] = make(SOCK_STREAM);
    SAY(do_connect(c[0], "@nobody"));
    SAY(do_connect(c[0], "nopath"));
    SAY(do_listen(l, 1));
    SAY(do_bind(l, "@weir-listen"));
    SAY(do_connect(c[0], "@weir-listen"));
    ready(l);
    SAY(do_accept(l));
    SAY(do_listen(l, 1));
    SAY(get(l, SO_ACCEPTCONN));
    ready(l);
    SAY(do_accept(l));
    for (int i = 0; i < 4; i++) SAY(do_connect(c[i], "@weir-listen"));
    ready(l);
    ready(c[0]);
    ready(c[3]);
    names(c[0]);
    peer_of(c[0]);
    SAY(do_connect(c[0], "@weir-listen"));
    SAY(put(c[0], "early", 0));
    int s = do_accept(l);
    take(s, 100, 0, 0);
    names(s);
    peer_of(s);
    SAY(do_connect(c[0], "@weir-listen"));
    SAY(do_connect(c[3], "@weir-listen"));
    SAY(do_connect(l, "@weir-listen"));
    SAY(control(l, SIOCINQ));
    int d = make(SOCK_DGRAM), q = make(SOCK_SEQPACKET);
    SAY(do_connect(d, "@weir-listen"));
    SAY(do_connect(q, "@weir-listen"));
    SAY(do_listen(d, 1));
    SAY(do_accept(d));
    SAY(do_accept(s));
    SAY(do_shutdown(l, SHUT_RD));
    SAY(do_connect(c[4], "@weir-listen"));
    SAY(accept_ok(l));
    SAY(accept_ok(l));
    SAY(accept_ok(l));
    ready(l);
    end(l);
    ready(c[1]);
    SAY(take_many(c[3], 10, 0));
    SAY(do_connect(c[4], "@weir-listen"));
    for (int i = 0; i < 6; i++) end(c[i]);
    end(s);
    end(d);
    end(q);
}

static void closing_listener_resets(void)
{
    int l = make(SOCK_STREAM), c = make(SOCK_STREAM);
    do_bind(l, "@weir-reset");
    do_listen(l, 5);
    SAY(do_connect(c, "@weir-reset"));
    end(l);
    ready(c);
    SAY(take_many(c, 10, 0));
    SAY(take_many(c, 10, 0));
    SAY(put(c, "x", 0));
    end(c);
}

static void streaming(void)
{
    int f[2];
    pair(SOCK_STREAM, f);
    names(f[0]);
    peer_of(f[0]);
    ready(f[0]);
    SAY(take_many(f[0], 10, 0));
    SAY(put(f[0], "abc", 0));
    SAY(put(f[0], "defg", 0));
    SAY(control(f[1], SIOCINQ));
    SAY(control(f[0], SIOCOUTQ));
    ready(f[1]);
    take(f[1], 2, MSG_PEEK, 0);
    take(f[1], 2, 0, 0);
    SAY(control(f[1], SIOCINQ));
    take(f[1], 100, MSG_PEEK, 0);
    take(f[1], 100, 0, 0);
    SAY(control(f[0], SIOCOUTQ));
    SAY(put_to(f[0], "x", "@nobody"));
    int single = make(SOCK_STREAM);
    SAY(put_to(single, "x", "@nobody"));
    SAY(put(single, "x", 0));
    SAY(take_many(single, 10, 0));
    ready(single);
    SAY(do_shutdown(single, SHUT_RDWR));
    ready(single);
    end(single);
    SAY(do_shutdown(f[0], 3));
    SAY(do_shutdown(f[0], SHUT_WR));
    ready(f[0]);
    ready(f[1]);
    SAY(put(f[0], "x", 0));
    SAY(take_many(f[1], 10, 0));
    SAY(put(f[1], "back", 0));
    SAY(do_shutdown(f[1], SHUT_RDWR));
    ready(f[0]);
    take(f[0], 10, 0, 0);
    SAY(take_many(f[0], 10, 0));
    end(f[0]);
    ready(f[1]);
    end(f[1]);
}

static void closing_with_unread_data(int type)
{
    int f[2];
    pair(type, f);
    put(f[0], "unread", 0);
    put(f[1], "other", 0);
    end(f[1]);
    ready(f[0]);
    SAY(put(f[0], "x", 0));
    take(f[0], 10, 0, 0);
    SAY(take_many(f[0], 10, 0));
    SAY(take_many(f[0], 10, 0));
    SAY(get(f[0], SO_ERROR));
    end(f[0]);
}

/* The buffer holds as many messages, of each size, as Linux's. */
static void filling(int type)
{
    static const size_t sizes[] = { 1, 300, 1500, 4000, 10000, 30000, 70000 };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        int f[2], n = 0, last = 0;
        pair(type, f);
        SAY(set(f[0], SO_SNDBUF, 106496));
        while (n < 1000 && (last = put_many(f[0], sizes[i])) == (int)sizes[i]) n++;
        say("filled %zu: %d then %d\n", sizes[i], n, n < 1000 ? last : 0);
        SAY(control(f[0], SIOCOUTQ));
        ready(f[0]);
        int taken = 0;
        struct pollfd p = { f[0], POLLOUT, 0 };
        do {
            if (take_many(f[1], sizes[i], 0) <= 0) break;
            taken++;
            (void)CALL(weir_poll(task, &p, 1), poll(&p, 1, 0));
        } while (!p.revents);
        say("writable after %d\n", taken);
        end(f[0]);
        end(f[1]);
    }
    int f[2];
    pair(type, f);
    SAY(put_many(f[0], 300000));
    SAY(set(f[0], SO_SNDBUF, 1));
    SAY(get(f[0], SO_SNDBUF));
    SAY(put_many(f[0], 5000));
    end(f[0]);
    end(f[1]);
}

static void urgent(void)
{
    int f[2];
    pair(SOCK_STREAM, f);
    SAY(control(f[1], SIOCATMARK));
    SAY(take_many(f[1], 10, MSG_OOB));
    SAY(put(f[0], "abc", MSG_OOB));
    ready(f[1]);
    SAY(control(f[1], SIOCATMARK));
    take(f[1], 10, MSG_OOB | MSG_PEEK, 0);
    take(f[1], 10, 0, 0);
    SAY(control(f[1], SIOCATMARK));
    take(f[1], 10, MSG_OOB, 0);
    ready(f[1]);
    SAY(put(f[0], "de", 0));
    take(f[1], 10, 0, 0);
    SAY(put(f[0], "1", MSG_OOB));
    SAY(put(f[0], "23", 0));
    take(f[1], 10, 0, 0);
    SAY(put(f[0], "45", MSG_OOB));
    SAY(put(f[0], "67", MSG_OOB));
    take(f[1], 10, 0, 0);
    take(f[1], 10, MSG_OOB, 0);
    SAY(set(f[1], SO_OOBINLINE, 1));
    SAY(put(f[0], "ab", MSG_OOB));
    SAY(put(f[0], "cd", 0));
    take(f[1], 10, 0, 0);
    SAY(control(f[1], SIOCATMARK));
    SAY(take_many(f[1], 10, MSG_OOB));
    take(f[1], 10, 0, 0);
    end(f[0]);
    end(f[1]);
    pair(SOCK_DGRAM, f);
    SAY(put(f[0], "x", MSG_OOB));
    SAY(take_many(f[1], 10, MSG_OOB));
    end(f[0]);
    end(f[1]);
}

static void datagrams(void)
{
    int a = make(SOCK_DGRAM), b = make(SOCK_DGRAM), c = make(SOCK_DGRAM);
    SAY(put(a, "x", 0));
    SAY(put_to(a, "x", "@nobody"));
    SAY(put_to(a, "x", "nopath"));
    do_bind(b, "@weir-b");
    SAY(put_to(a, "hello", "@weir-b"));
    ready(b);
    SAY(control(b, SIOCINQ));
    take(b, 3, MSG_PEEK, 0);
    take(b, 3, MSG_TRUNC, 0);
    do_bind(a, "@weir-a");
    SAY(put_to(a, "named", "@weir-b"));
    SAY(put_to(a, "", "@weir-b"));
    SAY(put_to(a, "three", "@weir-b"));
    take(b, 100, 0, 0);
    take(b, 100, 0, 0);
    take(b, 100, 0, 0);
    take(b, 100, 0, 0);
    SAY(do_connect(a, "@weir-b"));
    names(a);
    ready(a);
    int n = 0, last;
    while ((last = put(a, "queue", 0)) == 5) n++;
    say("queued %d\n", n);
    said("then", last);
    ready(a);
    take(b, 10, 0, 0);
    ready(a);
    SAY(do_connect(b, "@weir-a"));
    ready(a);
    SAY(put_to(c, "x", "@weir-b"));
    SAY(do_connect(c, "@weir-b"));
    SAY(disconnect(b));
    ready(b);
    SAY(take_many(b, 10, 0));
    SAY(get(a, SO_ERROR));
    SAY(put_to(c, "x", "@weir-b"));
    end(b);
    ready(a);
    SAY(put(a, "x", 0));
    SAY(put(a, "x", 0));
    SAY(do_shutdown(c, SHUT_RDWR));
    ready(c);
    SAY(put_to(a, "x", "@weir-c"));
    SAY(take_many(c, 10, 0));
    end(a);
    end(c);
}

static void shut_datagrams(int type)
{
    int f[2];
    pair(type, f);
    SAY(put(f[0], "kept", 0));
    SAY(do_shutdown(f[1], SHUT_RD));
    ready(f[0]);
    ready(f[1]);
    SAY(put(f[0], "x", 0));
    take(f[1], 10, 0, 0);
    SAY(take_many(f[1], 10, 0));
    SAY(do_shutdown(f[1], SHUT_WR));
    ready(f[1]);
    SAY(put(f[1], "x", 0));
    end(f[1]);
    ready(f[0]);
    SAY(put(f[0], "x", 0));
    SAY(take_many(f[0], 10, 0));
    end(f[0]);
}

static void sequenced(void)
{
    int l = make(SOCK_SEQPACKET), c = make(SOCK_SEQPACKET);
    SAY(put(c, "x", 0));
    SAY(take_many(c, 1, 0));
    ready(c);
    do_bind(l, "@weir-seq");
    do_listen(l, 2);
    SAY(do_connect(c, "@weir-seq"));
    int s = do_accept(l);
    SAY(put(c, "one", 0));
    SAY(put_to(c, "two", "@nobody"));
    SAY(put(c, "", 0));
    take(s, 2, 0, 0);
    take(s, 10, 0, 0);
    take(s, 10, 0, 0);
    SAY(control(s, SIOCINQ));
    ready(s);
    end(c);
    ready(s);
    SAY(take_many(s, 10, 0));
    SAY(put(s, "x", 0));
    end(s);
    end(l);
}

static void passing(int type)
{
    int f[2], g[2], h[2];
    pair(type, f);
    pair(type, g);
    pair(SOCK_STREAM, h);
    int two[2] = { h[0], g[0] }, bad[2] = { h[0], 9999 };
    SAY(give(f[0], "fd", two, 1, NULL));
    SAY(put(f[0], "after", 0));
    take(f[1], 100, MSG_PEEK, 200);
    take(f[1], 100, 0, 200);
    take(f[1], 100, 0, 200);
    SAY(give(f[0], "two", two, 2, NULL));
    take(f[1], 100, 0, CMSG_SPACE(4));
    SAY(give(f[0], "one", two, 2, NULL));
    take(f[1], 100, 0, CMSG_LEN(4));
    SAY(give(f[0], "none", two, 1, NULL));
    take(f[1], 100, 0, 0);
    SAY(give(f[0], "short", two, 1, NULL));
    take(f[1], 100, 0, 8);
    SAY(give(f[0], "bad", bad, 2, NULL));
    take(f[1], 100, 0, 200);
    int many[300];
    for (int i = 0; i < 300; i++) many[i] = h[0];
    SAY(give(f[0], "254", many, 254, NULL));
    SAY(give(f[0], "253", many, 253, NULL));
    take(f[1], 100, 0, 64);
    put(f[0], "before", 0);
    SAY(give(f[0], "with", two, 1, NULL));
    put(f[0], "behind", 0);
    take(f[1], 100, 0, 200);
    take(f[1], 100, 0, 200);
    take(f[1], 100, 0, 200);
    /* Sent away and closed here: the socket lives in the message. */
    SAY(give(f[0], "g", &g[0], 1, NULL));
    end(g[0]);
    SAY(put(g[1], "alive", 0));
    end(f[1]);
    if (task) weir_machine_step(machine, 0);
    else usleep(50000);
    ready(g[1]); /* ended with the message */
    end(f[0]);
    end(g[1]);
    end(h[0]);
    end(h[1]);
}

static void credentials(int type)
{
    int f[2];
    pair(type, f);
    int own = task ? 1 : getpid();
    struct ucred good = { own, 0, 0 }, other = { own, 12, 34 };
    SAY(put(f[0], "unasked", 0));
    SAY(set(f[1], SO_PASSCRED, 1));
    SAY(get(f[1], SO_PASSCRED));
    take(f[1], 100, 0, 200);
    SAY(put(f[0], "asked", 0));
    take(f[1], 100, 0, 200);
    SAY(put(f[0], "short", 0));
    take(f[1], 100, 0, 20);
    SAY(put(f[0], "none", 0));
    take(f[1], 100, 0, 0);
    SAY(give(f[0], "said", NULL, 0, &good));
    take(f[1], 100, 0, 200);
    SAY(give(f[0], "other", NULL, 0, &other));
    SAY(put(f[0], "mine", 0));
    take(f[1], 100, 0, 200);
    take(f[1], 100, 0, 200);
    SAY(give(f[0], "both", &f[0], 1, &good));
    take(f[1], 100, 0, 200);
    end(f[0]);
    end(f[1]);
    /* A socket that wants credentials is given a name. */
    int a = make(SOCK_DGRAM), b = make(SOCK_DGRAM);
    set(a, SO_PASSCRED, 1);
    do_bind(b, "@weir-cred");
    SAY(put_to(a, "x", "@weir-cred"));
    names(a);
    end(a);
    end(b);
}

static void options(void)
{
    int f[2], s = make(SOCK_STREAM);
    pair(SOCK_STREAM, f);
    peer_of(s);
    SAY(set_at(s, 6, 1, 1));
    SAY(set_at(s, 0, 1, 1));
    SAY(set(s, SO_PEERCRED, 1));
    SAY(set(f[1], SO_PEEK_OFF, 0));
    SAY(get(f[1], SO_PEEK_OFF));
    put(f[0], "abcdef", 0);
    put(f[0], "ghi", 0);
    take(f[1], 2, MSG_PEEK, 0);
    take(f[1], 3, MSG_PEEK, 0);
    take(f[1], 3, MSG_PEEK, 0);
    SAY(get(f[1], SO_PEEK_OFF));
    take(f[1], 4, 0, 0);
    SAY(get(f[1], SO_PEEK_OFF));
    take(f[1], 9, MSG_PEEK, 0);
    take(f[1], 9, MSG_PEEK, 0);
    end(f[0]);
    end(f[1]);
    pair(SOCK_DGRAM, f);
    SAY(set(f[1], SO_PEEK_OFF, 1));
    put(f[0], "abcdef", 0);
    put(f[0], "ghi", 0);
    take(f[1], 2, MSG_PEEK, 0);
    take(f[1], 9, MSG_PEEK, 0);
    take(f[1], 9, MSG_PEEK, 0);
    take(f[1], 9, MSG_PEEK, 0);
    take(f[1], 9, 0, 0);
    SAY(get(f[1], SO_PEEK_OFF));
    end(f[0]);
    end(f[1]);
    end(s);
}

/* Sockets inside messages in each other: only the collector ends them. */
static void cycles(void)
{
    for (int i = 0; i < 3; i++) {
        int f[2], g[2];
        pair(i == 1 ? SOCK_DGRAM : SOCK_STREAM, f);
        pair(SOCK_STREAM, g);
        give(f[0], "x", &f[1], 1, NULL);
        give(f[0], "x", &g[1], 1, NULL);
        give(g[0], "x", &f[1], 1, NULL);
        for (int j = 0; j < 2; j++) {
            end(f[j]);
            end(g[j]);
        }
    }
    int l = make(SOCK_STREAM), c = make(SOCK_STREAM);
    do_bind(l, "@weir-cycle");
    do_listen(l, 5);
    SAY(do_connect(c, "@weir-cycle"));
    SAY(give(c, "l", &l, 1, NULL)); /* the listener waits in a connection that waits in the listener */
    end(l);
    end(c);
}

static void run_all(void)
{
    struct utsname u;
    int major = 0, minor = 0;
    creating();
    naming();
    connecting();
    closing_listener_resets();
    streaming();
    closing_with_unread_data(SOCK_STREAM);
    closing_with_unread_data(SOCK_DGRAM);
    closing_with_unread_data(SOCK_SEQPACKET);
    filling(SOCK_STREAM);
    filling(SOCK_DGRAM);
    filling(SOCK_SEQPACKET);
    datagrams();
    shut_datagrams(SOCK_DGRAM);
    shut_datagrams(SOCK_SEQPACKET);
    sequenced();
    passing(SOCK_STREAM);
    passing(SOCK_DGRAM);
    credentials(SOCK_STREAM);
    credentials(SOCK_DGRAM);
    options();
    cycles();
    uname(&u);
    sscanf(u.release, "%d.%d", &major, &minor);
    if (major * 100 + minor >= 618) urgent(); /* changed in every other release before */
}

static void compare(const char *a, const char *b)
{
    const char *begin = a;
    for (int line = 1; *a || *b; line++) {
        size_t n = strcspn(a, "\n"), m = strcspn(b, "\n");
        if (n != m || memcmp(a, b, n)) {
            const char *from = a - begin > 800 ? a - 800 : begin;
            fprintf(stderr, "%.*s\n", (int)(a - from), from);
            fail_msg("line %d: Linux '%.*s', weir '%.*s'", line, (int)n, a, (int)m, b);
        }
        a += n + (a[n] != 0);
        b += m + (b[m] != 0);
    }
}

static void equals_the_kernel(void **state)
{
    (void)state;
    char folder[] = "/tmp/weir-unix-XXXXXX";
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder), 0);
    task = NULL;
    at = transcripts[0];
    run_all();
    assert_int_equal(chdir("/"), 0);
    rmdir(folder);

    struct weir_machine_config config = { .seed = { 1, 2 } };
    assert_true(weir_env_map(&env, 0));
    machine = weir_machine_create(&config, &env);
    assert_non_null(machine);
    task = weir_task_create(machine);
    assert_non_null(task);
    end(make(SOCK_STREAM)); /* what the task makes once */
    uint64_t used = weir_machine_used_bytes(machine);
    at = transcripts[1];
    run_all();
    compare(transcripts[0], transcripts[1]);
    assert_int_equal(weir_machine_used_bytes(machine), used); /* nothing is left, cycles neither */
    weir_task_destroy(task);
    end_machine(machine);
    weir_env_unmap(&env);
}

/* Whichever allocation fails, nothing is lost but that call: no crash, nothing left behind. */
static void survives_failed_allocations(void **state)
{
    (void)state;
    struct weir_machine_config config = { .seed = { 1, 2 } };
    assert_true(weir_env_map(&env, 0));
    machine = weir_machine_create(&config, &env);
    task = weir_task_create(machine);
    struct memory *m = ((struct machine *)machine)->memory;
    at = transcripts[1];
    run_all();
    uint64_t used = weir_machine_used_bytes(machine), before = memory_alloc_count(m);
    at = transcripts[1];
    run_all();
    uint64_t count = memory_alloc_count(m) - before;
    assert_in_range(count, 1000, 1000000);
    for (uint64_t n = 1; n < count; n += n < 60 ? 1 : 1 + count / 500) {
        memory_fail_at(m, memory_alloc_count(m) + n);
        at = transcripts[1];
        run_all();
        if (weir_machine_used_bytes(machine) != used) fail_msg("allocation %lu of %lu left something behind", n, count);
    }
    weir_task_destroy(task);
    end_machine(machine);
    weir_env_unmap(&env);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(equals_the_kernel), cmocka_unit_test(survives_failed_allocations) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
