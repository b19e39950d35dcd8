#include "data_peer.h"

/* A peer that sends single bytes fills the buffer with boxes; the bytes are put together and none is lost. */
static void single_bytes(void **state)
{
    char got[600], expected[600];
    uint32_t sent = 0, read = 0;
    ssize_t r;

    (void)state;
    peer_net()->sysctl.tcp_rmem[1] = peer_net()->sysctl.tcp_rmem[2] = 20000;
    open_connection(true, 60000);
    for (; sent < 200; sent++) {
        char byte[2] = { (char)('a' + sent % 26), 0 };
        expected[sent] = byte[0];
        peer_data(sent, byte);
        while (peer.count) peer_hear();
        if (tcp_of(peer_sock(fd))->rcv.nxt.v != PEER(sent + 1)) break; /* refused */
    }
    assert_true(sent >= 100);
    assert_true(COUNTER(TcpExt, TCPRcvCollapsed) > 0);
    assert_true(COUNTER(TcpExt, PruneCalled) > 0);
    assert_true(peer_sock(fd)->receive_used_bytes <= 22000);
    while ((r = weir_recv(peer.task, fd, got + read, sizeof got - read, 0)) > 0) read += (uint32_t)r;
    assert_int_equal(read, sent);
    assert_memory_equal(got, expected, sent);
    assert_int_equal(peer_sock(fd)->receive_used_bytes, 0);
}

DATA_MAIN(DATA_TEST(single_bytes))
