#!/usr/bin/env python3
"""Checks the vectors of HardLight against a second reading of SPEC.md.

    python3 spec-vectors/check.py [--verbose] [file ...]

Everything here was written from SPEC.md and PORTING.md alone; it shares no code with the reference implementation.
It is an example for those who port the protocol: its parts are named after the sections of SPEC.md, and each function
names the section that it is about. It is meant to be read, so it is simple where it could be fast.

What is read from bytes is refused by raising Refused, with the name that SPEC.md gives to the error. What is wrong with
the vectors themselves, or not known here, raises BadCase.

Python 3.11 or later, and nothing besides its standard library. The exit code is 0 if every case passes, else 1.
"""

from __future__ import annotations

import argparse
import json
import re
import struct
import sys
import unicodedata
import zlib
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

# Payloads have at most 63 levels, but on each there may be tuples in tuples, as deep as a description may be.
sys.setrecursionlimit(20_000)


class Refused(Exception):
    """Input that must be refused. `name` is that of the error or the limit in SPEC.md (12.7, 17, 18.2 and 21.10)."""

    def __init__(self, name: str, code: int = 4000):
        super().__init__(f"{name} ({code})")
        self.name = name
        self.code = code


class BadCase(Exception):
    """A case that is wrong in itself, or holds what this program does not know."""

# ======================================================================================================================
# Section 2: conventions
# ======================================================================================================================


class Reader:
    """2.1 and 2.2: reads fields from front to back. What surrounds a field is a Reader of its own."""

    def __init__(self, data: bytes):
        self.data = data
        self.at = 0

    def more(self) -> bool:
        return self.at < len(self.data)

    def bytes(self, count: int) -> bytes:
        if count > len(self.data) - self.at:
            raise Refused("truncated")
        self.at += count
        return self.data[self.at - count : self.at]

    def rest(self) -> bytes:
        return self.bytes(len(self.data) - self.at)

    def u8(self) -> int:
        return self.bytes(1)[0]

    def u64(self) -> int:
        return int.from_bytes(self.bytes(8), "little")

    def varint(self, limit: int = 1 << 64) -> int:
        """2.1: LEB128 in its shortest form, below `limit`."""
        value = 0
        for place in range(10):
            byte = self.u8()
            value |= (byte & 0x7F) << (7 * place)
            if byte < 0x80:
                if (byte == 0 and place > 0) or value >= limit:
                    raise Refused("invalid-varint")
                return value
        raise Refused("invalid-varint")

    def varint32(self) -> int:
        return self.varint(1 << 32)

    def sect(self) -> bytes:
        return self.bytes(self.varint())

    def text(self) -> str:
        """2.3."""
        try:
            return self.sect().decode()
        except UnicodeDecodeError:
            raise Refused("invalid-utf8") from None

    def done(self) -> None:
        if self.more():
            raise Refused("trailing-bytes")


def varint(value: int) -> bytes:
    """2.1."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def u64(value: int) -> bytes:
    return value.to_bytes(8, "little")


def sect(data: bytes | str) -> bytes:
    data = data.encode() if isinstance(data, str) else data
    return varint(len(data)) + data


# ======================================================================================================================
# Section 4: messages
# ======================================================================================================================

MAX_MESSAGE = 66_560
MAX_WHOLE_FRAME = 66_560
MAX_PIECE = 32_768
MAX_TRANSFERS = 16
FIRST_CREDIT = 65_536
MAX_EXTENSIONS = 4_096
MAX_TOPIC_NAME = 512
MAX_REASON = 123


def split_message(message: bytes):
    """4.1, 4.2: the bytes of the frames, one by one. Those before one that is refused count, so this is a generator."""
    if len(message) > MAX_MESSAGE:
        raise Refused("max_message_bytes", 4002)
    if not message:
        raise Refused("empty")
    if message[0] != 0:
        yield message
        return
    reader = Reader(message[1:])
    count = 0
    while reader.more() or count == 0:
        frame = reader.sect()
        if not frame:
            raise Refused("empty")
        if frame[0] == 0:
            raise Refused("invalid-batch")
        if count == 0 and not reader.more():
            raise Refused("invalid-batch")  # a batch of one
        count += 1
        yield frame


def read_close(message: bytes):
    """3.2: the code and the reason of a message that is a close, or None."""
    if message[:2] != b"\0\0":
        return None
    reader = Reader(message[2:])
    try:
        code = reader.varint(1 << 16)
    except Refused:
        return 1005, ""
    reason = reader.rest()
    try:
        return code, reason.decode() if len(reason) <= MAX_REASON else ""
    except UnicodeDecodeError:
        return code, ""


def write_close(code: int, reason: str) -> bytes:
    """3.2."""
    return b"\0\0" + varint(code) + reason.encode()


def join_message(frames: list[bytes]) -> bytes:
    """4.2: a message of these frames."""
    return frames[0] if len(frames) == 1 else b"\0" + b"".join(sect(frame) for frame in frames)


# ======================================================================================================================
# Section 5: frames
# ======================================================================================================================

FLAG_E = 0x40
FLAG_C = 0x80


@dataclass(frozen=True)
class Kind:
    """5.2: a row of the table of kinds."""

    number: int
    name: str
    sent_by: str  # "client", "server" or "both"
    flags: int
    fields: tuple[tuple[str, str], ...]


def kind(number: int, name: str, sent_by: str, flags: str, fields: str) -> Kind:
    """`fields` is written as in 5.2. Without a type it is the rest: `payload` and `operations` may be compressed."""
    bits = (FLAG_E if "E" in flags else 0) | (FLAG_C if "C" in flags else 0)
    return Kind(number, name, sent_by, bits, tuple(tuple((f + ":rest").split(":")[:2]) for f in fields.split()))


KINDS_OF_FRAMES = [
    kind(0x01, "HELLO", "both", "", ""),  # by hand: 6.2
    kind(0x02, "METHODS", "server", "", ""),  # by hand: 6.4
    kind(0x03, "CALL", "client", "EC", "id:u8 method:varint32 payload"),
    kind(0x04, "ANSWER", "server", "EC", "id:u8 payload"),
    kind(0x05, "ERROR", "server", "E", "id:u8 code:varint32"),
    kind(0x06, "CANCEL", "client", "", "id:u8"),
    kind(0x07, "SNAPSHOT", "server", "C", "revision:varint operations"),
    kind(0x08, "STATE", "server", "C", "revision:varint operations"),
    kind(0x09, "TOPIC", "server", "", "topic:varint next:varint start:u8 name"),
    kind(0x0A, "LEAVE", "server", "", "topic:varint"),
    kind(0x0B, "EVENT", "server", "EC", "topic:varint sequence:varint event:varint32 payload"),
    kind(0x0C, "GAP", "server", "", "topic:varint first:varint last:varint reason:varint32"),
    kind(0x0D, "BEGIN", "both", "", "transfer:varint length:varint piece"),
    kind(0x0E, "CHUNK", "both", "", "transfer:varint piece"),
    kind(0x0F, "CREDIT", "both", "", "transfer:varint bytes:varint"),
    kind(0x10, "ABORT", "both", "", "transfer:varint"),
    kind(0x11, "FEATURES", "server", "", ""),  # by hand: 14.1
    kind(0x12, "GOING_AWAY", "server", "", "grace:varint"),
    kind(0x13, "PING", "server", "", "token:varint"),
    kind(0x14, "PONG", "client", "", "token:varint"),
]
KIND_BY_NUMBER = {kind.number: kind for kind in KINDS_OF_FRAMES}
KIND_BY_NAME = {kind.name: kind for kind in KINDS_OF_FRAMES}
MAY_BE_COMPRESSED = ("payload", "operations")
STARTS = ["FRESH", "RESUMED", "RESTARTED"]  # 13.5


@dataclass
class Compressed:
    """Section 8: a payload with flag C."""

    length: int
    deflated: bytes


@dataclass
class Frame:
    """A frame: its name and its fields (5.2). Numbers are numbers, what has no type is bytes, or Compressed. A field can be
    had as `frame.topic`, but for the `name` of a TOPIC, which is `frame.fields["name"]`."""

    name: str
    fields: dict
    extensions: list[tuple[int, bytes]] = field(default_factory=list)

    def __getattr__(self, name: str):
        try:
            return self.__dict__["fields"][name]
        except KeyError:
            raise AttributeError(name) from None


def decode_frame(data: bytes, sender: str | None = None) -> Frame | None:
    """5.4: the kind, the flags, the body from front to back. None if the frame is to be ignored (5.3).

    `sender` is the end that sent it, for what only one end may say in a HELLO; None if that is not known."""
    reader = Reader(data)
    header = reader.u8()
    if header & 0x3F == 0:  # 5.3: with flags, for what has none is a batch
        raise Refused("invalid-batch")
    kind = KIND_BY_NUMBER.get(header & 0x3F)
    if kind is None:
        if header & 0x3F >= 0x20:
            return None
        raise Refused("unknown-frame")
    if header & 0xC0 & ~kind.flags:
        raise Refused("invalid-flags")
    if kind.name == "HELLO":
        return Frame("HELLO", read_hello(reader, sender))
    if kind.name == "METHODS":
        return Frame("METHODS", {"methods": read_methods(reader)})
    if kind.name == "FEATURES":
        return Frame("FEATURES", {"features": read_features(reader, "invalid-features")})
    frame = Frame(kind.name, {})
    for name, how in kind.fields:
        if how != "rest":
            frame.fields[name] = getattr(reader, how)()
            if name == "start" and frame.fields[name] >= len(STARTS):
                raise Refused("invalid-topic")
            continue
        if header & FLAG_E:
            frame.extensions = read_extensions(reader)
        if header & FLAG_C:
            frame.fields[name] = read_compressed(reader)
        else:
            frame.fields[name] = reader.rest()
    if header & FLAG_E and kind.name == "ERROR":  # the one with extensions and no payload
        frame.extensions = read_extensions(reader)
    reader.done()
    return frame


def encode_frame(frame: Frame) -> bytes:
    """5.1, 5.2."""
    kind = KIND_BY_NAME[frame.name]
    flags = FLAG_E if frame.extensions else 0
    body = b""
    if frame.name == "HELLO":
        body = write_hello(frame.fields)
    elif frame.name == "METHODS":
        body = b"".join(varint(method) + varint(code) for method, code in frame.methods)
    elif frame.name == "FEATURES":
        body = b"".join(sect(name) for name in frame.features)
    for name, how in kind.fields:
        value = frame.fields[name]
        if how == "u8":
            body += bytes([value])
        elif how != "rest":
            body += varint(value)
        else:
            body += write_extensions(frame.extensions)
            if isinstance(value, Compressed):
                flags |= FLAG_C
                body += varint(value.length) + value.deflated
            else:
                body += value
    if frame.name == "ERROR":
        body += write_extensions(frame.extensions)
    return bytes([flags | kind.number]) + body


# ======================================================================================================================
# Section 6: hello
# ======================================================================================================================

REVISION = 1
LEAST_MAX_FRAME_BYTES = 66_560
DEFLATE = 1
CAPABILITIES = {DEFLATE: "DEFLATE"}
UNKNOWN_METHOD, INCOMPATIBLE_METHOD = 3, 4
SECTIONS = {
    1: ("limits", "both"),
    2: ("capabilities", "both"),
    3: ("epoch", "server"),
    4: ("features", "server"),
    5: ("state", "server"),
    6: ("methods", "client"),
    7: ("events", "server"),
    8: ("resume", "client"),
}


def read_hello(reader: Reader, sender: str | None) -> dict:
    """6.2. What the HELLO does not say is not in the result, but for max_frame_bytes."""
    hello = {"revision": reader.varint32(), "max_frame_bytes": LEAST_MAX_FRAME_BYTES}
    if hello["revision"] != REVISION:
        reader.rest()  # it must not be looked at
        return hello
    last = 0  # tags ascend, and are not 0
    while reader.more():
        tag = reader.varint()
        body = Reader(reader.sect())
        if tag <= last or not body.more():
            raise Refused("invalid-hello")
        last = tag
        if tag not in SECTIONS:
            continue
        name, sent_by = SECTIONS[tag]
        if sent_by != "both":
            if sender not in (None, sent_by):
                raise Refused("invalid-hello")
            sender = sent_by  # if it was not known: no HELLO is from both
        if name == "limits":
            read_limits(body, hello, sender)
        elif name == "capabilities":
            read_capabilities(body, hello)
        elif name == "epoch":
            hello["epoch"] = body.u64()
        elif name == "features":
            hello["features"] = read_features(body, "invalid-hello")
        elif name == "state":
            hello["state"] = read_state_table(body)
        elif name == "resume":
            hello["resume"] = read_resume(body)
        else:
            hello[name] = []
            while body.more():
                hello[name].append((body.u64(), body.u64()))
        body.done()
    return hello


def read_limits(body: Reader, hello: dict, sender: str | None) -> None:
    last = -1
    while body.more():
        key = body.varint()
        value = body.varint()
        if key <= last:
            raise Refused("invalid-hello")
        last = key
        if key == 1:
            if value < LEAST_MAX_FRAME_BYTES:
                raise Refused("invalid-hello")
            hello["max_frame_bytes"] = value
        if key == 2:
            if value == 0 or sender == "client":
                raise Refused("invalid-hello")
            hello["heartbeat_interval"] = value


def read_capabilities(body: Reader, hello: dict) -> None:
    last, known = -1, []
    while body.more():
        capability = body.varint()
        if capability <= last:
            raise Refused("invalid-hello")
        last = capability
        if capability in CAPABILITIES:
            known.append(capability)
    if known:
        hello["capabilities"] = known


def read_state_table(body: Reader) -> list[dict]:
    fields, last = [], -1
    while body.more():
        index = body.varint32()
        entry = {"index": index, "fingerprint": body.u64(), "name": body.text(), "feature": body.text()}
        if index <= last or len(entry["feature"].encode()) > MAX_FEATURE_NAME:
            raise Refused("invalid-hello")
        last = index
        fields.append(entry)
    return fields


def read_resume(body: Reader) -> dict:
    resume, last = {"epoch": body.u64(), "topics": []}, None
    while body.more() or not resume["topics"]:
        if not body.more():
            raise Refused("invalid-hello")
        after = body.varint()
        name = body.sect()
        if len(name) > MAX_TOPIC_NAME or (last is not None and name <= last):
            raise Refused("invalid-hello")
        last = name
        resume["topics"].append((name, after))
    return resume


def write_hello(hello: dict) -> bytes:
    """6.2. What has its default is left out, and so is a section without a body."""
    limits = b""
    if hello["max_frame_bytes"] != LEAST_MAX_FRAME_BYTES:
        limits += varint(1) + varint(hello["max_frame_bytes"])
    if "heartbeat_interval" in hello:
        limits += varint(2) + varint(hello["heartbeat_interval"])
    resume = hello.get("resume")
    bodies = {
        1: limits,
        2: b"".join(varint(capability) for capability in hello.get("capabilities", [])),
        3: u64(hello["epoch"]) if "epoch" in hello else b"",
        4: b"".join(sect(name) for name in hello.get("features", [])),
        5: b"".join(
            varint(entry["index"]) + u64(entry["fingerprint"]) + sect(entry["name"]) + sect(entry["feature"])
            for entry in hello.get("state", [])
        ),
        6: b"".join(u64(name) + u64(fingerprint) for name, fingerprint in hello.get("methods", [])),
        7: b"".join(u64(name) + u64(fingerprint) for name, fingerprint in hello.get("events", [])),
        8: u64(resume["epoch"]) + b"".join(varint(n) + sect(name) for name, n in resume["topics"]) if resume else b"",
    }
    return varint(hello["revision"]) + b"".join(varint(tag) + sect(body) for tag, body in bodies.items() if body)


def read_methods(reader: Reader) -> list[tuple[int, int]]:
    """6.4."""
    entries: list[tuple[int, int]] = []
    while reader.more() or not entries:
        if not reader.more():
            raise Refused("invalid-methods")
        method, code = reader.varint32(), reader.varint32()
        if code not in (UNKNOWN_METHOD, INCOMPATIBLE_METHOD) or (entries and method <= entries[-1][0]):
            raise Refused("invalid-methods")
        entries.append((method, code))
    return entries


MAX_FEATURE_NAME = 64
MAX_FEATURES = 256


def read_features(reader: Reader, error: str) -> list[str]:
    """14.1: the names in a FEATURES frame or in a HELLO. UTF-8's order of bytes is the order of Python's texts."""
    names: list[str] = []
    while reader.more():
        name = reader.text()
        if not 1 <= len(name.encode()) <= MAX_FEATURE_NAME or (names and name <= names[-1]):
            raise Refused(error)
        names.append(name)
        if len(names) > MAX_FEATURES:
            raise Refused(error)
    return names


# ======================================================================================================================
# Section 7: extensions
# ======================================================================================================================

DEADLINE, TRACEPARENT, TRACESTATE, IDEMPOTENCY_KEY, RETRY_AFTER = 1, 2, 3, 4, 5
# The frame that an extension is for, and how long its body is; None for a varint.
EXTENSIONS = {
    DEADLINE: ("CALL", None),
    TRACEPARENT: ("CALL", 255),
    TRACESTATE: ("CALL", 512),
    IDEMPOTENCY_KEY: ("CALL", 64),
    RETRY_AFTER: ("ERROR", None),
}


def read_extensions(reader: Reader) -> list[tuple[int, bytes]]:
    """Section 7: all of them, those too that are to be skipped."""
    length = reader.varint()
    if not 1 <= length <= MAX_EXTENSIONS:
        raise Refused("invalid-extensions")
    block = Reader(reader.bytes(length))
    found, last = [], 0
    while block.more():
        tag = block.varint()
        if tag <= last:
            raise Refused("invalid-extensions")
        last = tag
        body = block.sect()
        if tag in EXTENSIONS:
            check_extension(body, EXTENSIONS[tag][1])  # on every frame, though it means something on one kind only
        found.append((tag, body))
    return found


def check_extension(body: bytes, most: int | None) -> None:
    if most is not None:
        if not 1 <= len(body) <= most:
            raise Refused("invalid-extensions")
        return
    try:
        reader = Reader(body)
        reader.varint()
        reader.done()
    except Refused:
        raise Refused("invalid-extensions") from None


def write_extensions(extensions: list[tuple[int, bytes]]) -> bytes:
    return sect(b"".join(varint(tag) + sect(body) for tag, body in extensions)) if extensions else b""


# ======================================================================================================================
# Section 8: compression
# ======================================================================================================================


def read_compressed(reader: Reader) -> Compressed:
    length = reader.varint()
    if length == 0:
        raise Refused("invalid-compression")
    return Compressed(length, reader.rest())


def inflate(payload: Compressed, max_frame_bytes: int) -> bytes:
    """Section 8: the plain payload. The length is compared first, and no more than one byte beyond it is inflated."""
    if payload.length > max_frame_bytes:
        raise Refused("max_frame_bytes", 4002)
    stream = zlib.decompressobj(-15)
    try:
        plain = stream.decompress(payload.deflated, payload.length + 1)
    except zlib.error:
        raise Refused("invalid-compression") from None
    if len(plain) != payload.length or not stream.eof or stream.unused_data:
        raise Refused("invalid-compression")
    return plain


# --- Frames as JSON (PORTING.md, "Frames") ----------------------------------------------------------------------------


MOST_HEX = 1 << 26  # bytes that one text in a vector may stand for


def hex_bytes(text: str) -> bytes:
    """Hex in which `(xx*N)` stands for N bytes xx."""
    out = bytearray()
    for match in re.finditer(r"([0-9a-f]{2})|\(([0-9a-f]{2})\*([0-9]{1,8})\)|(.)", text, re.DOTALL):
        if match[4]:
            raise BadCase(f"{text[:80]!r} is no hex")
        out += bytes.fromhex(match[1]) if match[1] else bytes.fromhex(match[2]) * int(match[3])
        if len(out) > MOST_HEX:
            raise BadCase("hex that stands for too much")
    return bytes(out)


def hash_hex(value: int) -> str:
    return f"{value:016x}"


def frame_to_json(frame: Frame) -> dict:
    result = {"frame": frame.name}
    if frame.extensions:
        result["extensions"] = [{"tag": str(tag), "body": body.hex()} for tag, body in frame.extensions]
    if frame.name == "HELLO":
        return result | hello_to_json(frame.fields)
    if frame.name == "METHODS":
        return result | {"methods": [{"method": method, "code": code} for method, code in frame.methods]}
    if frame.name == "FEATURES":
        return result | {"features": frame.features}
    for name, how in KIND_BY_NAME[frame.name].fields:
        value = frame.fields[name]
        if isinstance(value, Compressed):
            value = {"length": str(value.length), "deflated": value.deflated.hex()}
        elif how == "rest":
            value = value.hex()
        elif how == "varint":
            value = str(value)
        elif name == "start":
            value = STARTS[value]
        result[name] = value
    return result


def hello_to_json(hello: dict) -> dict:
    result = dict(hello)
    for name in ("max_frame_bytes", "heartbeat_interval", "epoch"):
        if name in hello:
            result[name] = str(hello[name])
    if "capabilities" in hello:
        result["capabilities"] = [CAPABILITIES[capability] for capability in hello["capabilities"]]
    for name in ("methods", "events"):
        if name in hello:
            result[name] = [{"name_hash": hash_hex(n), "fingerprint": hash_hex(f)} for n, f in hello[name]]
    if "state" in hello:
        result["state"] = [entry | {"fingerprint": hash_hex(entry["fingerprint"])} for entry in hello["state"]]
    if "resume" in hello:
        topics = [{"name": name.hex(), "next": str(n)} for name, n in hello["resume"]["topics"]]
        result["resume"] = {"epoch": str(hello["resume"]["epoch"]), "topics": topics}
    return result


def only(value: dict, *names: str) -> dict:
    """Fails if an object of a vector has a member that this program does not know, or lacks one."""
    if not isinstance(value, dict) or set(value) != set(names):
        raise BadCase(f"{short(value)}: expected the members {', '.join(names)}")
    return value


def frame_from_json(value: dict) -> Frame:
    kind = KIND_BY_NAME.get(value.get("frame"))
    if kind is None:
        raise BadCase(f"frame {value.get('frame')!r} is not known")
    value = {name: member for name, member in value.items() if name != "frame"}
    extensions = [(int(e["tag"]), hex_bytes(e["body"])) for e in value.pop("extensions", []) if only(e, "tag", "body")]
    if kind.name == "HELLO":
        return Frame(kind.name, hello_from_json(value))
    if kind.name == "METHODS":
        entries = only(value, "methods")["methods"]
        return Frame(kind.name, {"methods": [(e["method"], e["code"]) for e in entries if only(e, "method", "code")]})
    if kind.name == "FEATURES":
        return Frame(kind.name, {"features": only(value, "features")["features"]})
    only(value, *(name for name, _ in kind.fields))
    fields = {}
    for name, how in kind.fields:
        member = value[name]
        if isinstance(member, dict):
            only(member, "length", "deflated")
            member = Compressed(int(member["length"]), hex_bytes(member["deflated"]))
        elif how == "rest":
            member = hex_bytes(member)
        elif how == "varint":
            member = int(member)
        elif name == "start":
            member = STARTS.index(member)
        fields[name] = member
    return Frame(kind.name, fields, extensions)


def hello_from_json(value: dict) -> dict:
    known = {"revision", "max_frame_bytes", "heartbeat_interval"} | {name for name, _ in SECTIONS.values()}
    unknown = set(value) - (known - {"limits"})
    if unknown:
        raise BadCase(f"{unknown} is not known of a HELLO")
    hello = dict(value)
    for name in ("max_frame_bytes", "heartbeat_interval", "epoch"):
        if name in value:
            hello[name] = int(value[name])
    if "capabilities" in value:
        numbers = {name: number for number, name in CAPABILITIES.items()}
        hello["capabilities"] = [numbers[name] for name in value["capabilities"]]
    for name in ("methods", "events"):
        if name in value:
            entries = [only(entry, "name_hash", "fingerprint") for entry in value[name]]
            hello[name] = [(int(entry["name_hash"], 16), int(entry["fingerprint"], 16)) for entry in entries]
    if "state" in value:
        entries = [only(entry, "index", "fingerprint", "name", "feature") for entry in value["state"]]
        hello["state"] = [entry | {"fingerprint": int(entry["fingerprint"], 16)} for entry in entries]
    if "resume" in value:
        resume = only(value["resume"], "epoch", "topics")
        topics = [(hex_bytes(t["name"]), int(t["next"])) for t in resume["topics"] if only(t, "name", "next")]
        hello["resume"] = {"epoch": int(resume["epoch"]), "topics": topics}
    return hello


# ======================================================================================================================
# Section 12: state operations
# ======================================================================================================================

SET, PATCH, DEFAULT = 0, 1, 2  # 12.1
NONE, SOME, CHANGE_SOME = 0, 1, 2  # 12.3, of an option
SPLICE, CHANGE, INSERT = 0, 1, 2  # 12.4, of a list
PUT, REMOVE, CHANGE_VALUE = 0, 1, 2  # 12.5, of a map; a set has the first two
MAX_FIELDS = 1 << 32
# A service's own fields have lower indexes (SPEC.md, 11.3).
OWN_FIELDS = 4080
VALUES = (4095, "$values", "map<string,tuple<u64,vec<u8>>>")
INLINE_TEXT = 8  # 21.5


@dataclass(eq=False)
class StateField:
    """A field of a client's copy. The value and the default are in the value language of PORTING.md."""

    type: Type
    value: object
    default: object = None
    has_default: bool = False


