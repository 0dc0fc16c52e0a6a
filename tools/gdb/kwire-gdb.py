# SPDX-License-Identifier: Apache-2.0
"""Looks at kwire inside a process or a core, which must have been built with -g.

    (gdb) source kwire-gdb.py
    (gdb) kwire                    every client and connection that a thread knows of
    (gdb) kwire client EXPR        one client (struct kwire_client *)
    (gdb) kwire connection EXPR    one connection (struct kwire_connection *)

Nothing is called or changed in the program.  There is no list of all clients:
they are found in the frames of the threads, connections also through their
own threads, and whatever hangs together with these.
"""

import time

import gdb

STATES = ("set-up", "ready", "dead")
FREE, TOMBSTONE = 0, 2


def text(value):
    """A C string, "" where there is none."""
    return value.string(errors="replace") if int(value) else ""


def chars(value):
    return value.string(errors="replace")


def number(value):
    """An integer, also of an atomic."""
    return int(value)


def pointer(value):
    return int(value.cast(gdb.lookup_type("unsigned long")))


_names = {}


def api_name(key):
    if not _names:
        _names[-1] = "raw"
        try:
            block = gdb.parse_and_eval("'api_names.c'::names")
            size = block.type.sizeof
            raw = bytes(gdb.selected_inferior().read_memory(pointer(block.address), size))
            for index, name in enumerate(raw.split(b"\0")):
                _names[index] = name.decode()
        except gdb.error:
            pass
    return _names.get(key) or "API %d" % key


def now_ms():
    """The process's monotonic time, None where it is not a live one of this machine."""
    connection = getattr(gdb.selected_inferior(), "connection", None)
    if connection is None or connection.type != "native":
        return None
    return int(time.monotonic() * 1000)


def ago(since_ms):
    now = now_ms()
    return "since %d ms" % since_ms if now is None else "for %d ms" % max(0, now - since_ms)


def phase_name(value):
    name = str(value)
    return name.replace("KWIRE_PHASE_", "").lower()


def address_of(host, port):
    return ("[%s]:%d" if ":" in host else "%s:%d") % (host, port)


def print_call(slot):
    kind = number(slot["kind"])
    key = number(slot["api_key"])
    line = "    id %d %s" % (number(slot["id"]), api_name(key))
    if kind == TOMBSTONE:
        print(line + ", given up, its answer still to come, " + ago(number(slot["since_ms"])))
        return
    call = slot["call"]
    written, total = number(call["written"]), number(call["frame"]["total_size"])
    if written == 0:
        state = "not sent"
    elif written < total:
        state = "%d of %d bytes sent" % (written, total)
    else:
        state = "%d bytes sent" % total
    owner = "handle" if bool(call["handle"]) else "a thread waits"
    print("%s v%d, %s, %s, %s" % (line, number(call["version"]), state, owner, ago(number(slot["since_ms"]))))


def print_connection(connection, indent=""):
    state = number(connection["state"])
    host = text(connection["host"])
    line = "%sconnection %#x to %s, broker %d: %s" % (
        indent, pointer(connection), address_of(host, number(connection["port"])),
        number(connection["node_id"]), STATES[state] if state < len(STATES) else "?")
    if state == 0:
        line += ", busy with " + phase_name(connection["phase"])
    print(line)
    if state == 2:
        print("    died of: " + chars(connection["cause"]["message"]))
    pending = connection["pending"]
    print("    %d in flight (%d given up), %d bytes queued%s%s" % (
        number(pending["used"]), number(pending["tombstones"]), number(connection["queue_bytes"]),
        ", somebody writes" if bool(connection["token_held"]) else "",
        ", the transport is full" if bool(connection["blocked"]) else ""))
    slots = [pending["slots"][i] for i in range(number(pending["capacity"]))]
    for slot in sorted((s for s in slots if number(s["kind"]) != FREE), key=lambda s: number(s["id"])):
        print_call(slot)


def print_node(node, seen):
    info = node["info"]
    where = address_of(chars(info["host"]), number(info["port"]))
    broker = number(info["node_id"])
    print("  %s %s%s" % ("bootstrap server" if broker < 0 else "broker %d" % broker, where,
                         ", failing: " + chars(node["failure"]["message"])
                         if number(node["failure"]["result"]) else ""))
    links = node["links"]
    for lane in range(links.type.range()[1] + 1):
        link = links[lane]
        if pointer(link) == 0 or pointer(link["connection"]) == 0:
            continue
        seen.add(pointer(link["connection"]))
        print_connection(link["connection"].dereference(), "    ")


