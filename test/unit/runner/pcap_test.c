#include "runner/pcap.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void writes_header_and_records(void **state)
{
    char path[] = "/tmp/weir-pcap-XXXXXX";
    struct pcap_file file;
    uint32_t words[6 + 4];
    char frame[4] = "", extra;
    FILE *read_back;

    (void)state;
    close(mkstemp(path));
    assert_int_equal(pcap_open(&file, path), 0);
    assert_int_equal(pcap_write(&file, 5000000007ULL, "abc", 3), 0);
    pcap_close(&file);
    read_back = fopen(path, "rb");
    assert_int_equal(fread(words, sizeof(words), 1, read_back), 1);
    assert_int_equal(fread(frame, 3, 1, read_back), 1);
    assert_int_equal(fread(&extra, 1, 1, read_back), 0);
    fclose(read_back);
    unlink(path);
    assert_int_equal(words[0], 0xa1b23c4d);
    assert_int_equal(words[1], 2 | 4 << 16);
    assert_int_equal(words[5], 1);
    assert_int_equal(words[6], 5);
    assert_int_equal(words[7], 7);
    assert_int_equal(words[8], 3);
    assert_int_equal(words[9], 3);
    assert_string_equal(frame, "abc");
}

static void a_full_disk_leaves_whole_records(void **state)
{
    char path[] = "/tmp/weir-pcap-XXXXXX";
    const struct rlimit room_for_one = { .rlim_cur = 24 + 16 + 100 + 50, .rlim_max = RLIM_INFINITY };
    struct rlimit before;
    struct pcap_file file;
    struct stat status;
    char frame[100] = "";

    (void)state;
    close(mkstemp(path));
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(pcap_open(&file, path), 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &room_for_one), 0);
    assert_int_equal(pcap_write(&file, 1, frame, sizeof(frame)), 0);
    assert_true(pcap_write(&file, 2, frame, sizeof(frame)) < 0);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_size, 24 + 16 + 100);
    assert_int_equal(pcap_write(&file, 3, frame, 10), 0);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_size, 24 + 16 + 100 + 16 + 10);
    setrlimit(RLIMIT_FSIZE, &before);
    pcap_close(&file);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_header_and_records),
        cmocka_unit_test(a_full_disk_leaves_whole_records),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