def read_operations(data: bytes, places: int):
    """12.1, 12.3: the place, the kind and the body of each operation. Of what is wrong with a body only that of a DEFAULT
    is seen here."""
    reader, last = Reader(data), -1
    while reader.more():
        tag = reader.varint(min(places << 2, 1 << 64))
        place, kind = tag >> 2, tag & 3
        if kind > DEFAULT:
            raise Refused("kind")
        if place <= last:
            raise Refused("order")
        last = place
        body = reader.sect()
        if kind == DEFAULT and body:
            raise Refused("kind")
        yield place, kind, body


def leave_out(operations: bytes, fields: set[int]) -> bytes:
    """6.3: the operations without those on these fields. Malformed ones stay as they are, all of them: whoever applies
    them is to refuse them (12.1)."""
    try:
        return b"".join(
            varint(field << 2 | kind) + sect(body)
            for field, kind, body in read_operations(operations, MAX_FIELDS)
            if field not in fields
        )
    except Refused:
        return operations


def apply_operations(operations: bytes, fields: dict[int, StateField]) -> dict[int, object]:
    """12.1: the values of all fields after the operations. Nothing is changed in place, here and below, so a copy to which
    the operations do not apply stays as it was."""
    after = {index: field.value for index, field in fields.items()}
    try:
        for index, kind, body in read_operations(operations, MAX_FIELDS):
            if index in fields:
                after[index] = apply_to_field(fields[index], kind, body)
    except Refused as refused:
        raise Refused("invalid-state") from refused  # of what kind it was: 12.7
    return after


def apply_to_field(field: StateField, kind: int, body: bytes):
    if kind != DEFAULT:
        return apply_to_part(field.type, field.value, kind, body, 1)
    if not field.has_default:
        raise BadCase("the default of a field is not known")
    return field.default


def apply_to_part(t: Type, value, kind: int, body: bytes, level: int):
    """12.1, 12.3: SET and PATCH of a field or of a part."""
    if kind == SET:
        return read_archive(t, body, level)
    if kind == PATCH:
        return apply_patch(t, value, Reader(body), level)
    raise Refused("kind")


def is_leaf(t: Type) -> bool:
    """12.2."""
    while t.kind == "box":
        t = t.args[0]
    if t.kind == "struct":
        return not t.fields.types
    if t.kind == "enum":
        return not any(variant.fields.types for variant in t.variants)
    return t.kind in INTEGERS or t.kind in LAID_OUT or t.kind in ("f32", "f64", "bool", "char", "unit")


def apply_patch(t: Type, value, patch: Reader, level: int):
    """12.3: the value, which is on `level`, after a patch that takes the rest of `patch`.

    A patch goes no deeper than the value, which has at most 63 levels; what it puts in is checked by 12.6."""
    if is_leaf(t):
        raise Refused("leaf")
    if not patch.more():
        raise Refused("empty")
    if t.kind == "box":
        return apply_patch(t.args[0], value, patch, level + 1)
    if t.kind in ("string", "box<str>"):
        return patch_text(t, value, patch, level)
    if t.kind == "vec":
        return patch_list(t, value, patch, level)
    if t.kind == "map":
        return patch_map(t, value, patch, level)
    if t.kind == "set":
        return patch_set(t, value, patch, level)
    if t.kind == "option":
        return patch_option(t, value, patch, level)
    if t.kind in ("enum", "result"):
        return patch_variant(t, value, patch, level)
    fields = fields_of(t)
    return join_fields(fields, patch_fields(fields, split_fields(fields, value), patch, level))


def fields_of(t: Type) -> Fields:
    """12.3: the parts of a struct, a tuple or an array, by their place."""
    if t.kind == "struct":
        return t.fields
    if t.kind == "tuple":
        return Fields(None, t.args)
    if t.kind == "array":
        return Fields(None, t.args * t.length)
    raise BadCase(f"patches of the type {t.kind} are not known")


def patch_fields(fields: Fields, values: list, patch: Reader, level: int) -> list:
    """12.3: `1*( tag:varint body:sect )`."""
    if not patch.more():
        raise Refused("empty")
    after = list(values)
    for place, kind, body in read_operations(patch.rest(), 1 << 62):
        if place >= len(values):
            raise Refused("range")
        after[place] = apply_to_part(fields.types[place], values[place], kind, body, level)
    return after


def patch_variant(t: Type, value, patch: Reader, level: int):
    """12.3: enums and results."""
    variant, values = split_variant(t, value)
    if patch.varint() != variant.number:
        raise Refused("variant")
    return join_variant(t, variant, patch_fields(variant.fields, values, patch, level))


def patch_option(t: Type, value, patch: Reader, level: int):
    """12.3."""
    operation = patch.varint()
    if operation == SOME:
        return {"some": read_archive(t.args[0], patch.rest(), level)}
    if operation not in (NONE, CHANGE_SOME):
        raise Refused("kind")
    if value is None:
        raise Refused("absent")
    if operation == CHANGE_SOME:
        return {"some": apply_patch(t.args[0], value["some"], patch, level)}
    patch.done()
    return None


class Pass:
    """12.4: the one pass through a list or a text. What it is after the operations so far: `after`, then the rest of
    `before`, from `at` on."""

    def __init__(self, before, after):
        self.before = before
        self.at = 0
        self.after = after

    def go_to(self, place: int) -> None:
        """Everything is kept up to a place, which counts in what the operations before left."""
        if place < len(self.after):
            raise Refused("order")
        self.keep(place - len(self.after))

    def left(self, count: int) -> None:
        if count > len(self.before) - self.at:
            raise Refused("range")

    def keep(self, count: int) -> None:
        self.left(count)
        self.after += self.before[self.at : self.at + count]
        self.at += count

    def remove(self, count: int) -> None:
        self.left(count)
        self.at += count

    def done(self):
        self.keep(len(self.before) - self.at)
        return self.after


