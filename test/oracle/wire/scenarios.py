"""What a TCP peer sees, section by section. Each runs on a port of its own; p is a wire.Peer."""
import struct

from wire import A, C, E, F, FULL, P, R, S, ts

SECTIONS = []


def section(f):
    SECTIONS.append(f)
    return f


OPTIONS = {"none": b"", "mss": b"\2\4\5\xb4", "sack": b"\4\2\1\1", "scale": b"\1\3\3\7", "scale 15": b"\1\3\3\x0f", "mss 0": b"\2\4\0\0",
           "mss 10": b"\2\4\0\x0a", "timestamp": ts(5, 6), "sack and timestamp": b"\4\2" + ts(5, 6)[2:], "unknown": b"\xfd\4ab", "overlong": b"\2\7\5\xb4"}


@section
def syn_with_one_option(p):
    for name, options in OPTIONS.items():
        p.listener()
        p.begin()
        answer = p.half_open(options)
        p.show(name)
        p.shown(answer, 0, 500)
        p.say(501, answer.seq + 1, A, options=ts(6, 0) if "timestamp" in name else b"")
        p.do("c = accept(l)")
        p.show("  maxseg", p.value("c.getsockopt(6, 2)"))
        p.counted()


@section
def syn_with_all_options(p):
    p.listener()
    p.shown(p.half_open(FULL), 0, 500)
    p.listener()
    p.shown(p.half_open(b"", flags=S | E | C), 0, 500)


@section
def syn_with_data(p):
    p.listener()
    answer = p.half_open(data=b"data")
    p.shown(answer, 0, 500)
    p.begin()
    p.say(501, answer.seq + 1, A | P, b"data")
    p.do("c = accept(l)")
    p.show(p.value("c.recv(10)"))
    p.counted()


@section
def repeated_syn(p):
    p.listener()
    ours = p.half_open().seq
    p.begin()
    p.say(500, 0, S)
    p.heard(ours, 500)
    p.say(500, 0, S)
    p.heard(ours, 500)
    p.counted()


@section
def another_syn_in_its_place(p):
    p.listener()
    ours = p.half_open().seq
    p.begin()
    p.say(700, 0, S)
    p.heard(0, 500)
    p.counted()


@section
def half_open_resets(p):
    p.listener()
    ours = p.half_open().seq
    p.begin()
    for seq in (505, 505, 500, 501 + 1000000):
        p.say(seq, 0, R)
        p.heard(ours, 500)
        p.counted()
    p.say(501, 0, R)
    p.heard(ours, 500)
    p.counted()


@section
def half_open_strange(p):
    for seq, ack, flags in ((600, 1, S | A), (501, 0, F), (501, 8, A), (501 + 1000000, 1, A), (501, 1, F | A)):
        p.listener()
        ours = p.half_open().seq
        p.begin()
        p.say(seq, ours + ack if flags & A else 0, flags)
        p.show(seq, ack, flags)
        p.heard(ours, 500, least=1 if flags == F | A else 0)  # a FIN's ACK is a delayed one
        p.counted()


@section
def half_open_timestamps(p):
    for options in (ts(900, 0), ts(1001, 12345), b"", ts(1001, 0)):
        p.listener()
        ours = p.half_open(ts(1000, 0)).seq
        p.begin()
        p.say(501, ours + 1, A, options=options)
        p.show(options)
        p.heard(ours, 500)
        p.counted()


@section
def cookies(p):
    for options in (b"", FULL):
        p.listener(0)
        p.begin()
        p.half_open(sport=1999)
        answer = p.half_open(options)
        p.shown(answer, 0, 500)
        at = answer.options.find(b"\x08\x0a")
        echo = ts(100, struct.unpack("!I", answer.options[at + 2:at + 6])[0]) if options else b""
        p.say(501, answer.seq + 1 + 0x10000, A, options=echo)
        p.heard(answer.seq, 500)
        p.say(501, answer.seq + 1, A, options=echo)
        p.do("c = accept(l)")
        p.show(p.value("c.getsockopt(6, 2)"), p.value("c.getsockopt(6, 11, 8).hex()"))
        p.counted()


