#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""hostile.py PORT -- a DNS server that answers well until it is told to misbehave.

It prints `listening ADDRESS`.  The first label of a name says how questions for it are
answered while the server is armed: an attack is a function, its docstring says what is
wrong with it.  "!arm" is an order, and so is "!calm" with an
address, which is the good answer from then on.  Messages are written by hand (RFC 1035), so that
nothing here refuses to send what must not be sent.
"""

import random
import socket
import struct
import sys
import threading
import time

A, CNAME, TXT, AAAA, SRV = 1, 5, 16, 28, 33
EVIL = bytes([127, 6, 6, 6])
OWNER = b"\xc0\x0c"  # the name in the question
TRUNCATED = 0x0200
GOOD_TTL = 1

udp = socket.socket(type=socket.SOCK_DGRAM)
elsewhere = socket.socket(type=socket.SOCK_DGRAM)
stranger = socket.socket(type=socket.SOCK_DGRAM)
state = {"armed": False, "good": bytes([127, 0, 0, 2])}
dice = random.Random(1)


# ---- Messages --------------------------------------------------------------------------


class Query:
    """A question, and how to answer it."""

    def __init__(self, message, send):
        self.message, self.send = message, send
        self.is_tcp = False
        end = 12
        labels = []
        while message[end]:
            labels.append(message[end + 1:end + 1 + message[end]])
            end += message[end] + 1
        self.labels = labels
        self.type = struct.unpack(">H", message[end + 1:end + 3])[0]
        self.question = message[12:end + 5]

    def head(self, n, flags=0, number=None, n_questions=1):
        number = self.message[:2] if number is None else number
        return number + struct.pack(">HHHHH", 0x8180 | flags, n_questions, n, 0, 0)

    def answer(self, *records, **head):
        self.send(self.head(len(records), **head) + self.question + b"".join(records))

    def say(self, *pieces):
        """Head and question, and then whatever there is."""
        self.send(b"".join(pieces))


def record(kind, data, ttl=GOOD_TTL, owner=OWNER, length=None):
    length = len(data) if length is None else length
    return owner + struct.pack(">HHIH", kind, 1, ttl, length) + data


def name(text):
    return b"".join(bytes([len(part)]) + part for part in text) + b"\0"


def srv(target, port=80):
    return record(SRV, struct.pack(">HHH", 0, 0, port) + target)


def txt(text):
    pieces = [text[i:i + 255] for i in range(0, len(text), 255)]
    return record(TXT, b"".join(bytes([len(piece)]) + piece for piece in pieces))


def good(query):
    """As it should be: the name has one address, a service one target, and no config."""
    if query.type == A and query.labels[0] != b"_grpc_config":
        query.answer(record(A, state["good"]))
    elif query.type == SRV:
        query.answer(srv(name([b"host", *query.labels[2:]]), state["port"]))
    else:
        query.answer()


# ---- Attacks on A ----------------------------------------------------------------------


def garbage(query):
    """Bytes without any sense, behind the right number."""
    query.say(query.message[:2], dice.randbytes(dice.randrange(500)))


def nothing(query):
    """A datagram without bytes."""
    query.say(b"")


def five_bytes(query):
    """Less than a header."""
    query.say(query.message[:5])


def header_only(query):
    """A question and an answer are promised, and the message ends."""
    query.say(query.head(1))


def promises(query):
    """65535 answers are promised, one is there."""
    query.say(query.head(65535), query.question, record(A, EVIL))


def long_data(query):
    """The record says it is longer than the message."""
    query.answer(record(A, EVIL, length=65535))


def short_data(query):
    """An address of three bytes."""
    query.answer(record(A, EVIL[:3]))


def long_address(query):
    """An address of 300 bytes."""
    query.answer(record(A, EVIL * 75))


def loop_of_one(query):
    """The owner's name points to itself."""
    at = 12 + len(query.question)
    query.answer(record(A, EVIL, owner=struct.pack(">H", 0xC000 | at)))


def loop_of_two(query):
    """The owner's name points to another pointer, and that one back."""
    at = 12 + len(query.question)
    there = struct.pack(">HH", 0xC000 | at + 2, 0xC000 | at)
    query.say(query.head(1), query.question, there, record(A, EVIL)[2:])


def loop_in_alias(query):
    """The alias is a label and a pointer to that label."""
    at = 12 + len(query.question) + 12
    query.answer(record(CNAME, b"\1a" + struct.pack(">H", 0xC000 | at)),
                 record(A, EVIL))


def pointer_beyond(query):
    """The owner's name points behind the end of the message."""
    query.answer(record(A, EVIL, owner=b"\xff\xff"))


def strange_label(query):
    """A label of a kind that does not exist."""
    query.answer(record(A, EVIL, owner=b"\x80abc\0"))