def patch_list(t: Type, value: list, patch: Reader, level: int) -> list:
    """12.4."""
    element, elements = t.args[0], Pass(value, [])
    while patch.more():
        operation = patch.varint()
        if operation > INSERT:
            raise Refused("kind")
        elements.go_to(patch.varint())
        if operation == SPLICE:
            elements.remove(patch.varint())
            elements.after += read_archive(t, patch.sect(), level)
        elif operation == INSERT:
            elements.after.append(read_archive(element, patch.sect(), level + 1))
        else:
            elements.left(1)
            kind = SET if is_leaf(element) else PATCH
            changed = apply_to_part(element, value[elements.at], kind, patch.sect(), level + 1)
            elements.after.append(changed)
            elements.remove(1)
    return elements.done()


def patch_text(t: Type, value: str, patch: Reader, level: int) -> str:
    """12.4, 12.6."""
    text = Pass(value.encode(), bytearray())
    while patch.more():
        text.go_to(patch.varint())
        check_character(text)
        text.remove(patch.varint())
        check_character(text)
        text.after += patch.text().encode()
    after = text.done()
    if t.kind == "string" and len(after) > INLINE_TEXT and level + 1 > MAX_LEVEL:
        raise Refused("depth")
    return after.decode()


def check_character(text: Pass) -> None:
    """12.4: what stands here is no byte from 0x80 to 0xbf, which are never a character's first."""
    if text.at < len(text.before) and text.before[text.at] & 0xC0 == 0x80:
        raise Refused("character")


class KeyedPass(Pass):
    """12.5: the one pass through a map or a set, by keys that ascend strictly."""

    def __init__(self, t: Type, value: list, level: int):
        super().__init__(value, [])
        self.type = t
        self.level = level
        self.orders = [order_of(t.args[0], entry[0] if t.kind == "map" else entry) for entry in value]
        self.last = None

    def go_to_key(self, data: bytes):
        """Everything is kept up to the key, which is read. Gives the key, and whether it is there."""
        key = read_archive(self.type.args[0], data, self.level + 1)
        order = order_of(self.type.args[0], key)
        if self.last is not None and not self.last < order:
            raise Refused("order")
        self.last = order
        while self.at < len(self.orders) and self.orders[self.at] < order:
            self.keep(1)
        return key, self.at < len(self.orders) and self.orders[self.at] == order


def patch_map(t: Type, value: list, patch: Reader, level: int) -> list:
    """12.5."""
    entries = KeyedPass(t, value, level)
    while patch.more():
        operation = patch.varint()
        if operation > CHANGE_VALUE:
            raise Refused("kind")
        key, there = entries.go_to_key(patch.sect())
        if operation == PUT:
            entries.after.append([key, read_archive(t.args[1], patch.sect(), level + 1)])
        elif not there:
            raise Refused("absent")
        elif operation == CHANGE_VALUE:
            changed = apply_patch(t.args[1], value[entries.at][1], Reader(patch.sect()), level + 1)
            entries.after.append([key, changed])
        if there:
            entries.remove(1)
    return entries.done()


def patch_set(t: Type, value: list, patch: Reader, level: int) -> list:
    """12.5."""
    elements = KeyedPass(t, value, level)
    while patch.more():
        operation = patch.varint()
        if operation > REMOVE:
            raise Refused("kind")
        key, there = elements.go_to_key(patch.sect())
        if operation == PUT and there:
            raise Refused("present")
        if operation == REMOVE and not there:
            raise Refused("absent")
        if there:
            elements.remove(1)
        else:
            elements.after.append(key)
    return elements.done()


# --- Writing (12.8) ---------------------------------------------------------------------------------------------------


def write_operations(fields: dict[int, StateField], after: dict[int, object]) -> bytes:
    """12.8: what makes `after` of the fields' values. Floats are texts of their bits here, so == compares them rightly."""
    return write_changes([(index, fields[index].type, fields[index].value, after[index]) for index in sorted(fields)])


def write_changes(parts: list[tuple[int, Type, object, object]]) -> bytes:
    """12.1, 12.3: an operation on each part that changes. A part is its place, its type, its value before and after."""
    out = b""
    for place, t, before, after in parts:
        if before != after:
            kind, body = write_change(t, before, after)
            out += varint(place << 2 | kind) + sect(body)
    return out


def write_change(t: Type, before, after) -> tuple[int, bytes]:
    """12.8: PATCH, unless it is longer than SET or there is none. Each level writes its archive anew: simple, not fast."""
    whole = write_archive(t, after)
    patch = write_patch(t, before, after)
    return (SET, whole) if patch is None or len(patch) > len(whole) else (PATCH, patch)


def write_patch(t: Type, before, after) -> bytes | None:
    """12.3: a patch for values that differ. None if there is none."""
    if is_leaf(t):
        return None
    if t.kind == "box":
        return write_patch(t.args[0], before, after)
    if t.kind in ("string", "box<str>"):
        return write_text_patch(before, after)
    if t.kind == "vec":
        return write_list_patch(t, before, after)
    if t.kind in ("map", "set"):
        return write_keyed_patch(t, before, after)
    if t.kind == "option":
        if after is None:
            return varint(NONE)
        if before is None:
            return varint(SOME) + write_archive(t.args[0], after["some"])
        kind, body = write_change(t.args[0], before["some"], after["some"])
        return varint(SOME if kind == SET else CHANGE_SOME) + body
    number, was, now = b"", before, after
    if t.kind in ("enum", "result"):
        (variant, was), (other, now) = split_variant(t, before), split_variant(t, after)
        if variant.number != other.number:
            return None
        number, fields = varint(variant.number), variant.fields
    else:
        fields = fields_of(t)
        was, now = split_fields(fields, before), split_fields(fields, after)
    return number + write_changes(list(zip(range(len(fields.types)), fields.types, was, now)))


def same_ends(before, after) -> tuple[int, int]:
    """How much is the same at the front, and how much of the rest at the back."""
    most = min(len(before), len(after))
    front = next((at for at in range(most) if before[at] != after[at]), most)
    most -= front
    back = next((at for at in range(most) if before[-1 - at] != after[-1 - at]), most)
    return front, back


def write_text_patch(before: str, after: str) -> bytes:
    """12.4: one splice, of whole characters."""
    front, back = same_ends(before, after)
    removed = before[front : len(before) - back].encode()
    put = after[front : len(after) - back].encode()
    return varint(len(before[:front].encode())) + varint(len(removed)) + sect(put)


def write_list_patch(t: Type, before: list, after: list) -> bytes:
    """12.4: between what is the same at both ends each element changes, if there are as many as before; else one splice."""
    front, back = same_ends(before, after)
    was, now = before[front : len(before) - back], after[front : len(after) - back]
    if len(was) == len(now):
        return b"".join(write_element(t, front + at, *pair) for at, pair in enumerate(zip(was, now)) if pair[0] != pair[1])
    if not was and len(now) == 1:
        return varint(INSERT) + varint(front) + sect(write_archive(t.args[0], now[0]))
    return varint(SPLICE) + varint(front) + varint(len(was)) + sect(write_archive(t, now))


def write_element(t: Type, index: int, before, after) -> bytes:
    """12.4: an element that changes as a whole is a splice of one, unless its type is a leaf."""
    kind, body = write_change(t.args[0], before, after)
    if kind == PATCH or is_leaf(t.args[0]):
        return varint(CHANGE) + varint(index) + sect(body)
    return varint(SPLICE) + varint(index) + varint(1) + sect(write_archive(t, [after]))


def write_keyed_patch(t: Type, before: list, after: list) -> bytes:
    """12.5: an operation on each key whose entry changes, in the order of the keys. Of a set the entries are the keys."""
    is_map = t.kind == "map"
    entries: dict[object, list] = {}
    for side, values in enumerate((before, after)):
        for entry in values:
            key = order_of(t.args[0], entry[0] if is_map else entry)
            entries.setdefault(key, [None, None])[side] = entry if is_map else [entry]
    out = b""
    for _, (was, now) in sorted(entries.items()):
        if was == now:
            continue
        key = sect(write_archive(t.args[0], (was or now)[0]))
        if now is None:
            out += varint(REMOVE) + key
            continue
        kind, body = SET, b""
        if is_map:
            kind, body = write_change(t.args[1], was[1], now[1]) if was else (SET, write_archive(t.args[1], now[1]))
        out += varint(CHANGE_VALUE if kind == PATCH else PUT) + key + (sect(body) if is_map else b"")
    return out


# ======================================================================================================================
# Section 9: transfers; sections 15 to 17: what both ends have in common
# ======================================================================================================================

KIB, MIB = 1 << 10, 1 << 20
SECOND = 1_000_000
HANDSHAKE_TIMEOUT = 10 * SECOND
CLOSE_TIMEOUT = 10 * SECOND
MISSED_INTERVALS = 3
MAX_CALLS = 256
DEFAULT_LIMITS = {  # section 17
    "max_frame_bytes": 4 * MIB,
    "max_topic_bytes": 4 * MIB,
    "max_state_bytes": 64 * MIB,
    "max_transfer_bytes": 8 * MIB,
    "max_input_bytes": 8 * MIB,
    "max_buffered_bytes": 1 * MIB,
    "max_queued_event_bytes": 1 * MIB,
    "heartbeat_interval": 20 * SECOND,
}
NORMAL, INCOMPATIBLE, HANDSHAKE_TIMED_OUT, INTERNAL_ERROR, HEARTBEAT_TIMED_OUT = 1000, 4001, 4003, 4004, 4006
# 9.6: what may come in pieces.
MAY_BE_LONG = {"client": ("CALL",), "server": ("ANSWER", "SNAPSHOT", "STATE", "EVENT")}
# 9.4: while one of these is on its way nothing that keeps its order may be sent, nor a transfer begun.
HOLDS_ORDER = ("SNAPSHOT", "STATE", "EVENT")
WORTH_COMPRESSING = KIB  # section 8
AHEAD, AHEAD_OF_ALL = 256 * KIB, MIB  # 9.2: how much is let come ahead of what has come


@dataclass(eq=False)
class Incoming:
    """A transfer that is taken in (9.2, 9.6)."""

    number: int
    length: int
    kind: str
    data: bytearray
    allowed: int = FIRST_CREDIT
    admitted: bool = False  # its length counts for max_transfer_bytes


@dataclass(eq=False)
class Outgoing:
    """A frame that is to be sent; once it is begun as a transfer, that."""

    frame: Frame
    data: bytes
    number: int = -1
    sent: int = 0
    allowed: int = FIRST_CREDIT