def overflow(p):
    """Backlog 1, two accepted by nobody, a third acknowledging; returns its ISN."""
    p.listener(1)
    p.do("sysctl('tcp_syncookies', 0)")
    p.begin()
    first, second = p.half_open(sport=2001).seq, p.half_open(sport=2002).seq
    p.say(501, first + 1, A, sport=2001)
    p.hear()
    third = p.half_open().seq
    p.say(501, second + 1, A, sport=2002)
    p.hear()
    p.say(501, third + 1, A)
    p.heard(third, 500)
    p.counted()
    p.do("sysctl('tcp_syncookies', 1)")
    return third


@section
def accept_queue_overflow(p):
    third = overflow(p)
    p.say(500, 0, S, sport=2003)
    p.heard(third, 500)
    p.counted()
    p.do("c = accept(l)")
    p.say(501, third + 1, A)
    p.heard(third, 500)
    p.counted()


@section
def accept_queue_overflow_aborts(p):
    p.do("sysctl('tcp_abort_on_overflow', 1)")
    overflow(p)
    p.do("sysctl('tcp_abort_on_overflow', 0)")


@section
def deferred_accept(p):
    p.listener()
    p.do("l.setsockopt(6, 9, 3)")
    p.begin()
    ours = p.half_open().seq
    p.say(501, ours + 1, A)
    p.heard(ours, 500)
    p.counted()
    p.say(501, ours + 1, A | P, b"hi")
    p.heard(ours, 500)
    p.do("c = accept(l)")
    p.show(p.value("c.recv(10)"))
    p.counted()


@section
def listener_hears_the_strange(p):
    p.listener()
    p.begin()
    for seq, ack, flags in ((500, 0, F), (500, 0, 0), (500, 0, S | F), (500, 7, S | A), (500, 7, F | A), (500, 0, S | R), (500, 7, R | A)):
        p.say(seq, ack, flags)
        p.show(flags)
        p.heard(1, 0)
    p.counted()


@section
def nobody_listens(p):
    p.port += 1
    p.begin()
    for ack, flags, data in ((77, S | A, b""), (0, F, b"abc"), (0, 0, b""), (0, R, b""), (0, S, b"")):
        p.say(500, ack, flags, data)
        p.show(flags)
        p.heard(1, 0)
    p.counted()


@section
def listener_closes(p):
    p.listener()
    p.begin()
    ours = p.half_open().seq
    p.say(501, ours + 1, A)
    p.hear()
    other = p.half_open(sport=2001).seq
    p.do("l.close()")
    p.heard(ours, 500)
    p.say(501, other + 1, A, sport=2001)
    p.heard(other, 500)
    p.counted()


@section
def close_with_unread_data(p):
    for options, stamp in ((b"", b""), (FULL, ts(101, 0))):
        p.listener()
        ours = p.accepted(options, 100)
        p.begin()
        p.say(501, ours, P | A, b"unread", stamp)
        p.hear()
        p.do("c.close()")
        p.heard(ours, 500)
        p.counted()


@section
def close_without_lingering(p):
    for options in (b"", FULL):
        p.listener()
        ours = p.accepted(options, 100)
        p.begin()
        p.do("c.setsockopt(1, 13, struct.pack('ii', 1, 0)); c.close()")
        p.heard(ours, 500)
        p.counted()


@section
def passive_close(p):
    p.listener()
    ours = p.accepted()
    p.begin()
    p.say(501, ours, F | A)
    p.heard(ours, 501, least=1)
    p.do("c.close()")
    p.heard(ours, 501)
    p.say(502, ours + 1, A)
    p.heard(ours, 501)
    p.say(502, ours + 1, A)
    p.heard(ours, 501)
    p.counted()


@section
def data_for_an_orphan(p):
    for ack, flags, data in ((1, P | A, b"late"), (0, P | A, b"late"), (1, F | P | A, b"late")):
        p.listener()
        ours = p.accepted()
        p.begin()
        p.do("c.close()")
        p.heard(ours, 500)
        p.say(501, ours + ack, flags, data)
        p.heard(ours, 500)
        p.counted()