def endless_name(query):
    """A name without an end."""
    query.say(query.head(1), query.question, b"\x3f" + b"a" * 63, b"\x3f" + b"a" * 20)


def wrong_number(query):
    """Answers to other questions, 1000 of them."""
    for i in range(1, 1001):
        number = (query.message[0] << 8 | query.message[1]) + i & 0xFFFF
        query.answer(record(A, EVIL), number=struct.pack(">H", number))


def wrong_name(query):
    """The right number, another question."""
    other = name([b"other", b"test"]) + query.question[-4:]
    query.say(query.head(1), other, record(A, EVIL))


def wrong_type(query):
    """The right number and name, another type."""
    query.say(query.head(1), query.question[:-4], struct.pack(">HH", 15, 1),
              record(A, EVIL))


def no_question(query):
    """An answer, and no question at all."""
    query.say(query.head(1, n_questions=0), record(A, EVIL))


def two_questions(query):
    """The question twice."""
    query.say(query.head(1, n_questions=2), query.question, query.question,
              record(A, EVIL))


def other_port(query):
    """The right answer to everything, but not from where it was asked."""
    message = query.head(1) + query.question + record(A, EVIL)
    elsewhere.sendto(message, query.peer)


def other_address(query):
    """Likewise from another address, and the right port."""
    message = query.head(1) + query.question + record(A, EVIL)
    stranger.sendto(message, query.peer)


def late(query):
    """The right answer when nobody waits any more."""
    timer = threading.Timer(1.5, query.answer, [record(A, EVIL)])
    timer.daemon = True
    timer.start()


def twice(query):
    """A good answer, and at once a bad one."""
    good(query)
    if query.type == A:
        query.answer(record(A, EVIL))


def silence(query):
    """No answer."""


def rcodes(query):
    """Every code there is, one after the other."""
    state["rcode"] = (state.get("rcode", 0) + 1) % 16
    query.answer(flags=state["rcode"])


def aliases_in_circles(query):
    """Two aliases for each other."""
    other = name([b"circle", b"test"])
    query.answer(record(CNAME, other), record(CNAME, OWNER, owner=other))


def foreign_records(query):
    """Addresses of other names."""
    query.answer(record(A, EVIL, owner=name([b"evil", b"test"])),
                 record(AAAA, EVIL * 4, owner=name([b"evil", b"test"])))


def flood(query):
    """5000 datagrams, none of them of use."""
    for _ in range(5000):
        query.say(dice.randbytes(40))


def huge_datagram(query):
    """As large as a datagram gets; over TCP nothing."""
    if not query.is_tcp:
        query.answer(*[record(A, EVIL)] * 4000)


def forever(query):
    """Good addresses, good for 136 years."""
    if query.type == A and query.labels[0] != b"_grpc_config":
        query.answer(record(A, state["good"], ttl=0xFFFFFFFF))
    else:
        query.answer()


# ---- Attacks over TCP ------------------------------------------------------------------


def truncated(query):
    query.answer(flags=TRUNCATED)


def over_tcp(attack):
    """Over UDP the answer does not fit."""
    def wrapped(query):
        attack(query) if query.is_tcp else truncated(query)
    wrapped.__name__ = attack.__name__
    return wrapped


@over_tcp
def truncated_again(query):
    """It does not fit over TCP either."""
    truncated(query)


@over_tcp
def hang_up(query):
    """The connection is closed instead."""
    query.hang_up()


@over_tcp
def tcp_silence(query):
    """The connection stays open, and that is all."""


@over_tcp
def half_a_message(query):
    """Half of what is promised."""
    query.raw(struct.pack(">H", 100) + bytes(50))


@over_tcp
def empty_messages(query):
    """1000 messages of no bytes."""
    query.raw(bytes(2000))


@over_tcp
def tcp_garbage(query):
    """64 KiB without any sense."""
    query.raw(dice.randbytes(65536))


@over_tcp
def drip(query):
    """The right answer, a byte every tenth of a second."""
    message = query.head(1) + query.question + record(A, EVIL)
    for byte in struct.pack(">H", len(message)) + message:
        query.raw(bytes([byte]))
        time.sleep(0.1)


@over_tcp
def many_aliases(query):
    """4000 aliases and no address."""
    query.answer(*[record(CNAME, OWNER)] * 4000)


@over_tcp
def many_records(query):
    """2000 records of kinds that nobody asked for."""
    query.answer(*[record(TXT, b"\x0faaaaaaaaaaaaaaa")] * 2000)


# ---- Attacks on SRV --------------------------------------------------------------------


def on(kind, attack):
    """Questions of other kinds get good answers."""
    def wrapped(query):
        attack(query) if query.type == kind else good(query)
    return wrapped


def srv_short(query):
    """No target behind the numbers."""
    query.answer(record(SRV, b"\0\0\0\0\0\x50"))