class End:
    """What a client and a server have in common. An input goes in by `handle`; then `sent` (frames), `events` and
    `closing` are what came out of it."""

    side = peer = ""

    def __init__(self, setup: dict):
        unknown = set(setup) - {"service", "limits", "compression", "partial_state", "epoch", "features", "snapshot", "resume"}
        unknown |= set(setup.get("limits", {})) - set(DEFAULT_LIMITS)
        if unknown:
            raise BadCase(f"{unknown} is not known of an end")
        self.methods = setup["service"]["methods"]
        self.state_fields = setup["service"]["state"]
        self.event_types = setup["service"]["events"]
        self.limits = dict(DEFAULT_LIMITS)
        for name, value in setup.get("limits", {}).items():
            self.limits[name] = None if value is None else int(value)
        self.can_compress = "compression" in setup
        self.compression = False  # agreed
        self.hello: dict | None = None  # the peer's
        self.phase = "new"  # then greeting, awaiting (only a client), open, draining, ended
        self.now = 0
        self.handshake_by: int | None = None
        self.close_by: int | None = None
        self.close_with = (NORMAL, "")
        # What came out of one input.
        self.sent: list[bytes] = []
        self.events: list[dict] = []
        self.closing: tuple[int, str] | None = None
        # The transport, and what waits for it: what never waits for other frames, what keeps its order, open transfers.
        self.ready = True
        self.urgent: deque[Outgoing] = deque()
        self.queue: deque[Outgoing] = deque()
        self.outgoing: list[Outgoing] = []
        self.next_outgoing = 0
        self.incoming: dict[int, Incoming] = {}
        self.next_incoming = 0
        # Heartbeats.
        self.interval: int | None = None
        self.interval_began: int | None = None
        self.heard = self.spoke = False
        self.missed = 0

    # --- Inputs ---

    def handle(self, at: int, given: dict) -> None:
        """One input, as PORTING.md lists them."""
        self.sent, self.events, self.closing = [], [], None
        what = next(iter(given)) if len(given) == 1 else "command"
        command = getattr(self, f"command_{given.get('command')}", None)
        if what not in given or what not in INPUTS or (what == "command") != (command is not None):
            raise BadCase(f"input {short(given)} is not known of a {self.side}")
        if self.phase == "ended":
            return
        try:
            INPUTS[what](self, at, given)
            if self.phase != "ended":
                self.go_on()
        except Refused as refused:  # 16.2
            self.end(refused.code, refused.name if refused.code == 4002 else None, refused.name)

    def input_start(self, at: int, given: dict) -> None:
        self.now = at
        self.phase = "greeting"
        self.handshake_by = at + HANDSHAKE_TIMEOUT
        self.start()

    def input_message(self, _at: int, given: dict) -> None:
        """4.2: frame by frame, so that those before one that is fatal count."""
        self.heard = True
        self.missed = 0
        for data in split_message(hex_bytes(given["message"])):
            frame = decode_frame(data, self.peer)
            if frame is not None:
                self.receive(frame)
            if self.phase == "ended":
                return

    def input_text(self, _at: int, _given: dict) -> None:
        raise Refused("text-message")

    def input_closed(self, _at: int, given: dict) -> None:
        only(given["closed"], "code", "reason")
        self.ended("closed there")

    def input_lost(self, _at: int, _given: dict) -> None:
        self.ended("lost")

    def input_transport(self, _at: int, given: dict) -> None:
        if given["transport"] not in ("full", "ready"):
            raise BadCase(f"transport {given['transport']!r} is not known")
        self.ready = given["transport"] == "ready"

    def input_time(self, at: int, _given: dict) -> None:
        self.now = at
        if self.close_by is not None and at >= self.close_by:
            self.finish()
        elif self.handshake_by is not None and at >= self.handshake_by:
            self.end(HANDSHAKE_TIMED_OUT, None, "handshake timeout")
        elif self.interval is not None and self.phase in ("open", "draining"):
            self.heartbeat()

    def input_command(self, _at: int, given: dict) -> None:
        command = getattr(self, f"command_{given['command']}")
        command({name: value for name, value in given.items() if name != "command"})

    # --- Ending (section 16) ---

    def tell(self, event: str, **members) -> None:
        self.events.append({"event": event, **members})

    def ended(self, why: str) -> None:
        self.phase = "ended"
        self.stop_calls()
        self.tell("closed", why=why)

    def end(self, code: int, reason: str | None, why: str) -> None:
        """16.1. A reason of None is for people; this program has none to give."""
        if self.phase != "ended":
            self.closing = (code, reason)
            self.ended(why)

    def finish(self) -> None:
        """The end of draining."""
        self.pump()
        self.end(*self.close_with, "closed here")

    # --- Heartbeats (section 15) ---

    def heartbeat(self) -> None:
        """What an end does at the end of an interval. Intervals count from the first time that is told (PORTING.md)."""
        if self.interval_began is None:
            self.interval_began = self.now
            self.heard = self.spoke = False
            return
        if self.now < self.interval_began + self.interval:
            return
        self.interval_began = self.now
        if not self.heard:
            self.missed += 1
            if self.missed >= MISSED_INTERVALS:
                self.end(HEARTBEAT_TIMED_OUT, None, "heartbeat timeout")
                return
        quiet = not self.heard or not self.spoke
        self.heard = self.spoke = False
        if quiet:
            self.interval_was_quiet()

    # --- Sending ---

    def say(self, frame: Frame) -> None:
        """Sends what never waits for the frames before it."""
        self.urgent.append(Outgoing(frame, encode_frame(frame)))

    def enqueue(self, frame: Frame) -> Outgoing:
        """Sends what keeps its order."""
        self.queue.append(Outgoing(frame, encode_frame(frame)))
        return self.queue[-1]

    def pump(self) -> None:
        """Sends what may be sent now: 9.3 and 9.4."""
        if not self.ready:
            return
        while self.urgent:
            self.transmit(self.urgent.popleft().data)
        moved = True
        while moved:
            moved = False
            while self.queue and self.may_send(self.queue[0]):
                item = self.queue.popleft()
                moved = True
                if len(item.data) <= MAX_WHOLE_FRAME:
                    self.transmit(item.data)
                    self.was_sent(item.frame)
                    continue
                item.number = self.next_outgoing
                self.next_outgoing += 1
                self.outgoing.append(item)
                self.send_piece(item)
            for item in list(self.outgoing):
                moved = self.send_piece(item) or moved

    def may_send(self, item: Outgoing) -> bool:
        """9.4, for what keeps its order: all that a server has in its queue."""
        if any(other.frame.name in HOLDS_ORDER for other in self.outgoing):
            return False
        return len(item.data) <= MAX_WHOLE_FRAME or len(self.outgoing) < MAX_TRANSFERS

    def send_piece(self, item: Outgoing) -> bool:
        """9.1, 9.2: the next piece, if there is credit for one."""
        piece = item.data[item.sent : min(item.allowed, item.sent + MAX_PIECE)]
        if not piece:
            return False
        if item.sent == 0:
            fields = {"transfer": item.number, "length": len(item.data), "piece": piece}
            self.transmit(encode_frame(Frame("BEGIN", fields)))
        else:
            self.transmit(encode_frame(Frame("CHUNK", {"transfer": item.number, "piece": piece})))
        item.sent += len(piece)
        if item.sent == len(item.data):
            self.outgoing.remove(item)
            self.was_sent(item.frame)
        return True

    def transmit(self, data: bytes) -> None:
        self.spoke = True
        self.sent.append(data)

    def give_up(self, name: str, call: int) -> bool:
        """9.5: takes back a CALL or ANSWER that was not sent as a whole."""
        for item in self.queue:
            if item.frame.name == name and item.frame.id == call:
                self.queue.remove(item)
                return True
        for item in self.outgoing:
            if item.frame.name == name and item.frame.id == call:
                self.outgoing.remove(item)
                self.say(Frame("ABORT", {"transfer": item.number}))
                return True
        return False

    def all_sent(self) -> bool:
        return not self.urgent and not self.queue and not self.outgoing

    def buffered(self) -> int:
        """The output that waits (max_buffered_bytes)."""
        waiting = sum(len(item.data) for item in (*self.urgent, *self.queue))
        return waiting + sum(len(item.data) - item.sent for item in self.outgoing)

    def compressed(self, payload: bytes):
        """Section 8: what is worth it and was agreed on."""
        if not self.compression or len(payload) < WORTH_COMPRESSING:
            return payload
        stream = zlib.compressobj(wbits=-15)
        deflated = stream.compress(payload) + stream.flush()
        return Compressed(len(payload), deflated) if len(deflated) < len(payload) else payload

    def too_long(self, frame: Frame) -> bool:
        """Whether the frame, in pieces or inflated, is more than the peer accepts. An end sends no more than it accepts
        itself, either; of the peer's limit it knows once it has read the HELLO."""
        plain = max((p.length for p in frame.fields.values() if isinstance(p, Compressed)), default=0)
        limits = [self.limits["max_frame_bytes"]] + ([self.hello["max_frame_bytes"]] if self.hello else [])
        return max(len(encode_frame(frame)), plain) > min(limits)

    # --- Receiving ---

    def receive(self, frame: Frame) -> None:
        """5.4: what a frame means at this point."""
        if KIND_BY_NAME[frame.name].sent_by not in ("both", self.peer) or not self.expects(frame.name):
            raise Refused("unexpected-frame")
        for value in frame.fields.values():
            if isinstance(value, Compressed):
                if not self.compression:
                    raise Refused("invalid-compression")
                if value.length > self.limits["max_frame_bytes"]:
                    raise Refused("max_frame_bytes", 4002)
        getattr(self, "on_" + frame.name)(frame)

    def plain(self, payload) -> bytes:
        if isinstance(payload, Compressed):
            return inflate(payload, self.limits["max_frame_bytes"])
        return payload

    def on_BEGIN(self, frame: Frame) -> None:
        """9.6."""
        if frame.transfer != self.next_incoming or len(self.incoming) >= MAX_TRANSFERS:
            raise Refused("invalid-transfer")
        if frame.length <= MAX_WHOLE_FRAME:
            raise Refused("invalid-transfer")
        if frame.length > self.limits["max_frame_bytes"]:
            raise Refused("max_frame_bytes", 4002)
        if not 1 <= len(frame.piece) <= MAX_PIECE:
            raise Refused("invalid-transfer")
        kind = KIND_BY_NUMBER.get(frame.piece[0] & 0x3F)
        if kind is None or kind.name not in MAY_BE_LONG[self.peer]:
            raise Refused("invalid-transfer")
        self.next_incoming += 1
        self.incoming[frame.transfer] = Incoming(frame.transfer, frame.length, kind.name, bytearray(frame.piece))

    def on_CHUNK(self, frame: Frame) -> None:
        """9.6. When the last byte has come the frame is handled as if it had arrived whole."""
        transfer = self.incoming.get(frame.transfer)
        if transfer is None or not 1 <= len(frame.piece) <= MAX_PIECE:
            raise Refused("invalid-transfer")
        come = len(transfer.data) + len(frame.piece)
        if come > transfer.length or come > transfer.allowed:
            raise Refused("invalid-transfer")
        transfer.data += frame.piece
        if come == transfer.length:
            del self.incoming[frame.transfer]
            self.receive(decode_frame(bytes(transfer.data), self.peer))

    def on_ABORT(self, frame: Frame) -> None:
        transfer = self.incoming.get(frame.transfer)
        if transfer is None or transfer.kind in HOLDS_ORDER:
            raise Refused("invalid-transfer")
        del self.incoming[frame.transfer]

    def on_CREDIT(self, frame: Frame) -> None:
        """9.2. Credit for a transfer that has ended is ignored."""
        if frame.bytes == 0 or frame.transfer >= self.next_outgoing:
            raise Refused("invalid-transfer")
        for item in self.outgoing:
            if item.number == frame.transfer:
                if item.allowed + frame.bytes > len(item.data):
                    raise Refused("invalid-transfer")
                item.allowed += frame.bytes

    def give_credit(self) -> None:
        """9.2: to the transfers whose turn it is, by max_transfer_bytes (17). One of them has its turn in any case."""
        taken = sum(transfer.length for transfer in self.incoming.values() if transfer.admitted)
        for transfer in self.incoming.values():
            if not transfer.admitted:
                if taken > 0 and taken + transfer.length > self.limits["max_transfer_bytes"]:
                    break
                transfer.admitted = True
                taken += transfer.length
        admitted = [transfer for transfer in self.incoming.values() if transfer.admitted]
        ahead = min(AHEAD, AHEAD_OF_ALL // max(len(admitted), 1))
        for transfer in admitted:
            if transfer.allowed - len(transfer.data) >= ahead // 2:
                continue
            most = min(transfer.length, len(transfer.data) + ahead)
            if most > transfer.allowed:
                self.say(Frame("CREDIT", {"transfer": transfer.number, "bytes": most - transfer.allowed}))
                transfer.allowed = most


INPUTS = {
    "start": End.input_start,
    "message": End.input_message,
    "text": End.input_text,
    "closed": End.input_closed,
    "lost": End.input_lost,
    "transport": End.input_transport,
    "time": End.input_time,
    "command": End.input_command,
}


def extensions_from_json(given: dict) -> list[tuple[int, bytes]]:
    return [(int(e["tag"]), hex_bytes(e["body"])) for e in given.get("extensions", []) if only(e, "tag", "body")]


def extensions_to_json(frame: Frame) -> dict:
    """What an event says of a frame's extensions: nothing if there are none."""
    if not frame.extensions:
        return {}
    return {"extensions": [{"tag": str(tag), "body": body.hex()} for tag, body in frame.extensions]}


def named(entries: list[dict]) -> list[tuple[int, int]]:
    """6.2, 6.3: a table of methods or of types of events."""
    return [(hash_text(entry["name"]), hash_text(entry["text"])) for entry in entries]


# ======================================================================================================================
# 19.1: the server, with what sections 6, 10, 11, 13, 14 and 16 ask of it
# ======================================================================================================================

CANCELLED, OUTPUT_TOO_LARGE, GOING_AWAY, MISSING_FEATURE, BUSY, DEADLINE_EXCEEDED = 1, 6, 8, 9, 10, 11  # 18.1
LAGGED, WITHHELD, EXPIRED, TOO_LONG = 1, 3, 4, 5  # 13.4
FRESH, RESUMED, RESTARTED = 0, 1, 2  # 13.5
LAST_SEQUENCE = (1 << 64) - 2  # 13.2


@dataclass(eq=False)
class ServerCall:
    """A call that the server has read and the application has not answered."""

    frame: Frame
    method: int  # its place in the server's own service
    input_bytes: int
    running: bool = False
    cancelled: bool = False


class Server(End):
    side, peer = "server", "client"

    def __init__(self, setup: dict):
        super().__init__(setup)
        self.epoch = int(setup["epoch"]) if "epoch" in setup else None
        self.features = sorted(setup.get("features", []), key=str.encode)
        self.snapshot = hex_bytes(setup.get("snapshot", ""))
        self.interval = self.limits["heartbeat_interval"]
        self.revision = 0
        self.table: list[tuple[int | None, int | None]] = []  # the client's: our method or None, the error or None
        self.calls: dict[int, ServerCall] = {}
        self.ids: set[int] = set()  # in use: until the answer is sent as a whole
        self.before_open: list[Frame] = []  # STATE, TOPIC ... that wait for the client's HELLO
        self.topics: dict[int, int] = {}  # what the client is subscribed to: the number of the next event
        self.asked: dict[bytes, int] = {}  # of RESUME, what was not used yet
        self.asked_epoch: int | None = None
        self.ping_token = 0

    def start(self) -> None:
        hello = {"revision": REVISION, "max_frame_bytes": self.limits["max_frame_bytes"]}
        if self.interval is not None:
            hello["heartbeat_interval"] = self.interval
        if self.can_compress:
            hello["capabilities"] = [DEFLATE]
        if self.epoch is not None:
            hello["epoch"] = self.epoch
        hello["features"] = self.features
        hello["state"] = [
            {
                "index": entry["index"],
                "fingerprint": hash_text(entry["type"]),
                "name": entry["name"],
                "feature": entry.get("feature", ""),
            }
            for entry in self.state_fields
        ]
        hello["events"] = named(self.event_types)
        snapshot = Frame("SNAPSHOT", {"revision": 0, "operations": self.snapshot})
        if self.too_long(snapshot):
            self.end(INTERNAL_ERROR, "", "internal error")
            return
        self.enqueue(Frame("HELLO", hello))
        self.enqueue(snapshot)

    def expects(self, frame: str) -> bool:
        return (frame == "HELLO") == (self.phase == "greeting")

    def on_HELLO(self, frame: Frame) -> None:
        """6.2, 6.4, 9.6."""
        self.hello = hello = frame.fields
        if hello["revision"] != REVISION:
            raise Refused("incompatible", INCOMPATIBLE)
        listed = hello.get("capabilities", [])
        if listed and not self.can_compress:
            raise Refused("invalid-hello")
        self.compression = DEFLATE in listed
        if self.too_long(Frame("SNAPSHOT", {"revision": 0, "operations": self.snapshot})):
            self.end(INTERNAL_ERROR, "", "internal error")
            return
        resume = hello.get("resume", {"epoch": None, "topics": []})
        self.asked_epoch, self.asked = resume["epoch"], dict(resume["topics"])
        ours = {name: (place, fingerprint) for place, (name, fingerprint) in enumerate(named(self.methods))}
        for name, fingerprint in hello.get("methods", []):
            place, our_fingerprint = ours.get(name, (None, None))
            if place is None:
                self.table.append((None, UNKNOWN_METHOD))
            else:
                self.table.append((place, None if fingerprint == our_fingerprint else INCOMPATIBLE_METHOD))
        missing = [(index, error) for index, (_, error) in enumerate(self.table) if error]
        if missing:
            self.say(Frame("METHODS", {"methods": missing}))
        self.phase = "open"
        self.handshake_by = None
        self.tell("open")
        for waiting in self.before_open:
            self.push(waiting)

    # --- Calls (section 10) ---

    def on_CALL(self, frame: Frame) -> None:
        if frame.id in self.ids:
            raise Refused("call-id-in-use")
        if frame.method >= len(self.table):
            raise Refused("no-such-method")
        self.ids.add(frame.id)
        place, error = self.table[frame.method]
        size = frame.payload.length if isinstance(frame.payload, Compressed) else len(frame.payload)
        if error is None:
            error = self.refusal(place, size, frame)
        if error is not None:
            self.answer_error(frame.id, error)
            return
        frame.fields["payload"] = self.plain(frame.payload)
        self.calls[frame.id] = ServerCall(frame, place, size)
        self.start_calls()  # 4.2: also if a frame behind it is fatal

    def refusal(self, place: int, size: int, frame: Frame) -> int | None:
        """Why a call is not run, if it is not: 14.2, 16.3, 17, 10.4."""
        if self.phase == "draining":
            return GOING_AWAY
        feature = self.methods[place].get("feature")
        if feature is not None and feature not in self.features:
            return MISSING_FEATURE
        if sum(call.input_bytes for call in self.calls.values()) + size > self.limits["max_input_bytes"]:
            return BUSY
        if (DEADLINE, varint(0)) in frame.extensions:
            return DEADLINE_EXCEEDED
        return None

    def answer_error(self, call: int, code: int, extensions: list | None = None) -> None:
        self.enqueue(Frame("ERROR", {"id": call, "code": code}, extensions or []))

    def start_calls(self) -> None:
        """19.1: calls wait, in order, while much output waits."""
        for call in self.calls.values():
            if not call.running:
                if self.buffered() > self.limits["max_buffered_bytes"]:
                    return
                call.running = True
                frame = call.frame
                payload = frame.payload.hex()
                self.tell("call", id=frame.id, method=call.method, payload=payload, **extensions_to_json(frame))

    def on_CANCEL(self, frame: Frame) -> None:
        """10.2, 9.5."""
        call = self.calls.get(frame.id)
        if call is None:
            if self.give_up("ANSWER", frame.id):
                self.answer_error(frame.id, CANCELLED)
        elif not call.running:
            del self.calls[frame.id]
            self.answer_error(frame.id, CANCELLED)
        elif not call.cancelled:
            call.cancelled = True
            self.tell("cancel", id=frame.id)

    def command_answer(self, given: dict) -> None:
        only(given, "id", "payload")
        if self.calls.pop(given["id"], None) is None:
            return
        frame = Frame("ANSWER", {"id": given["id"], "payload": self.compressed(hex_bytes(given["payload"]))})
        if self.too_long(frame):
            self.answer_error(given["id"], OUTPUT_TOO_LARGE)
        else:
            self.enqueue(frame)

    def command_fail(self, given: dict) -> None:
        only(given, "id", "code", *(["extensions"] if "extensions" in given else []))
        if self.calls.pop(given["id"], None) is not None:
            self.answer_error(given["id"], given["code"], extensions_from_json(given))

    def was_sent(self, frame: Frame) -> None:
        if frame.name in ("ANSWER", "ERROR"):
            self.ids.discard(frame.id)

    def stop_calls(self) -> None:
        """19.1: when the transport ends each call that runs is stopped. The application is told so by `closed` alone."""
        self.calls.clear()

    # --- State, events and features (sections 11, 13, 14) ---

    def push(self, frame: Frame) -> None:
        """Sends what is no answer, as soon as the client's HELLO is there."""
        if self.phase == "greeting":
            self.before_open.append(frame)
        elif frame.name == "TOPIC":
            self.announce(frame)
        elif frame.name == "LEAVE":
            self.topics.pop(frame.topic, None)
            self.enqueue(frame)
        elif frame.name == "EVENT":
            self.emit(frame)
        elif frame.name == "GAP":
            self.skip(frame)
        else:
            if frame.name == "STATE":
                frame.fields["operations"] = self.compressed(frame.operations)
            if self.too_long(frame):
                self.end(INTERNAL_ERROR, "", "internal error")
            else:
                self.enqueue(frame)

    def command_state(self, given: dict) -> None:
        operations = hex_bytes(only(given, "operations")["operations"])
        self.revision += 1
        self.push(Frame("STATE", {"revision": self.revision, "operations": operations}))

    def command_features(self, given: dict) -> None:
        self.features = sorted(only(given, "features")["features"], key=str.encode)
        self.push(Frame("FEATURES", {"features": self.features}))
        self.pump()
        for item in [item for item in self.queue if item.frame.name == "EVENT" and self.withholds(item.frame)]:
            self.drop_event(item, WITHHELD)
        for number, call in list(self.calls.items()):
            feature = self.methods[call.method].get("feature")
            if not call.running and feature is not None and feature not in self.features:
                del self.calls[number]
                self.answer_error(number, MISSING_FEATURE)

    def command_announce(self, given: dict) -> None:
        only(given, "topic", "name", "next")
        name = hex_bytes(given["name"])
        self.push(Frame("TOPIC", {"topic": int(given["topic"]), "next": int(given["next"]), "start": FRESH, "name": name}))

    def announce(self, frame: Frame) -> None:
        """13.5: whether the client asked for the topic, which it does once. What it missed of a topic that is resumed, and
        the application will not give, has expired."""
        first = frame.next  # the first event that the application will give
        asked = self.asked.pop(frame.fields["name"], None)
        if asked is not None:
            resumed = self.asked_epoch == self.epoch and asked <= first
            frame.fields["start"] = RESUMED if resumed else RESTARTED
            if resumed:
                frame.fields["next"] = asked
        self.enqueue(frame)
        self.topics[frame.topic] = first
        if frame.next < first:
            self.gap(frame.topic, frame.next, first - 1, EXPIRED)

    def command_leave(self, given: dict) -> None:
        self.push(Frame("LEAVE", {"topic": int(only(given, "topic")["topic"])}))

    def command_emit(self, given: dict) -> None:
        only(given, "topic", "sequence", "event", "payload")
        fields = {"topic": int(given["topic"]), "sequence": int(given["sequence"]), "event": given["event"]}
        self.push(Frame("EVENT", fields | {"payload": hex_bytes(given["payload"])}))

    def command_skip(self, given: dict) -> None:
        only(given, "topic", "last", "reason")
        topic, last = int(given["topic"]), int(given["last"])
        self.push(Frame("GAP", {"topic": topic, "first": 0, "last": last, "reason": given["reason"]}))  # first: see skip

    def next_of(self, topic: int) -> int:
        if topic not in self.topics:
            raise BadCase(f"the client is not subscribed to topic {topic}")
        return self.topics[topic]

    def skip(self, frame: Frame) -> None:
        """13.4. What was sent or covered already needs no GAP."""
        first = self.next_of(frame.topic)
        if frame.last >= first:
            self.topics[frame.topic] = frame.last + 1
            self.gap(frame.topic, first, frame.last, frame.reason)

    def emit(self, frame: Frame) -> None:
        """13.2, 13.4."""
        if frame.sequence != self.next_of(frame.topic):
            raise BadCase("an event that is not the next of its topic")
        self.topics[frame.topic] += 1
        if self.withholds(frame):
            self.gap(frame.topic, frame.sequence, frame.sequence, WITHHELD)
            return
        frame.fields["payload"] = self.compressed(frame.payload)
        if self.too_long(frame):
            self.gap(frame.topic, frame.sequence, frame.sequence, TOO_LONG)
        else:
            self.enqueue(frame)
            self.drop_events()

    def withholds(self, frame: Frame) -> bool:
        """14.2: the event's type needs a feature that is not there."""
        feature = self.event_types[frame.event].get("feature")
        return feature is not None and feature not in self.features

    def gap(self, topic: int, first: int, last: int, reason: int) -> None:
        self.enqueue(Frame("GAP", {"topic": topic, "first": first, "last": last, "reason": reason}))

    def drop_events(self) -> None:
        """17: events that wait beyond max_queued_event_bytes are dropped, the oldest first, and covered by a GAP."""
        self.pump()
        waiting = [item for item in self.queue if item.frame.name == "EVENT"]
        size = sum(len(item.data) for item in waiting)
        for item in waiting:
            if size <= self.limits["max_queued_event_bytes"]:
                return
            size -= len(item.data)
            self.drop_event(item)

    def drop_event(self, item: Outgoing, reason: int = LAGGED) -> None:
        """The event is covered by the GAP just before it on its topic, if one waits there, else by one in its place."""
        topic, sequence = item.frame.topic, item.frame.sequence
        place = self.queue.index(item)
        for before in range(place - 1, -1, -1):
            other = self.queue[before].frame
            if other.name == "GAP" and other.topic == topic and other.last == sequence - 1:
                other.fields |= {"last": sequence, "reason": min(other.reason, reason)}
                self.queue[before].data = encode_frame(other)
                del self.queue[place]
                return
        item.frame = Frame("GAP", {"topic": topic, "first": sequence, "last": sequence, "reason": reason})
        item.data = encode_frame(item.frame)

    # --- Heartbeats and ending (sections 15, 16) ---

    def interval_was_quiet(self) -> None:
        self.say(Frame("PING", {"token": self.ping_token}))
        self.ping_token += 1

    def on_PONG(self, frame: Frame) -> None:
        pass

    def at_rest(self) -> bool:
        return not self.calls and not self.incoming and self.all_sent()

    def command_close(self, given: dict) -> None:
        """16.3."""
        only(given, "code", "reason")
        if self.phase == "draining":
            return
        self.close_with = (given["code"], given["reason"])
        self.pump()
        if self.phase == "greeting" or self.at_rest():
            self.finish()
            return
        self.phase = "draining"
        self.close_by = self.now + CLOSE_TIMEOUT
        self.say(Frame("GOING_AWAY", {"grace": CLOSE_TIMEOUT}))
        for call in list(self.calls.values()):
            if not call.running:
                del self.calls[call.frame.id]
                self.answer_error(call.frame.id, GOING_AWAY)

    def command_abort(self, given: dict) -> None:
        only(given, "code", "reason")
        self.end(given["code"], given["reason"], "closed here")

    def go_on(self) -> None:
        """What follows every input."""
        self.pump()
        self.start_calls()
        if self.buffered() <= self.limits["max_buffered_bytes"]:
            self.give_credit()
        self.pump()
        if self.phase == "draining" and self.at_rest():
            self.finish()


# ======================================================================================================================
# 19.2: the client, with what sections 6, 10, 11, 13, 14 and 16 ask of it
# ======================================================================================================================

BYTES_FOR_A_TOPIC = 512  # of max_topic_bytes, besides its name
BEFORE_OPEN = ("SNAPSHOT", "METHODS", "PING", "GOING_AWAY", "BEGIN", "CHUNK", "CREDIT", "ABORT")


@dataclass(eq=False)
class ClientCall:
    """A call that has no answer yet."""

    frame: Frame
    made: bool = False  # handed to the queue; else it waits for the SNAPSHOT
    sent: bool = False  # as a whole
    cancelled: bool = False


@dataclass
class ClientTopic:
    name: bytes
    next: int


class Client(End):
    side, peer = "client", "server"

    def __init__(self, setup: dict):
        super().__init__(setup)
        self.resume = setup.get("resume")
        if self.resume is not None:
            only(self.resume, "epoch", "topics")
        self.asked: dict[bytes, int] = {}
        self.partial_state = "partial_state" in setup
        self.revision = 0
        self.calls: dict[int, ClientCall] = {}
        self.method_errors: dict[int, int] | None = None  # of METHODS, once that is read
        self.event_places: list[int | None] = []  # for each type of the server's: ours, or None if it is skipped
        self.unfit_fields: set[int] = set()
        self.topics: dict[int, ClientTopic] = {}
        self.server_goes = False  # GOING_AWAY is read
        self.stopping = False  # the application has said so

    def start(self) -> None:
        pass

    def expects(self, frame: str) -> bool:
        """19.2."""
        if self.phase == "greeting":
            return frame == "HELLO"
        if self.phase == "awaiting":
            return frame in BEFORE_OPEN
        return frame not in ("HELLO", "SNAPSHOT")

    def on_HELLO(self, frame: Frame) -> None:
        """6.2, 6.3."""
        self.hello = hello = frame.fields
        if hello["revision"] != REVISION:
            raise Refused("incompatible", INCOMPATIBLE)
        self.unfit_fields = self.unfit(hello.get("state", []))
        if self.unfit_fields and not self.partial_state:
            raise Refused("incompatible", INCOMPATIBLE)
        self.interval = hello.get("heartbeat_interval")
        ours = {"revision": REVISION, "max_frame_bytes": self.limits["max_frame_bytes"]}
        self.compression = self.can_compress and DEFLATE in hello.get("capabilities", [])
        if self.compression:
            ours["capabilities"] = [DEFLATE]
        ours["methods"] = named(self.methods)
        if self.resume is not None:
            topics = [(hex_bytes(t["name"]), int(t["next"])) for t in self.resume["topics"] if only(t, "name", "next")]
            self.asked = dict(sorted(topics))
            ours["resume"] = {"epoch": int(self.resume["epoch"]), "topics": list(self.asked.items())}
        self.enqueue(Frame("HELLO", ours))
        self.phase = "awaiting"
        self.compare_events(hello.get("events", []))
        for entry in self.state_fields:
            if entry["index"] in self.unfit_fields:
                self.tell("mismatch", part="state field", name=entry["name"], why="incompatible")

    def compare_events(self, theirs: list[tuple[int, int]]) -> None:
        ours = {name: (place, fingerprint) for place, (name, fingerprint) in enumerate(named(self.event_types))}
        for name, fingerprint in theirs:
            place, our_fingerprint = ours.get(name, (None, None))
            if place is not None and fingerprint != our_fingerprint:
                self.tell("mismatch", part="event", name=self.event_types[place]["name"], why="incompatible")
                place = None
            self.event_places.append(place)

    def unfit(self, theirs: list[dict]) -> set[int]:
        """Fields of the state that the server has with another type or name."""
        ours = {entry["index"]: (entry["name"], hash_text(entry["type"])) for entry in self.state_fields}
        theirs = {entry["index"]: (entry["name"], entry["fingerprint"]) for entry in theirs}
        return {index for index in ours.keys() & theirs.keys() if ours[index] != theirs[index]}

    def on_METHODS(self, frame: Frame) -> None:
        """6.4."""
        if self.method_errors is not None:
            raise Refused("unexpected-frame")
        if frame.methods[-1][0] >= len(self.methods):
            raise Refused("invalid-methods")
        self.method_errors = dict(frame.methods)
        for method, code in frame.methods:
            why = "unknown" if code == UNKNOWN_METHOD else "incompatible"
            self.tell("mismatch", part="method", name=self.methods[method]["name"], why=why)

    # --- Calls (section 10) ---

    def command_call(self, given: dict) -> None:
        optional = [name for name in ("id", "refused", "extensions") if name in given]
        only(given, "method", "payload", *optional)
        payload = hex_bytes(given["payload"])
        call = next((number for number in range(MAX_CALLS) if number not in self.calls), None)
        fields = {"id": call or 0, "method": given["method"], "payload": payload}
        frame = Frame("CALL", fields, extensions_from_json(given))
        refused = self.refusal(frame, call)
        if refused is not None:
            expect("refused", refused, given.get("refused"))
            return
        expect("id", call, given.get("id"))
        self.calls[call] = ClientCall(frame)
        if self.phase == "open":
            self.make_call(self.calls[call])

    def refusal(self, frame: Frame, call: int | None) -> str | None:
        """Why a call is not made, if it is not."""
        if self.server_goes or self.stopping:
            return "going away"
        error = (self.method_errors or {}).get(frame.method)
        if error is not None:
            return "unknown method" if error == UNKNOWN_METHOD else "incompatible method"
        frame.fields["payload"] = self.compressed(frame.payload)
        if self.too_long(frame):
            return "input too large"
        return "too many calls in flight" if call is None else None

    def make_call(self, call: ClientCall) -> None:
        call.made = True
        if not isinstance(call.frame.payload, Compressed):
            call.frame.fields["payload"] = self.compressed(call.frame.payload)
        self.enqueue(call.frame)

    def was_sent(self, frame: Frame) -> None:
        if frame.name == "CALL":
            self.calls[frame.id].sent = True

    def command_cancel(self, given: dict) -> None:
        """9.5, 10.2: a call that was not sent as a whole was never made."""
        call = self.calls.get(only(given, "id")["id"])
        if call is None or call.cancelled:
            return
        if not call.made or (not call.sent and self.give_up("CALL", given["id"])):
            self.answered(given["id"], code=CANCELLED)
            return
        call.cancelled = True
        self.say(Frame("CANCEL", {"id": given["id"]}))

    def answered(self, call: int, **members) -> None:
        del self.calls[call]
        self.tell("answer", id=call, **members)

    def open_call(self, call: int) -> None:
        if call not in self.calls or not self.calls[call].sent:
            raise Refused("no-such-call")

    def on_ANSWER(self, frame: Frame) -> None:
        self.open_call(frame.id)
        self.answered(frame.id, payload=self.plain(frame.payload).hex(), **extensions_to_json(frame))

    def on_ERROR(self, frame: Frame) -> None:
        self.open_call(frame.id)
        self.answered(frame.id, code=frame.code, **extensions_to_json(frame))

    def stop_calls(self) -> None:
        """16.2: each open call has failed."""
        for call in sorted(self.calls):
            self.tell("unanswered", id=call)
        self.calls.clear()

    # --- State and features (sections 11, 12, 14) ---

    def operations(self, frame: Frame) -> str:
        """Those on fields that fit. To the end they are bytes, which it only looks into if it has to leave some out."""
        operations = self.plain(frame.operations)
        return (leave_out(operations, self.unfit_fields) if self.unfit_fields else operations).hex()

    def on_SNAPSHOT(self, frame: Frame) -> None:
        if frame.revision != 0:
            raise Refused("state-revision")
        operations = self.operations(frame)
        self.phase = "draining" if self.stopping else "open"
        self.handshake_by = None
        self.tell("open", operations=operations)
        for call in list(self.calls.values()):
            if not call.made:
                self.make_call(call)

    def on_STATE(self, frame: Frame) -> None:
        if frame.revision != self.revision + 1:
            raise Refused("state-revision")
        self.revision += 1
        self.tell("state", operations=self.operations(frame))

    def command_reject_state(self, given: dict) -> None:
        only(given)
        raise Refused("invalid-state")

    def command_reject_state_size(self, given: dict) -> None:
        """17: it is the application that has the copy, and measures it."""
        only(given)
        raise Refused("max_state_bytes", 4002)

    def on_FEATURES(self, _frame: Frame) -> None:
        self.tell("features")

    # --- Events (section 13) ---

    def on_TOPIC(self, frame: Frame) -> None:
        name = frame.fields["name"]
        if len(name) > MAX_TOPIC_NAME or frame.topic in self.topics:
            raise Refused("invalid-topic")
        if any(topic.name == name for topic in self.topics.values()):
            raise Refused("invalid-topic")
        asked = self.asked.pop(name, None)
        if frame.start != self.expected_start(asked, frame.next):
            raise Refused("invalid-topic")
        self.topics[frame.topic] = ClientTopic(name, frame.next)
        held = sum(len(topic.name) + BYTES_FOR_A_TOPIC for topic in self.topics.values())
        if held > self.limits["max_topic_bytes"]:
            raise Refused("max_topic_bytes", 4002)
        self.tell("subscribed", topic=name.hex(), start=STARTS[frame.start])

    def expected_start(self, asked: int | None, after: int) -> int | None:
        """13.5: what fits; None if nothing does."""
        if asked is None:
            return FRESH
        if int(self.resume["epoch"]) != self.hello.get("epoch") or asked > after:
            return RESTARTED
        return RESUMED if asked == after else None

    def topic(self, number: int) -> ClientTopic:
        if number not in self.topics:
            raise Refused("invalid-topic")
        return self.topics[number]

    def on_LEAVE(self, frame: Frame) -> None:
        topic = self.topic(frame.topic)
        del self.topics[frame.topic]
        self.tell("unsubscribed", topic=topic.name.hex())

    def on_EVENT(self, frame: Frame) -> None:
        """13.2, 13.3."""
        topic = self.topic(frame.topic)
        if frame.sequence != topic.next or frame.sequence > LAST_SEQUENCE:
            raise Refused("event-sequence")
        if frame.event >= len(self.event_places):
            raise Refused("no-such-event")
        topic.next += 1
        place = self.event_places[frame.event]
        if place is None:
            return
        self.tell(
            "event",
            topic=topic.name.hex(),
            sequence=str(frame.sequence),
            type=place,
            payload=self.plain(frame.payload).hex(),
            **extensions_to_json(frame),
        )

    def on_GAP(self, frame: Frame) -> None:
        topic = self.topic(frame.topic)
        if frame.first != topic.next or frame.last < frame.first or frame.last > LAST_SEQUENCE:
            raise Refused("event-sequence")
        topic.next = frame.last + 1
        self.tell("gap", topic=topic.name.hex(), first=str(frame.first), last=str(frame.last), reason=frame.reason)

    # --- Heartbeats and ending (sections 15, 16) ---

    def on_PING(self, frame: Frame) -> None:
        """Only the last of several needs an answer."""
        self.urgent = deque(item for item in self.urgent if item.frame.name != "PONG")
        self.say(Frame("PONG", {"token": frame.token}))

    def interval_was_quiet(self) -> None:
        pass  # it is the server's to ask

    def on_GOING_AWAY(self, frame: Frame) -> None:
        """16.3: calls that wait for the SNAPSHOT must not be made."""
        if self.server_goes:
            raise Refused("unexpected-frame")
        self.server_goes = True
        self.tell("going away", grace=str(frame.grace))
        for call in list(self.calls.values()):
            if not call.made:
                self.answered(call.frame.id, code=GOING_AWAY)

    def command_close(self, given: dict) -> None:
        """16.3: waits for the open calls."""
        only(given, "code", "reason")
        if self.stopping:
            return
        self.stopping = True
        self.close_with = (given["code"], given["reason"])
        self.close_by = self.now + CLOSE_TIMEOUT
        if self.phase == "open":
            self.phase = "draining"

    def command_abort(self, given: dict) -> None:
        only(given, "code", "reason")
        self.end(given["code"], given["reason"], "closed here")

    def go_on(self) -> None:
        """What follows every input."""
        self.give_credit()
        self.pump()
        if self.stopping and not self.calls:
            self.finish()


# ======================================================================================================================
# Section 20: fingerprints
# ======================================================================================================================

SIMPLE_TYPES = {
    "u8", "u16", "u32", "u64", "u128", "i8", "i16", "i32", "i64", "i128", "f32", "f64", "bool", "char", "unit", "string",
    "duration", "uuid", "ipv4", "ipv6", "ip", "socket",
}  # fmt: skip
# How many types each of these takes. `box<str>`, arrays and tuples are read by hand.
GENERIC_TYPES = {"box": 1, "option": 1, "result": 2, "vec": 1, "set": 1, "map": 2}
# A description comes from a program's own source, so these bounds are only against accidents.
MAX_DESCRIPTION_DEPTH = 400
MAX_VALUES_IN_A_TYPE = 1 << 20


@dataclass(eq=False)
class Fields:
    """The fields of a struct or a variant (20.1). Names are None if they are by place."""

    names: list[str] | None
    types: list[Type]


@dataclass(eq=False)
class Variant:
    """A variant of an enum (20.1). `number` is known in any case; `declared` says whether the text gives it."""

    name: str
    fields: Fields
    number: int
    declared: bool = False


@dataclass(eq=False)
class Type:
    """A type, as its description says it (20.1). One object is one declaration, so a recursive type is a cycle."""

    kind: str
    args: list[Type] = field(default_factory=list)
    name: str = ""
    length: int = 0
    fields: Fields = field(default_factory=lambda: Fields([], []))
    variants: list[Variant] = field(default_factory=list)
    layout: Layout | None = None
    in_layout: bool = False


NO_FIELDS = Fields([], [])


def fnv1a(data: bytes) -> int:
    """20.3: the hash of a description or of a name."""
    value = 0xCBF29CE484222325
    for byte in data:
        value = ((value ^ byte) * 0x100000001B3) % (1 << 64)
    return value


def hash_text(text: str) -> int:
    return fnv1a(text.encode())


class DescriptionReader:
    """20.1: reads a description. What is wrong with one is a mistake of whoever wrote it: a BadCase."""

    def __init__(self, text: str):
        self.text = text
        self.at = 0
        self.depth = 0
        self.declared: list[Type] = []  # struct or enum number N, finished or not

    def fail(self, why: str):
        raise BadCase(f"description {self.text[:80]!r}: {why} at {self.at}")

    def take(self, token: str) -> bool:
        if not self.text.startswith(token, self.at):
            return False
        self.at += len(token)
        return True

    def expect(self, token: str) -> None:
        if not self.take(token):
            self.fail(f"expected {token!r}")

    def done(self) -> None:
        if self.at != len(self.text):
            self.fail("something is left")

    def read_name(self) -> str:
        """A name in normalization form C. Python and Rust take the same letters for identifiers."""
        start = self.at
        while self.at < len(self.text) and ("_" + self.text[self.at]).isidentifier():
            self.at += 1
        name = self.text[start : self.at]
        if not name.isidentifier() or not unicodedata.is_normalized("NFC", name):
            self.at = start
            self.fail("expected a name")
        return name

    def read_number(self, most: int) -> int:
        match = re.compile("0|[1-9][0-9]*").match(self.text, self.at)
        if not match or len(match[0]) > 10 or int(match[0]) > most:
            self.fail(f"expected a number of at most {most}")
        self.at = match.end()
        return int(match[0])

    def read_types(self, least: int, most: int, end: str) -> list[Type]:
        types = [self.read_type()]
        while self.take(","):
            types.append(self.read_type())
        if not least <= len(types) <= most:
            self.fail("another number of types")
        self.expect(end)
        return types

    def read_type(self) -> Type:
        self.depth += 1
        if self.depth > MAX_DESCRIPTION_DEPTH:
            self.fail("nested too deeply")
        result = self.read_type_here()
        self.depth -= 1
        return result

    def read_type_here(self) -> Type:
        if self.take("#"):
            number = self.read_number(0xFFFFFFFF)
            if number >= len(self.declared):
                self.fail("a reference to a number that was not taken")
            return self.declared[number]
        if self.take("struct "):
            result = Type("struct", name=self.read_name())
            self.declared.append(result)  # taken with the name, before those within it
            result.fields = self.read_fields()
            return result
        if self.take("enum "):
            result = Type("enum", name=self.read_name())
            self.declared.append(result)
            self.expect("{")
            result.variants = self.read_variants()
            return result
        if self.take("box<str>"):
            return Type("box<str>")
        match = re.compile("[a-z][a-z0-9]*").match(self.text, self.at)
        kind = match[0] if match else ""
        self.at += len(kind)
        if kind in SIMPLE_TYPES:
            return Type(kind)
        if kind in GENERIC_TYPES:
            self.expect("<")
            return Type(kind, self.read_types(GENERIC_TYPES[kind], GENERIC_TYPES[kind], ">"))
        if kind == "tuple":
            self.expect("<")
            return Type(kind, self.read_types(1, 12, ">"))
        if kind == "array":
            self.expect("<")
            result = Type(kind, [self.read_type()])
            self.expect(",")
            result.length = self.read_number(0xFFFFFFFF)
            self.expect(">")
            return result
        self.fail("no type of this name")

    def read_fields(self) -> Fields:
        if self.take("("):
            return Fields(None, self.read_types(1, sys.maxsize, ")"))
        self.expect("{")
        names, types = [], []
        while not self.take("}"):
            if names:
                self.expect(",")
            names.append(self.read_name())
            self.expect(":")
            types.append(self.read_type())
        if len(set(names)) != len(names):
            self.fail("two fields of one name")
        return Fields(names, types)

    def read_variants(self) -> list[Variant]:
        variants: list[Variant] = []
        number = 0
        while True:
            name = self.read_name()
            fields = NO_FIELDS
            if self.text[self.at : self.at + 1] in ("{", "("):
                fields = self.read_fields()
                if not fields.types:
                    self.fail("a variant without fields is its name alone")
            declared = self.take("=")
            if declared:
                number = self.read_number(255)
            variants.append(Variant(name, fields, number, declared))
            number += 1
            if self.take("}"):
                break
            self.expect(",")
        numbers = [variant.number for variant in variants]
        if len(set(numbers)) != len(numbers) or max(numbers) > 255:
            self.fail("numbers of variants must differ and be at most 255")
        if len({variant.name for variant in variants}) != len(variants):
            self.fail("two variants of one name")
        return variants


@dataclass
class Described:
    """What a description in a vector may be: a type, a method or a type of event (20.1, 20.2)."""

    kind: str  # "type", "method" or "event"
    value: Type  # a type itself; of a method its input, of an event its fields, each a struct without a name
    output: Type | None = None


def read_description(text: str) -> Described:
    """20.2. The struct without a name takes no number."""
    reader = DescriptionReader(text)
    if text.startswith(("fn{", "fn(")):
        reader.expect("fn")
        result = Described("method", Type("struct", fields=reader.read_fields()))
        if result.value.fields.names is None:
            reader.fail("a method's arguments have names")
        reader.expect("->")
        result.output = reader.read_type()
    elif text.startswith(("event{", "event(")):
        reader.expect("event")
        result = Described("event", Type("struct", fields=reader.read_fields()))
    else:
        result = Described("type", reader.read_type())
    reader.done()
    return result


class DescriptionWriter:
    """20.1: writes a description of types that are known. A port makes its own types' texts in this way."""

    def __init__(self):
        self.numbers: dict[Type, int] = {}

    def type(self, t: Type) -> str:
        if t.kind in ("struct", "enum"):
            if t in self.numbers:
                return f"#{self.numbers[t]}"
            self.numbers[t] = len(self.numbers)
            if t.kind == "struct":
                return f"struct {t.name}{self.fields(t.fields)}"
            return f"enum {t.name}{{{','.join(self.variant(variant) for variant in t.variants)}}}"
        if t.kind == "array":
            return f"array<{self.type(t.args[0])},{t.length}>"
        if t.args:
            return f"{t.kind}<{','.join(self.type(arg) for arg in t.args)}>"
        return t.kind

    def fields(self, fields: Fields) -> str:
        if fields.names is None:
            return f"({','.join(self.type(t) for t in fields.types)})"
        return "{" + ",".join(f"{name}:{self.type(t)}" for name, t in zip(fields.names, fields.types)) + "}"

    def variant(self, variant: Variant) -> str:
        fields = self.fields(variant.fields) if variant.fields.types else ""
        return variant.name + fields + (f"={variant.number}" if variant.declared else "")


def write_description(described: Described) -> str:
    writer = DescriptionWriter()
    if described.kind == "type":
        return writer.type(described.value)
    fields = writer.fields(described.value.fields)
    return f"event{fields}" if described.kind == "event" else f"fn{fields}->{writer.type(described.output)}"


# ======================================================================================================================
# Section 21: payloads
# ======================================================================================================================

MAX_LEVEL = 63
MAX_PAYLOAD = 1 << 30
INTEGERS = {f"{sign}{bits}": (bits // 8, sign == "i") for sign in "ui" for bits in (8, 16, 32, 64, 128)}
# 21.9: what these are laid out as. Their names are in no description.
LAID_OUT_AS = {
    "duration": "struct Duration{seconds:u64,nanoseconds:u32}",
    "uuid": "array<u8,16>",
    "ipv4": "array<u8,4>",
    "ipv6": "array<u8,16>",
    "ip": "enum Ip{V4(ipv4),V6(ipv6)}",
    "socket": "enum Socket{V4(struct SocketV4{address:ipv4,port:u16}),"
    "V6(struct SocketV6{address:ipv6,port:u16,flow_info:u32,scope_id:u32})}",
}
LAID_OUT = {name: DescriptionReader(text).read_type() for name, text in LAID_OUT_AS.items()}


@dataclass(frozen=True)
class Layout:
    """21.1: what a type takes. `values` is how many values stand in an object of it, those that take no bytes too."""

    size: int
    align: int
    flat: bool
    values: int = 1


def round_up(position: int, align: int) -> int:
    return -(-position // align) * align


def variants_of(t: Type) -> list[Variant]:
    """21.4: options and results are enums."""
    if t.kind == "option":
        return [Variant("None", NO_FIELDS, 0), Variant("Some", Fields(None, t.args), 1)]
    if t.kind == "result":
        return [Variant("Ok", Fields(None, t.args[:1]), 0), Variant("Err", Fields(None, t.args[1:]), 1)]
    return t.variants


def element_of(t: Type) -> Type:
    """21.8: the elements of a list or a set, the entries of a map."""
    return Type("tuple", t.args) if t.kind == "map" else t.args[0]


def sequence_layout(types: list[Type], start: int = 0) -> tuple[Layout, list[int]]:
    """21.2: several fields side by side, behind `start` bytes; and where each of them stands."""
    at, align, flat, values, places = start, 1, True, 1, []
    for t in types:
        part = layout_of(t)
        at = round_up(at, part.align)
        places.append(at)
        at += part.size
        align = max(align, part.align)
        flat = flat and part.flat
        values += part.values
    return Layout(round_up(at, align), align, flat, values), places


def layout_of(t: Type) -> Layout:
    """21.1 to 21.9: size and alignment of a type."""
    if t.layout is None:
        if t.in_layout:
            raise BadCase("a type that holds itself, and not in a box or a list")
        t.in_layout = True
        t.layout = make_layout(t)
        t.in_layout = False
        if t.layout.values > MAX_VALUES_IN_A_TYPE:
            raise BadCase("a type that holds too many values")
    return t.layout


def make_layout(t: Type) -> Layout:
    if t.kind in INTEGERS:
        size = INTEGERS[t.kind][0]
        return Layout(size, size, True)
    if t.kind in ("f32", "char"):
        return Layout(4, 4, True)
    if t.kind == "f64":
        return Layout(8, 8, True)
    if t.kind == "bool":
        return Layout(1, 1, True)
    if t.kind == "unit":
        return Layout(0, 1, True)
    if t.kind == "box":
        return Layout(4, 4, False)
    if t.kind in ("string", "box<str>", "vec", "set", "map"):
        return Layout(8, 4, False)
    if t.kind in LAID_OUT:
        return layout_of(LAID_OUT[t.kind])
    if t.kind == "tuple":
        return sequence_layout(t.args)[0]
    if t.kind == "struct":
        return sequence_layout(t.fields.types)[0]
    if t.kind == "array":
        part = layout_of(t.args[0])
        return Layout(part.size * t.length, part.align, part.flat, part.values * t.length + 1)
    if t.kind in ("option", "result", "enum"):  # 21.7
        parts = [sequence_layout(variant.fields.types, 1)[0] for variant in variants_of(t)]
        align = max(part.align for part in parts)
        size = round_up(max(part.size for part in parts), align)
        return Layout(size, align, all(part.flat for part in parts), max(part.values for part in parts))
    raise BadCase(f"unknown type {t.kind}")


def types_within(t: Type) -> list[Type]:
    fields = [t.fields] + [variant.fields for variant in t.variants]
    return t.args + [part for some in fields for part in some.types]


def check_type(root: Type) -> None:
    """21.6: no elements that take no bytes. 21.8: no floats in keys. Each type is looked at once, however it refers."""
    seen, waiting = set(), [root]
    while waiting:
        t = waiting.pop()
        if t in seen:
            continue
        seen.add(t)
        waiting += types_within(t)
        layout_of(t)
        if t.kind in ("vec", "set", "map") and layout_of(element_of(t)).size == 0:
            raise Refused("zero-sized")
        if t.kind in ("set", "map"):
            keys, inside = [t.args[0]], set()
            while keys:
                key = keys.pop()
                if key.kind in ("f32", "f64"):
                    raise BadCase("a float in a key")
                if key not in inside:
                    inside.add(key)
                    keys += types_within(key)


def order_of(t: Type, value) -> object:
    """21.8: something that Python orders as the protocol orders `value`, a key in the value language of PORTING.md."""
    if t.kind in INTEGERS or t.kind == "bool":
        return int(value)
    if t.kind == "char":
        return ord(value)
    if t.kind == "unit":
        return ()
    if t.kind in ("string", "box<str>"):
        return value.encode()
    if t.kind in ("uuid", "ipv4", "ipv6"):
        return bytes_of_text(t.kind, value)
    if t.kind in LAID_OUT:
        return order_of(LAID_OUT[t.kind], value)
    if t.kind == "box":
        return order_of(t.args[0], value)
    if t.kind == "tuple":
        return tuple(order_of(part, item) for part, item in zip(t.args, value))
    if t.kind == "struct":
        return tuple(order_of(part, item) for part, item in zip(t.fields.types, split_fields(t.fields, value)))
    if t.kind in ("array", "vec", "set", "map"):
        element = element_of(t)
        return tuple(order_of(element, item) for item in value)
    variant, fields = split_variant(t, value)
    return (variant.number, *(order_of(part, item) for part, item in zip(variant.fields.types, fields)))


def check_keys(t: Type, values: list) -> None:
    """21.8: keys ascend strictly."""
    before = None
    for value in values:
        key = order_of(t.args[0], value[0] if t.kind == "map" else value)
        if before is not None and not before < key:
            raise Refused("keys")
        before = key


# --- The language of values (PORTING.md) ------------------------------------------------------------------------------


def text_of_bytes(kind: str, data: bytes) -> str:
    if kind == "ipv4":
        return ".".join(str(byte) for byte in data)
    digits = data.hex()
    if kind == "ipv6":
        return ":".join(digits[at : at + 4] for at in range(0, 32, 4))
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def bytes_of_text(kind: str, text) -> bytes:
    try:
        if kind == "ipv4":
            data = bytes(int(part) for part in text.split("."))
        else:
            data = bytes.fromhex(text.replace("-" if kind == "uuid" else ":", ""))
    except (ValueError, AttributeError):
        raise BadCase(f"{text!r} is no {kind}") from None
    if len(data) != layout_of(LAID_OUT[kind]).size or text_of_bytes(kind, data) != text:
        raise BadCase(f"{text!r} is no {kind}")
    return data


def join_fields(fields: Fields, values: list):
    return values if fields.names is None else dict(zip(fields.names, values))


def split_fields(fields: Fields, value) -> list:
    if fields.names is None:
        if not isinstance(value, list) or len(value) != len(fields.types):
            raise BadCase(f"expected {len(fields.types)} fields")
        return value
    if not isinstance(value, dict) or set(value) != set(fields.names):
        raise BadCase(f"expected the fields {fields.names}")
    return [value[name] for name in fields.names]


def join_variant(t: Type, variant: Variant, values: list):
    if t.kind == "option":
        return {"some": values[0]} if values else None
    if t.kind == "result":
        return {variant.name.lower(): values[0]}
    return {variant.name: join_fields(variant.fields, values)} if values else variant.name


def split_variant(t: Type, value) -> tuple[Variant, list]:
    for variant in variants_of(t):
        if t.kind in ("option", "result"):
            if value is None and variant.name == "None":
                return variant, []
            name = variant.name.lower()
            if isinstance(value, dict) and list(value) == [name]:
                return variant, [value[name]]
        elif not variant.fields.types:
            if value == variant.name:
                return variant, []
        elif isinstance(value, dict) and list(value) == [variant.name]:
            return variant, split_fields(variant.fields, value[variant.name])
    raise BadCase(f"{value!r} is no variant")


# --- Reading ----------------------------------------------------------------------------------------------------------


class PayloadReader:
    """21.10: checks a payload and makes its value, as it goes.

    `low` is where what was taken ends. What points to something gives the position of the object that it stands in,
    `high`: what it points to must stand before that."""

    def __init__(self, data: bytes):
        self.data = data
        self.low = 0
        self.keyed: list[tuple[Type, list]] = []  # maps and sets, for their keys are compared last

    def enter(self, at: int, size: int, align: int, high: int, level: int) -> None:
        """21.10, 1 to 3. Python's integers do not overflow."""
        if at < self.low or at + size > high:
            raise Refused("out-of-bounds")
        if at % align:
            raise Refused("misaligned")
        if level > MAX_LEVEL:
            raise Refused("too-deep")

    def object(self, t: Type, at: int, high: int, level: int):
        """21.10, 1 to 5, for one value of type `t`."""
        layout = layout_of(t)
        self.enter(at, layout.size, layout.align, high, level)
        value = self.value(t, at, at, level)
        self.low = at + layout.size
        return value

    def text(self, at: int, length: int, high: int, level: int) -> str:
        self.enter(at, length, 1, high, level)
        self.low = at + length
        return self.utf8(self.data[at : at + length])

    @staticmethod
    def utf8(data: bytes) -> str:
        try:
            return data.decode()
        except UnicodeDecodeError:
            raise Refused("utf-8") from None

    def integer(self, at: int, size: int, signed: bool = False) -> int:
        return int.from_bytes(self.data[at : at + size], "little", signed=signed)

    def sequence(self, types: list[Type], start: int, at: int, high: int, level: int) -> list:
        """21.2. All of it is within an object that was checked already."""
        places = sequence_layout(types, start)[1]
        return [self.value(t, at + place, high, level) for t, place in zip(types, places)]

    def value(self, t: Type, at: int, high: int, level: int):
        """The value of type `t` whose bytes are at `at`, within an object that is at `high` and on `level`."""
        kind = t.kind
        if kind in INTEGERS:
            size, signed = INTEGERS[kind]
            number = self.integer(at, size, signed)
            return str(number) if size > 4 else number
        if kind in ("f32", "f64"):
            size = layout_of(t).size
            return f"0x{self.integer(at, size):0{size * 2}x}"
        if kind == "bool":
            if self.data[at] > 1:
                raise Refused("bool")
            return self.data[at] == 1
        if kind == "char":
            scalar = self.integer(at, 4)
            if scalar >= 0x110000 or 0xD800 <= scalar <= 0xDFFF:
                raise Refused("char")
            return chr(scalar)
        if kind == "unit":
            return None
        if kind == "string":
            return self.string(at, high, level)
        if kind == "box<str>":
            return self.text(at + self.integer(at, 4, True), self.integer(at + 4, 4), high, level + 1)
        if kind == "box":
            return self.object(t.args[0], at + self.integer(at, 4, True), high, level + 1)
        if kind in ("vec", "set", "map"):
            return self.list(t, at, high, level)
        if kind in ("uuid", "ipv4", "ipv6"):
            return text_of_bytes(kind, self.data[at : at + layout_of(t).size])
        if kind in LAID_OUT:
            value = self.value(LAID_OUT[kind], at, high, level)
            if kind == "duration" and value["nanoseconds"] >= 10**9:
                raise Refused("duration")
            return value
        if kind == "array":
            size = layout_of(t.args[0]).size
            return [self.value(t.args[0], at + index * size, high, level) for index in range(t.length)]
        if kind == "tuple":
            return self.sequence(t.args, 0, at, high, level)
        if kind == "struct":
            return join_fields(t.fields, self.sequence(t.fields.types, 0, at, high, level))
        for variant in variants_of(t):  # 21.7
            if variant.number == self.data[at]:
                return join_variant(t, variant, self.sequence(variant.fields.types, 1, at, high, level))
        raise Refused("tag")

    def string(self, at: int, high: int, level: int) -> str:
        """21.5."""
        if self.data[at] & 0xC0 != 0x80:
            return self.utf8(self.data[at : at + 8].split(b"\xff")[0])
        word = self.integer(at, 4)
        length = (word & 0x3F) | ((word >> 8) << 6)
        if length <= 8:
            raise Refused("string-length")
        return self.text(at + self.integer(at + 4, 4, True), length, high, level + 1)

    def list(self, t: Type, at: int, high: int, level: int) -> list:
        """21.6: the object is all of the elements; nothing is made of them before it is known to be there."""
        element = element_of(t)
        layout = layout_of(element)
        start, length = at + self.integer(at, 4, True), self.integer(at + 4, 4)
        self.enter(start, length * layout.size, layout.align, high, level + 1)
        values = [self.value(element, start + index * layout.size, start, level + 1) for index in range(length)]
        self.low = start + length * layout.size
        if t.kind != "vec":
            self.keyed.append((t, values))
        return values


def read_payload(t: Type, data: bytes):
    """21.10: the value, or Refused."""
    check_type(t)
    return read_archive(t, data, 1)


def read_archive(t: Type, data: bytes, level: int):
    """21.10, 12.2, 12.6: the value, whose root is on `level`, or Refused. That the type was checked is the caller's."""
    layout = layout_of(t)
    if len(data) > MAX_PAYLOAD:
        raise Refused("out-of-bounds")
    if layout.flat and len(data) != layout.size:
        raise Refused("wrong-length")
    reader = PayloadReader(data)
    value = reader.object(t, len(data) - layout.size, len(data), level)
    for keyed, values in reader.keyed:
        check_keys(keyed, values)
    return value


# --- Writing ----------------------------------------------------------------------------------------------------------


class PayloadWriter:
    """21.12. `parts` writes what a value points to, and gives a function that makes the value's own bytes. That function
    is told where they will stand, for offsets count from there."""

    def __init__(self):
        self.out = bytearray()

    def pad(self, align: int) -> int:
        self.out += bytes(round_up(len(self.out), align) - len(self.out))
        return len(self.out)

    def write(self, t: Type, value, level: int) -> int:
        if level > MAX_LEVEL:
            raise Refused("too-deep")
        own = self.parts(t, value, level)
        at = self.pad(layout_of(t).align)
        self.out += own(at)
        return at

    def bytes(self, data: bytes, level: int) -> int:
        if level > MAX_LEVEL:
            raise Refused("too-deep")
        self.out += data
        return len(self.out) - len(data)

    def parts(self, t: Type, value, level: int):
        kind = t.kind
        if kind in ("string", "box<str>"):
            if not isinstance(value, str):
                raise BadCase(f"{value!r} is no text")
            data = value.encode()
            if kind == "string" and len(data) <= 8:
                return lambda at: data.ljust(8, b"\xff")
            start = self.bytes(data, level + 1)
            if kind == "box<str>":
                return lambda at: struct.pack("<iI", start - at, len(data))
            word = (len(data) & 0x3F) | 0x80 | ((len(data) >> 6) << 8)
            return lambda at: struct.pack("<Ii", word, start - at)
        if kind == "box":
            start = self.write(t.args[0], value, level + 1)
            return lambda at: struct.pack("<i", start - at)
        if kind in ("vec", "set", "map"):
            start, length = self.list(t, value, level + 1), len(value)
            return lambda at: struct.pack("<iI", start - at, length)
        if kind == "array":
            if not isinstance(value, list) or len(value) != t.length:
                raise BadCase(f"expected {t.length} elements")
            return self.sequence([t.args[0]] * t.length, value, level)
        if kind == "tuple":
            return self.sequence(t.args, split_fields(Fields(None, t.args), value), level)
        if kind == "struct":
            return self.sequence(t.fields.types, split_fields(t.fields, value), level)
        if kind in ("option", "result", "enum"):
            variant, fields = split_variant(t, value)
            own = self.sequence(variant.fields.types, fields, level, bytes([variant.number]))
            return lambda at: own(at).ljust(layout_of(t).size, b"\0")
        if kind in LAID_OUT and kind not in ("uuid", "ipv4", "ipv6"):
            return self.parts(LAID_OUT[kind], value, level)
        data = flat_bytes(t, value)
        return lambda at: data

    def sequence(self, types: list[Type], values: list, level: int, tag: bytes = b""):
        """21.2: the parts of each field in order; then the fields, with zeros between."""
        layout, places = sequence_layout(types, len(tag))
        owns = [self.parts(t, value, level) for t, value in zip(types, values)]

        def own(at: int) -> bytes:
            out = bytearray(tag)
            for place, part in zip(places, owns):
                out += bytes(place - len(out)) + part(at + place)
            return bytes(out) + bytes(layout.size - len(out))

        return own

    def list(self, t: Type, values, level: int) -> int:
        if not isinstance(values, list):
            raise BadCase(f"{values!r} is no list")
        if level > MAX_LEVEL:
            raise Refused("too-deep")
        element = element_of(t)
        if t.kind != "vec":
            check_keys(t, values)
        owns = [self.parts(element, value, level) for value in values]
        start = self.pad(layout_of(element).align)
        for own in owns:
            self.out += own(len(self.out))
        return start


def flat_bytes(t: Type, value) -> bytes:
    """21.3 and 21.9: the bytes of what points to nothing."""
    if t.kind in INTEGERS:
        size, signed = INTEGERS[t.kind]
        if type(value) is not (str if size > 4 else int) or str(int(value)) != str(value):
            raise BadCase(f"{value!r} is no {t.kind}")
        try:
            return int(value).to_bytes(size, "little", signed=signed)
        except OverflowError:
            raise BadCase(f"{value!r} is no {t.kind}") from None
    if t.kind in ("f32", "f64"):
        size = layout_of(t).size
        if not isinstance(value, str) or not re.fullmatch(f"0x[0-9a-f]{{{size * 2}}}", value):
            raise BadCase(f"{value!r} is no {t.kind}")
        return int(value, 16).to_bytes(size, "little")
    if t.kind == "bool" and isinstance(value, bool):
        return bytes([value])
    if t.kind == "char" and isinstance(value, str) and len(value) == 1 and not "\ud800" <= value <= "\udfff":
        return ord(value).to_bytes(4, "little")
    if t.kind == "unit" and value is None:
        return b""
    if t.kind in ("uuid", "ipv4", "ipv6"):
        return bytes_of_text(t.kind, value)
    raise BadCase(f"{value!r} is no {t.kind}")


def write_payload(t: Type, value) -> bytes:
    """21.12."""
    check_type(t)
    return write_archive(t, value)


def write_archive(t: Type, value) -> bytes:
    """21.12, 12.2. That the type was checked is the caller's, and so is the level on which the value will stand."""
    writer = PayloadWriter()
    writer.write(t, value, 1)
    return bytes(writer.out)


def payload_type(text: str, part: str | None) -> Type:
    """21.11: what is in a payload."""
    described = read_description(text)
    if (described.kind == "method") != (part is not None):
        raise BadCase("`part` is for methods, and they have one")
    return described.output if part == "output" else described.value


# ======================================================================================================================
# The files
# ======================================================================================================================

HERE = Path(__file__).resolve().parent
SPEC = HERE.parent / "SPEC.md"


def same_json(one, other) -> bool:
    """Python takes 1, 1.0 and True for equal; JSON does not."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def short(value) -> str:
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)
    return text if len(text) <= 600 else f"{text[:400]}... ({len(text)} characters)"


def expect(what: str, actual, expected) -> None:
    if not same_json(actual, expected):
        raise BadCase(f"{what}:\n      is       {short(actual)}\n      expected {short(expected)}")


class Schema:
    """The part of JSON Schema (draft 2020-12) that the files in schema/ use. It fails on any other keyword."""

    PASSED_OVER = {"$schema", "$defs", "title", "description", "then", "else"}

    def __init__(self, path: Path):
        self.root = json.loads(path.read_text(encoding="utf-8"))

    def problems(self, value, schema=None, where: str = "") -> list[str]:
        schema = self.root if schema is None else schema
        found = []
        for keyword, rule in schema.items():
            if keyword in self.PASSED_OVER:
                continue
            check = getattr(self, "check_" + keyword.lstrip("$"), None)
            if check is None:
                raise BadCase(f"schema keyword {keyword!r} is not known")
            found += check(rule, value, where, schema)
        return found

    def fits(self, value, schema) -> bool:
        return not self.problems(value, schema)

    def check_ref(self, rule, value, where, _schema):
        target = self.root
        for part in rule.removeprefix("#/").split("/"):
            target = target[part]
        return self.problems(value, target, where)

    def check_type(self, rule, value, where, _schema):
        number = isinstance(value, int) and not isinstance(value, bool)
        fits = {
            "object": isinstance(value, dict),
            "array": isinstance(value, list),
            "string": isinstance(value, str),
            "boolean": isinstance(value, bool),
            "integer": number,
        }[rule]
        return [] if fits else [f"{where}: is no {rule}"]

    def check_properties(self, rule, value, where, _schema):
        if not isinstance(value, dict):
            return []
        return [p for name in rule if name in value for p in self.problems(value[name], rule[name], f"{where}/{name}")]

    def check_additionalProperties(self, rule, value, where, schema):
        if rule is not False:
            raise BadCase("additionalProperties is only known as false")
        known = schema.get("properties", {})
        return [f"{where}: {name} is not known" for name in value if name not in known] if isinstance(value, dict) else []

    def check_required(self, rule, value, where, _schema):
        return [f"{where}: {name} is missing" for name in rule if isinstance(value, dict) and name not in value]

    def check_items(self, rule, value, where, _schema):
        if not isinstance(value, list):
            return []
        return [p for index, item in enumerate(value) for p in self.problems(item, rule, f"{where}/{index}")]

    def check_minItems(self, rule, value, where, _schema):
        return [f"{where}: too few"] if isinstance(value, list) and len(value) < rule else []

    def check_uniqueItems(self, _rule, value, where, _schema):
        if not isinstance(value, list):
            return []
        texts = [json.dumps(item, sort_keys=True) for item in value]
        return [f"{where}: not unique"] if len(set(texts)) != len(texts) else []

    def check_minLength(self, rule, value, where, _schema):
        return [f"{where}: too short"] if isinstance(value, str) and len(value) < rule else []

    def check_maxLength(self, rule, value, where, _schema):
        return [f"{where}: too long"] if isinstance(value, str) and len(value) > rule else []

    def check_minimum(self, rule, value, where, _schema):
        return [f"{where}: too small"] if isinstance(value, int) and value < rule else []

    def check_maximum(self, rule, value, where, _schema):
        return [f"{where}: too large"] if isinstance(value, int) and value > rule else []

    def check_pattern(self, rule, value, where, _schema):
        # Python's $ also fits before a last line feed; JSON Schema's does not.
        if not isinstance(value, str) or re.search(re.sub(r"\$\Z", r"\\Z", rule), value):
            return []
        return [f"{where}: does not fit {rule}"]

    def check_enum(self, rule, value, where, _schema):
        return [] if any(same_json(value, one) for one in rule) else [f"{where}: is none of {rule}"]

    def check_const(self, rule, value, where, _schema):
        return [] if same_json(value, rule) else [f"{where}: is not {rule}"]

    def check_allOf(self, rule, value, where, _schema):
        return [p for one in rule for p in self.problems(value, one, where)]

    def check_not(self, rule, value, where, _schema):
        return [f"{where}: fits what it must not"] if self.fits(value, rule) else []

    def check_if(self, rule, value, where, schema):
        return self.problems(value, schema.get("then" if self.fits(value, rule) else "else", {}), where)


# --- One kind of file each --------------------------------------------------------------------------------------------


def check_fingerprint(case: dict) -> None:
    """Level 1 of PORTING.md."""
    text = case["text"]
    value = hash_text(text)
    expect("fingerprint", f"{value:016x}", case["fingerprint"])
    expect("as it travels", value.to_bytes(8, "little").hex(), case["hex"])
    if case["kind"] in ("method", "event"):
        expect("name_hash", f"{hash_text(case['called']):016x}", case["name_hash"])
    if case["kind"] != "text":
        described = read_description(text)
        expect("kind", described.kind, "type" if case["kind"] == "field" else case["kind"])
        expect("description, read and written", write_description(described), text)


def check_payload(case: dict) -> None:
    """Level 2 of PORTING.md."""
    t = payload_type(case["type"], case.get("part"))
    data = bytes.fromhex(case["hex"])
    expect("value", read_payload(t, data), case["value"])
    expect("payload", write_payload(t, case["value"]).hex(), case.get("written", case["hex"]))


def check_invalid_payload(case: dict) -> None:
    """21.10. A case for a method has no part: it is about the input."""
    try:
        t = read_description(case["type"]).value
        value = read_payload(t, bytes.fromhex(case["hex"]))
    except Refused as refused:
        expect("reason", refused.name, case["reason"])
    else:
        raise BadCase(f"is not refused, but read as {short(value)}")



def expand_runs(value):
    """`(xx*N)` may stand in any hex, so frames are compared with all of it written out."""
    if isinstance(value, str) and re.fullmatch(r"([0-9a-f]{2}|\([0-9a-f]{2}\*[0-9]+\))*", value) and "(" in value:
        return hex_bytes(value).hex()
    if isinstance(value, list):
        return [expand_runs(item) for item in value]
    if isinstance(value, dict):
        return {name: expand_runs(member) for name, member in value.items()}
    return value


def check_frames(case: dict) -> None:
    """Level 3 of PORTING.md: a message is read, and written."""
    message = hex_bytes(case["hex"])
    frames = [decode_frame(data) for data in split_message(message)]
    expect("frames", [frame_to_json(frame) for frame in frames if frame], expand_runs(case["frames"]))
    if "lenient" not in case:
        written = join_message([encode_frame(frame_from_json(frame)) for frame in case["frames"]])
        expect("message", written.hex(), message.hex())


def check_close(case: dict) -> None:
    """Level 3 of PORTING.md: a message that may be a close is read, and written."""
    message = hex_bytes(case["hex"])
    close = read_close(message)
    expect("close", close and {"code": close[0], "reason": close[1]}, case.get("close"))
    if "lenient" not in case:
        expect("message", write_close(*close).hex(), message.hex())


def check_invalid_frames(case: dict) -> None:
    """Level 3 of PORTING.md: a message that every end refuses."""
    try:
        frames = [decode_frame(data) for data in split_message(hex_bytes(case["hex"]))]
    except Refused as refused:
        expect("error", [refused.name, refused.code], [case["error"], case["close"]])
    else:
        raise BadCase(f"is not refused, but read as {short([frame_to_json(frame) for frame in frames if frame])}")



def check_session(case: dict) -> None:
    """Levels 4 to 6 of PORTING.md. Both ends are replayed; each is fed what is written down, not what the other sent."""
    ends = {"client": Client(case["config"]["client"]), "server": Server(case["config"]["server"])}
    exact = "exact" not in case
    for number, step in enumerate(case["steps"]):
        end = ends[step["end"]]
        where = f"step {number} ({step['end']} at {step['at']}, {short(step['input'])[:120]})"
        end.handle(int(step["at"]), step["input"])
        expect(f"{where}: events", end.events, expand_runs(step.get("events", [])))
        if not exact:
            continue
        frames = [data for message in step.get("messages", []) for data in split_message(hex_bytes(message))]
        if end.sent != frames:
            expect(f"{where}: frames", readable(end.sent), readable(frames))
            raise BadCase(f"{where}: frames that read alike but differ in their bytes")
        close = step.get("close")
        is_close = None if end.closing is None else {"code": end.closing[0], "reason": end.closing[1]}
        if close is not None and "reason" not in close and is_close is not None:
            del is_close["reason"]
        expect(f"{where}: close", is_close, close)
    if "error" in case:
        check_refusal(case)


def readable(frames: list[bytes]) -> list:
    decoded = [decode_frame(data) for data in frames]
    return [frame_to_json(frame) if frame else data.hex() for frame, data in zip(decoded, frames)]


def check_refusal(case: dict) -> None:
    """What a case of invalid/ says of itself holds for its last step."""
    last = case["steps"][-1]
    events = last.get("events", [])
    if case["fatal"]:
        expect("error", [e["why"] for e in events if e["event"] == "closed"], [case["error"]])
    elif any(event["event"] == "closed" for event in events):
        raise BadCase("is not fatal, but the connection ends")


def state_of(case: dict) -> dict[int, StateField]:
    """The fields of a case of state/. Each value must be one that a payload can hold."""
    fields: dict[int, StateField] = {}
    for entry in case["fields"]:
        described = read_description(entry["type"])
        if described.kind != "type" or not 0 <= entry["index"] < MAX_FIELDS or entry["index"] in fields:
            raise BadCase(f"field {entry['index']} is no field")
        if entry["index"] >= OWN_FIELDS and (entry["index"], entry["type"]) != (VALUES[0], VALUES[2]):
            raise BadCase(f"field {entry['index']} is not a service's to have (11.3)")
        for name in ("before", "after", "default"):
            if name in entry:
                expect(name, read_payload(described.value, write_payload(described.value, entry[name])), entry[name])
                if entry["index"] == VALUES[0]:
                    check_values(entry[name])
        default = entry.get("default")
        fields[entry["index"]] = StateField(described.value, entry["before"], default, "default" in entry)
    return fields


def check_values(values: list) -> None:
    """Section 11.3: a value is the fingerprint of its type and its payload. Of what the vectors hold the types are known."""
    known = {hash_text(text): text for text in ("unit", "u32", "string", "option<u8>", "vec<u64>")}
    for name, (fingerprint, payload) in values:
        if int(fingerprint) not in known:
            raise BadCase(f"the value '{name}' is of a type that this program does not know")
        described = read_description(known[int(fingerprint)]).value
        value = read_payload(described, bytes(payload))
        expect(f"the value '{name}'", write_payload(described, value).hex(), bytes(payload).hex())


def check_state(case: dict) -> None:
    """Level 5 of PORTING.md: operations are applied, and written."""
    fields = state_of(case)
    if "error" in case or any("after" not in entry for entry in case["fields"]):
        raise BadCase("is not about operations that apply")
    after = {entry["index"]: entry["after"] for entry in case["fields"]}
    expect("after", apply_operations(hex_bytes(case["operations"]), fields), after)
    written = write_operations(fields, after)
    expect(f"after {short(written.hex())}, which this program wrote", apply_operations(written, fields), after)
    expect("operations where nothing changes", write_operations(fields, {i: f.value for i, f in fields.items()}).hex(), "")


def check_invalid_state(case: dict) -> None:
    """Level 5 of PORTING.md: operations that do not apply, and change nothing."""
    fields = state_of(case)
    if "error" not in case or "fatal" not in case or any("after" in entry for entry in case["fields"]):
        raise BadCase("is not about operations that do not apply")
    before = json.dumps([[index, field.value] for index, field in fields.items()])
    try:
        after = apply_operations(hex_bytes(case["operations"]), fields)
    except Refused as refused:
        expect("error", refused.name, case["error"])
    else:
        raise BadCase(f"is not refused, but gives {short(after)}")
    expect("what is left", json.dumps([[index, field.value] for index, field in fields.items()]), before)


# Which schema and which check each file has, by its place in the folder. The first that fits counts.
KINDS = [
    ("fingerprints.json", "fingerprints", check_fingerprint),
    ("payloads/invalid.json", "invalid-payloads", check_invalid_payload),
    ("payloads/*.json", "payloads", check_payload),
    ("closes.json", "closes", check_close),
    ("frames/*.json", "frames", check_frames),
    ("invalid/frames.json", "invalid-frames", check_invalid_frames),
    ("state/changes.json", "state", check_state),
    ("state/invalid.json", "state", check_invalid_state),
    ("sessions/*.json", "sessions", check_session),
    ("invalid/*.json", "sessions", check_session),
]


def check_file(path: Path, sections: set[str], verbose: bool) -> tuple[int, int]:
    """Prints a line for the file, and gives how many cases passed and failed. Trouble with the file itself is a failure."""
    place = path.relative_to(HERE).as_posix()
    problems: list[str] = []
    passed = failed = 0
    try:
        schema, check = next((s, c) for pattern, s, c in KINDS if path.relative_to(HERE).match(pattern))
        file = json.loads(path.read_text(encoding="utf-8"))
        schema_path = HERE / "schema" / f"{schema}.schema.json"
        problems += Schema(schema_path).problems(file)[:20]
        if not problems and (path.parent / file["$schema"]).resolve() != schema_path:
            problems.append(f"$schema is {file['$schema']}")
    except StopIteration:
        problems.append("is of a kind that this program does not know")
    except (OSError, ValueError, RecursionError, BadCase) as error:
        problems.append(f"cannot be read: {error}")
    if not problems:
        names = set()
        for case in file["cases"]:
            try:
                if case["name"] in names:
                    raise BadCase("its name is not unique")
                names.add(case["name"])
                unknown = [section for section in case["sections"] if section not in sections]
                if unknown:
                    raise BadCase(f"SPEC.md has no section {', '.join(unknown)}")
                check(case)
            except Exception as error:  # a case must not end the program, whatever is wrong with it
                failed += 1
                known = isinstance(error, (BadCase, Refused))
                problems.append(f"{case['name']}: {error if known else f'{type(error).__name__}: {error}'}")
            else:
                passed += 1
                if verbose:
                    print(f"    ok {place}: {case['name']}")
    failed += 0 if failed or not problems else 1
    print(f"{'FAILED' if failed else 'ok':6} {place}: {passed} passed, {failed} failed")
    for problem in problems:
        print(f"    {problem}")
    return passed, failed


def main() -> int:
    parser = argparse.ArgumentParser(description="Checks the vectors of HardLight against a second reading of SPEC.md.")
    parser.add_argument("files", nargs="*", type=Path, help="files to check; without any, all of them")
    parser.add_argument("--verbose", action="store_true", help="name the cases that pass, too")
    options = parser.parse_args()
    headings = re.findall(r"(?m)^#{2,3} ([0-9]+(?:\.[0-9]+)?)\.? ", SPEC.read_text(encoding="utf-8"))
    files = [file.resolve() for file in options.files]
    files = files or sorted(path for path in HERE.rglob("*.json") if path.parent.name != "schema")
    passed = failed = 0
    if (HERE / "VERSION").read_text(encoding="ascii").strip() != str(REVISION):
        print(f"FAILED VERSION: this program is about revision {REVISION}")
        failed += 1
    for path in files:
        good, bad = check_file(path, set(headings), options.verbose)
        passed, failed = passed + good, failed + bad
    print(f"{passed} cases passed, {failed} failed, in {len(files)} files")
    return 1 if failed or not files else 0


if __name__ == "__main__":
    sys.exit(main())