@section
def half_closed_still_reads(p):
    p.listener()
    ours = p.accepted()
    p.begin()
    p.do("c.shutdown(1)")
    p.heard(ours, 500)
    p.say(501, ours + 1, P | A, b"late")
    p.heard(ours, 500)
    p.show(p.value("c.recv(10)"))
    p.do("c.close()")
    p.heard(ours, 500)
    p.say(505, ours + 1, P | A, b"x")
    p.heard(ours, 500)
    p.counted()


@section
def simultaneous_close(p):
    p.listener()
    ours = p.accepted()
    p.begin()
    p.do("c.shutdown(1)")
    p.hear()
    p.say(501, ours, F | A)
    p.heard(ours, 500)
    p.say(502, ours + 1, A)
    p.heard(ours, 500)
    p.say(501, ours, F | A)
    p.heard(ours, 500)
    p.counted()


@section
def no_linger2(p):
    for calls in ("c.setsockopt(6, 8, -1); c.close()", "c.setsockopt(6, 8, -1); c.shutdown(1)"):
        p.listener()
        ours = p.accepted()
        p.begin()
        p.do(calls)
        p.hear()
        p.say(501, ours + 1, A)
        p.heard(ours, 500)
        p.do("c.close()")
        p.heard(ours, 500)
        p.counted()


def time_wait(p, options=b""):
    p.listener()
    ours = p.accepted(options, 101 if options else None)
    p.do("c.close()")
    p.hear()
    p.say(501, ours + 1, F | A, options=ts(102, 0) if options else b"")
    p.heard(ours, 500)
    p.begin()
    return ours + 1


@section
def time_wait_answers(p):
    for seq, ack, flags, data, options in ((501, 0, F | A, b"", b""), (450, 0, A, b"", b""), (402, None, S, b"", b""), (512, None, S, b"", b""),
                                           (503, None, R, b"", b""), (502, None, R, b"", b""), (502, 0, A | P, b"xx", b""), (600, 0, S | A, b"", b""),
                                           (402, None, S, b"", ts(103, 0)), (512, None, S, b"", ts(50, 0)), (502, 0, A, b"", ts(103, 0))):
        ours = time_wait(p, ts(100, 0) if options else b"")
        p.say(seq, ours + ack if ack is not None else 0, flags, data, options)
        p.show(seq, ack, flags, data, options)
        p.heard(ours, 502)
        p.counted()
        p.say(502, ours, A, options=ts(104, 0) if options else b"")  # is it still there?
        p.heard(ours, 502)


@section
def time_wait_without_listener(p):
    ours = time_wait(p)
    p.do("l.close()")
    p.say(600, 0, S)
    p.heard(ours, 502)
    p.counted()


@section
def orphan_in_fin_wait2(p):
    for seq, flags, data in ((501, A, b""), (501, A, b"no"), (501, S | A, b""), (400, A, b""), (501, F | A, b""), (501, R, b"")):
        p.listener()
        ours = p.accepted()
        p.do("c.close()")
        p.hear()
        p.begin()
        p.say(501, ours + 1, A)
        p.heard(ours, 501)
        p.say(seq, ours + 1, flags, data)
        p.show(seq, flags, data)
        p.heard(ours, 501)
        p.counted()


def opening(p):
    p.port += 1
    p.do("s = connect('10.99.0.2', %d)" % p.port)
    syn = next(s for s in p.hear() if s.flags & S)
    p.shown(syn, 0, 0)
    p.begin()
    return syn, lambda seq, ack, flags, data=b"", options=b"": p.stack.put(
        __import__("wire").segment(p.port, syn.sport, seq, ack, flags, data, options, 65535))


@section
def connect_refused(p):
    syn, say = opening(p)
    say(0, 0, R)
    say(0, syn.seq, R | A)
    p.heard(syn.seq, 0, least=1)  # from a timer, soon
    p.show(p.value("s.getsockopt(1, 4)"))
    say(900, syn.seq + 2, S | A)
    p.heard(syn.seq, 900, most=1)
    say(0, syn.seq + 1, R | A)
    p.show(p.value("s.getsockopt(1, 4)"))