def srv_loop(query):
    """A target that points to itself."""
    at = 12 + len(query.question) + 12 + 6
    query.answer(srv(struct.pack(">H", 0xC000 | at)))


def srv_long_name(query):
    """A target of 1000 bytes."""
    query.answer(srv(name([b"a" * 60] * 17)))


def srv_odd_names(query):
    """Targets that would do things to a terminal."""
    query.answer(srv(name([b"\x1b[2J", b"test"])), srv(name([b"a b\n", b"test"])),
                 srv(name([b"..", b"test"])), srv(name([b"\0", b"test"])))


def srv_no_ports(query):
    """Targets without a port."""
    query.answer(*[srv(name([b"host"]), port=0)] * 5)


def srv_flood(query):
    """3000 targets none of which exists."""
    if not query.is_tcp:
        truncated(query)
        return
    query.answer(*[srv(bytes([4]) + b"%04d" % i + b"\0") for i in range(3000)])


# ---- Attacks on TXT --------------------------------------------------------------------


def txt_short(query):
    """A string longer than its record."""
    query.answer(record(TXT, b"\xffgrpc_config=[]"))


def txt_odd(query):
    """A config that would do things to a terminal."""
    query.answer(txt(b"grpc_config=[{\"\x1b[2J\x07\xff"))


def txt_wrong(query):
    """A config of the wrong shape."""
    query.answer(txt(b'grpc_config=[{"percentage":"\x1b[2J"}]'))


@over_tcp
def txt_nested(query):
    """60,000 lists in each other."""
    query.answer(txt(b"grpc_config=" + b"[" * 60000))


@over_tcp
def txt_large(query):
    """60,000 bytes of objects."""
    query.answer(txt(b"grpc_config=[" + b"{}," * 20000 + b"{}]"))


ATTACKS = {attack.__name__: attack for attack in (
    garbage, nothing, five_bytes, header_only, promises, long_data, short_data,
    long_address, loop_of_one, loop_of_two, loop_in_alias, pointer_beyond, strange_label,
    endless_name, wrong_number, wrong_name, wrong_type, no_question, two_questions,
    other_port, other_address, late, twice, silence, rcodes, aliases_in_circles,
    foreign_records, flood, huge_datagram, forever, truncated_again, hang_up, tcp_silence,
    half_a_message, empty_messages, tcp_garbage, drip, many_aliases, many_records)}
ATTACKS |= {attack.__name__: on(SRV, attack) for attack in (
    srv_short, srv_loop, srv_long_name, srv_odd_names, srv_no_ports, srv_flood)}
ATTACKS |= {attack.__name__: on(TXT, attack) for attack in (
    txt_short, txt_odd, txt_wrong, txt_nested, txt_large)}


# ---- Serving ---------------------------------------------------------------------------


def serve(query):
    """The attack is the label before "hostile"."""
    attack = query.labels[query.labels.index(b"hostile") - 1].decode() \
        if b"hostile" in query.labels else ""
    if state["armed"] and attack in ATTACKS:
        ATTACKS[attack](query)
    elif b"hostile" in query.labels:
        good(query)
    else:
        query.answer(flags=3)


def serve_udp():
    while True:
        message, peer = udp.recvfrom(4096)
        if message.startswith((b"!arm", b"!calm")):
            word, _, address = message[1:].decode().partition(" ")
            state["armed"] = word == "arm"
            if address:
                state["good"] = socket.inet_aton(address)
            udp.sendto(b"done", peer)
            continue
        query = Query(message, lambda bytes_, peer=peer: udp.sendto(bytes_, peer))
        query.peer = peer
        try:
            serve(query)
        except OSError:
            pass  # the client has closed that port


def serve_connection(connection):
    def send(message):
        message = message[:65535]
        connection.sendall(struct.pack(">H", len(message)) + message)

    try:
        with connection, connection.makefile("rb") as stream:
            while len(length := stream.read(2)) == 2:
                query = Query(stream.read(struct.unpack(">H", length)[0]), send)
                query.is_tcp, query.raw = True, connection.sendall
                query.hang_up = lambda: connection.shutdown(socket.SHUT_RDWR)
                serve(query)
    except OSError:
        pass  # the client has had enough


def main():
    with socket.socket() as tcp:
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        tcp.bind(("127.0.0.1", 0))
        address = tcp.getsockname()
        udp.bind(address)
        elsewhere.bind(("127.0.0.1", 0))
        stranger.bind(("127.0.0.9", address[1]))
        state["port"] = int(sys.argv[1])
        tcp.listen(64)
        print(f"listening {address[0]}:{address[1]}", flush=True)
        threading.Thread(target=serve_udp, daemon=True).start()
        while True:
            connection, _ = tcp.accept()
            threading.Thread(target=serve_connection, args=[connection],
                             daemon=True).start()


main()