def print_client(client, seen):
    settings = client["config"]["settings"]
    metadata = client["metadata"]
    print("client %#x '%s' of cluster '%s'%s" % (
        pointer(client), text(settings["client_id"]), chars(metadata["cluster_id"]),
        ", shut down" if bool(client["pool"]["closed"]) else ""))
    for group in ("brokers", "seeds"):
        nodes = client["pool"][group]
        for index in range(number(nodes["count"])):
            print_node(nodes["items"][index].dereference(), seen)
    link = client["pool"]["leaving"]
    while pointer(link):
        if pointer(link["connection"]):
            seen.add(pointer(link["connection"]))
            print_connection(link["connection"].dereference(), "  leaving: ")
        link = link["next"]


def frames(thread):
    thread.switch()
    frame = gdb.newest_frame()
    while frame is not None:
        yield frame
        try:
            frame = frame.older()
        except gdb.error:
            return


def values(frame):
    """The arguments and variables of a function that are there."""
    try:
        block = frame.block()
    except RuntimeError:
        return
    while block is not None:
        for symbol in block:
            if not (symbol.is_argument or symbol.is_variable):
                continue
            try:
                value = symbol.value(frame)
                if not value.is_optimized_out:
                    yield value
            except (gdb.error, TypeError):
                continue
        if block.function is not None:
            return
        block = block.superblock


def client_of_pool(pool):
    kind = gdb.lookup_type("struct kwire_client")
    offset = next(field.bitpos // 8 for field in kind.fields() if field.name == "pool")
    return gdb.Value(pool - offset).cast(kind.pointer())


def find():
    """Clients and connections, by address."""
    found = {"kwire_client": {}, "kwire_connection": {}}
    before = gdb.selected_thread()
    for thread in gdb.selected_inferior().threads():
        for frame in frames(thread):
            for value in values(frame):
                kind = value.type.strip_typedefs()
                if kind.code != gdb.TYPE_CODE_PTR:
                    continue
                name = kind.target().unqualified().name
                try:
                    if name in found and pointer(value):
                        value.dereference()["config"]["memory"].fetch_lazy()
                        found[name][pointer(value)] = value
                    elif name == "kw_pool" and pointer(value):
                        client = client_of_pool(pointer(value))
                        found["kwire_client"][pointer(client)] = client
                except gdb.error:
                    continue
    if before is not None:
        before.switch()
    links = gdb.lookup_type("struct kw_link").pointer()
    for connection in list(found["kwire_connection"].values()):
        try:
            context = connection["events"]["context"]
            ready = str(connection["events"]["ready"])
            if pointer(context) and "on_ready" in ready:
                client = client_of_pool(pointer(context.cast(links)["pool"]))
                found["kwire_client"][pointer(client)] = client
        except gdb.error:
            continue
    return found


class Kwire(gdb.Command):
    """kwire: every client and connection of kwire that a thread knows of.
kwire client EXPR, kwire connection EXPR: one of them."""

    def __init__(self):
        super().__init__("kwire", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        words = argument.split(None, 1)
        seen = set()
        if len(words) == 2 and words[0] == "client":
            print_client(gdb.parse_and_eval(words[1]), seen)
        elif len(words) == 2 and words[0] == "connection":
            print_connection(gdb.parse_and_eval(words[1]).dereference())
        elif words:
            raise gdb.GdbError("kwire, kwire client EXPR or kwire connection EXPR")
        else:
            self.all(seen)

    @staticmethod
    def all(seen):
        try:
            found = find()
        except gdb.error as error:
            raise gdb.GdbError("kwire: %s (was it built with -g?)" % error)
        for address in sorted(found["kwire_client"]):
            print_client(found["kwire_client"][address], seen)
        for address in sorted(found["kwire_connection"]):
            if address not in seen:
                print_connection(found["kwire_connection"][address].dereference())
        if not found["kwire_client"] and not found["kwire_connection"]:
            print("no thread knows of a client or connection of kwire")


Kwire()