@section
def connect_answered(p):
    for flags, data, options in ((S | A, b"", b""), (S | A, b"", FULL), (S | A, b"data", b""), (S | A | E, b"", b"")):
        syn, say = opening(p)
        say(900, syn.seq + 1, flags, data, options)
        p.heard(syn.seq, 900)
        p.show(p.value("s.getsockopt(6, 2)"))
        p.counted()


@section
def connect_hears_the_strange(p):
    for flags in (F | A, A, F):
        syn, say = opening(p)
        say(900, syn.seq + 1 if flags & A else 0, flags)
        p.heard(syn.seq, 900, most=1)
        p.show(p.value("s.getsockopt(1, 4)"))


@section
def crossed_syns(p):
    for options in (b"", FULL):
        syn, say = opening(p)
        say(900, 0, S, b"", options)
        p.heard(syn.seq, 900)
        say(901, syn.seq + 1, A, b"", ts(100, 0) if options else b"")
        p.show(p.value("s.send(b'x')"))
        p.heard(syn.seq, 900, most=1)
        p.counted()


@section
def crossed_syns_go_on(p):
    syn, say = opening(p)
    say(900, 0, S)
    p.hear()
    say(900, syn.seq + 1, S | A)
    p.heard(syn.seq, 900)
    p.show(p.value("s.send(b'x')"))
    p.counted()
    syn, say = opening(p)
    say(900, 0, S)
    p.hear()
    say(901, 0, R)
    p.show(p.value("s.getsockopt(1, 4)"))
    p.counted()


@section
def established_hears_the_strange(p):
    for seq, flags in ((506, R), (501 + 1000000, R), (501, S), (100, S), (501, R)):
        p.listener()
        ours = p.accepted()
        p.begin()
        p.say(seq, ours, flags)
        p.show(seq, flags)
        p.heard(ours, 501)
        p.show(p.value("c.getsockopt(1, 4)"))
        p.counted()


@section
def calls_after_a_reset(p):
    for calls in (("c.recv(10)", "c.recv(10)", "c.recv(10)", "c.send(b'x')"), ("c.send(b'x')", "c.send(b'x')", "c.recv(10)", "c.recv(10)")):
        p.listener()
        ours = p.accepted()
        p.say(501, ours, P | A, b"abc")
        p.hear()
        p.say(504, ours, R)
        p.show([p.value(call) for call in calls])
    p.listener()
    ours = p.accepted()
    p.say(501, ours, F | A)
    p.hear()
    p.say(502, ours, R)
    p.show(p.value("c.send(b'x')"), p.value("c.recv(1)"))


@section
def shutdown_for_reading(p):
    p.listener()
    ours = p.accepted()
    p.do("c.shutdown(0)")
    p.begin()
    p.say(501, ours, P | A, b"abc")
    p.heard(ours, 501)
    p.show(p.value("c.recv(10)"), p.value("c.recv(10)"))
    p.counted()


@section
def predicted_data(p):
    """The counter of the short way tells what was charged already."""
    p.listener()
    ours = p.accepted()
    p.begin()
    for seq, data in ((501, b"abc"), (504, b"d"), (510, b"hole")):
        p.say(seq, ours, P | A, data)
        p.show(seq)
        p.heard(ours, 501)
        p.counted()
    p.say(505, ours, P | A, b"efghi")
    p.show(p.value("c.recv(100)"))
    p.hear()
    for seq in (514, 515):
        p.say(seq, ours, P | A, b"x")
        p.counted()


@section
def options_of_the_listener(p):
    for code in ("l.setsockopt(6, 2, 600)", "l.setsockopt(1, 8, 4000)", "l.setsockopt(6, 10, 3000)", "l.setsockopt(0, 1, 0x48); l.setsockopt(0, 2, 33)"):
        p.listener()
        p.do(code)
        answer = p.half_open(FULL)
        p.show(code)
        p.shown(answer, 0, 500)
        p.say(501, answer.seq + 1, A, options=ts(100, 0))
        p.do("c = accept(l)")
        p.do("c.send(b'x' * 1000)")
        p.heard(answer.seq, 500, most=2)
