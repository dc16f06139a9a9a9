// Types of one value, and texts. What a type has types.js says.

import { encodeText, order, orderTexts } from "./payload.js";

/** A value is not of its type. */
export function refuse(value, expected) {
    const isObject = typeof value === "object" && value !== null;
    const shown = isObject
        ? (value.constructor?.name ?? "an object")
        : JSON.stringify(String(value)).slice(0, 60);
    throw new TypeError(
        `expected ${expected}, not ${typeof value === "string" ? shown : shown.replaceAll('"', "")}`,
    );
}

/** Does `what` to a part of a value, and says which it was if that fails. */
export function within(name, what) {
    try {
        return what();
    } catch (error) {
        if (error instanceof TypeError) error.message = `${name}: ${error.message}`;
        throw error;
    }
}

/** What has a size from the beginning, and points to nothing. */
class Scalar {
    isFlat = true;
    isNullable = false;

    constructor(size, align, functions) {
        Object.assign(this, { size, align, compare: order }, functions);
    }

    parts(_writer, value) {
        this.check(value);
    }
}

function integer(bits, kind) {
    const [least, most] = kind === "Int" ? [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1] : [0, 2 ** bits - 1];
    const [get, set] = [`get${kind}${bits}`, `set${kind}${bits}`];
    return new Scalar(bits / 8, bits / 8, {
        check: (value) => {
            if (!Number.isInteger(value) || value < least || value > most) {
                refuse(value, `an integer from ${least} to ${most}`);
            }
        },
        get: (reader, at) => reader.view[get](at, true),
        put: (writer, at, value) => writer.view[set](at, value, true),
    });
}

// Whoever has a number that is exact may give that.
function big(bits, isSigned) {
    const [least, most] = isSigned
        ? [-(1n << BigInt(bits - 1)), (1n << BigInt(bits - 1)) - 1n]
        : [0n, (1n << BigInt(bits)) - 1n];
    const cut = isSigned ? BigInt.asIntN : BigInt.asUintN;
    return new Scalar(bits / 8, bits / 8, {
        check: (value) => {
            const isInteger = typeof value === "bigint" || Number.isSafeInteger(value);
            if (!isInteger || value < least || value > most) {
                refuse(value, `a bigint from ${least} to ${most}`);
            }
        },
        get: (reader, at) => {
            let value = 0n;
            for (let word = bits - 64; word >= 0; word -= 64) {
                value = (value << 64n) | reader.view.getBigUint64(at + word / 8, true);
            }
            return cut(bits, value);
        },
        put: (writer, at, value) => {
            for (let word = 0; word < bits; word += 64) {
                writer.view.setBigUint64(
                    at + word / 8,
                    BigInt.asUintN(64, BigInt(value) >> BigInt(word)),
                    true,
                );
            }
        },
    });
}

function float(bits) {
    return new Scalar(bits / 8, bits / 8, {
        check: (value) => typeof value === "number" || refuse(value, "a number"),
        get: (reader, at) => reader.view[`getFloat${bits}`](at, true),
        put: (writer, at, value) => writer.view[`setFloat${bits}`](at, value, true),
    });
}

/** Bytes that are written as a text. */
function bytesAs(size, expected, show, parse) {
    const bytesOf = (value) => (typeof value === "string" && parse(value)) || refuse(value, expected);
    return new Scalar(size, 1, {
        check: bytesOf,
        get: (reader, at) => show(reader.bytes.subarray(at, at + size)),
        put: (writer, at, value) => writer.bytes.set(bytesOf(value), at),
        compare: (a, b) => order(hex(bytesOf(a)), hex(bytesOf(b))),
    });
}

const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
const unhex = (text) => Uint8Array.from(text.match(/../g), (digits) => parseInt(digits, 16));

const uuid = bytesAs(
    16,
    "a UUID",
    (bytes) => hex(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-"),
    (text) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text) && unhex(text.replaceAll("-", "")),
);

const ipv4 = bytesAs(
    4,
    "an IPv4 address",
    (bytes) => bytes.join("."),
    (text) => {
        const parts = /^\d{1,3}(\.\d{1,3}){3}$/.test(text) ? text.split(".").map(Number) : [256];
        return parts.every((part) => part < 256) && Uint8Array.from(parts);
    },
);

// The platform knows how an address is written: as the host of a URL.
const ipv6 = bytesAs(
    16,
    "an IPv6 address",
    (bytes) => new URL(`ws://[${hex(bytes).replace(/.{4}(?=.)/g, "$&:")}]`).hostname.slice(1, -1),
    (text) => {
        const url = `ws://[${text}]`;
        if (!/^[0-9a-f:.]+$/i.test(text) || !URL.canParse(url)) return null;
        const [head, tail] = new URL(url).hostname
            .slice(1, -1)
            .split("::")
            .map((part) => part.split(":").filter(Boolean));
        const groups = tail ? [...head, ...Array(8 - head.length - tail.length).fill("0"), ...tail] : head;
        return unhex(groups.map((group) => group.padStart(4, "0")).join(""));
    },
);

export const scalars = {
    u8: integer(8, "Uint"),
    u16: integer(16, "Uint"),
    u32: integer(32, "Uint"),
    u64: big(64, false),
    u128: big(128, false),
    i8: integer(8, "Int"),
    i16: integer(16, "Int"),
    i32: integer(32, "Int"),
    i64: big(64, true),
    i128: big(128, true),
    f32: float(32),
    f64: float(64),
    bool: new Scalar(1, 1, {
        check: (value) => typeof value === "boolean" || refuse(value, "a boolean"),
        get: (reader, at) => {
            const byte = reader.bytes[at];
            return byte < 2 ? byte === 1 : reader.refuse("bool");
        },
        put: (writer, at, value) => (writer.bytes[at] = Number(value)),
    }),
    char: new Scalar(4, 4, {
        check: (value) => {
            const isOne = typeof value === "string" && [...value].length === 1 && value.isWellFormed();
            if (!isOne) refuse(value, "one character");
        },
        get: (reader, at) => {
            const point = reader.view.getUint32(at, true);
            const isScalar = point < 0x110000 && (point < 0xd800 || point > 0xdfff);
            return isScalar ? String.fromCodePoint(point) : reader.refuse("char");
        },
        put: (writer, at, value) => writer.view.setUint32(at, value.codePointAt(0), true),
        compare: orderTexts,
    }),
    unit: new Scalar(0, 1, {
        isNullable: true,
        check: (value) => value == null || refuse(value, "null"),
        get: () => null,
        put: () => {},
        compare: () => 0,
    }),
    // In milliseconds, as all times of the platform.
    duration: new Scalar(16, 8, {
        check: (value) =>
            (typeof value === "number" && value >= 0 && value < 2 ** 64 * 1000) ||
            refuse(value, "milliseconds"),
        get: (reader, at) => {
            const nanoseconds = reader.view.getUint32(at + 8, true);
            if (nanoseconds >= 1e9) reader.refuse("duration");
            return Number(reader.view.getBigUint64(at, true)) * 1000 + nanoseconds / 1e6;
        },
        put: (writer, at, value) => {
            let seconds = Math.floor(value / 1000);
            let nanoseconds = Math.round((value - seconds * 1000) * 1e6);
            if (nanoseconds === 1e9) [seconds, nanoseconds] = [seconds + 1, 0];
            writer.view.setBigUint64(at, BigInt(seconds), true);
            writer.view.setUint32(at + 8, nanoseconds, true);
        },
    }),
    uuid,
    ipv4,
    ipv6,
    // As the enum of SPEC.md, section 21.9, which its text tells apart.
    ip: new Scalar(17, 1, {
        check: (value) => (String(value).includes(":") ? ipv6 : ipv4).check(value),
        get: (reader, at) => (reader.tag(at, 2) ? ipv6 : ipv4).get(reader, at + 1),
        put: (writer, at, value) => {
            const isV6 = value.includes(":");
            writer.bytes[at] = Number(isV6);
            (isV6 ? ipv6 : ipv4).put(writer, at + 1, value);
        },
        compare: (a, b) => {
            const isV6 = a.includes(":");
            return order(isV6, b.includes(":")) || (isV6 ? ipv6 : ipv4).compare(a, b);
        },
    }),
};

// `192.0.2.1:443` or `[2001:db8::1%3]:443`; the flow of an IPv6 socket is not shown, and so is lost.
const socketParts = (value) => {
    const [, v6, scope, v4, port] = /^(?:\[([^\]%]+)(?:%(\d+))?\]|([^:]+)):(\d+)$/.exec(value) ?? [];
    return { ip: v6 ?? v4 ?? "", isV6: v6 !== undefined, scope: Number(scope ?? 0), port: Number(port) };
};
scalars.socket = new Scalar(32, 4, {
    check: (value) => {
        const { ip, isV6, port, scope } = socketParts(value);
        (isV6 ? ipv6 : ipv4).check(ip);
        if (port > 65535 || scope > 0xffffffff) refuse(value, "an address and a port");
    },
    get: (reader, at) => {
        if (!reader.tag(at, 2)) return `${ipv4.get(reader, at + 2)}:${reader.view.getUint16(at + 6, true)}`;
        const scope = reader.view.getUint32(at + 28, true);
        return `[${ipv6.get(reader, at + 4)}${scope ? `%${scope}` : ""}]:${reader.view.getUint16(at + 20, true)}`;
    },
    put: (writer, at, value) => {
        const { ip, isV6, port, scope } = socketParts(value);
        writer.bytes[at] = Number(isV6);
        (isV6 ? ipv6 : ipv4).put(writer, at + (isV6 ? 4 : 2), ip);
        writer.view.setUint16(at + (isV6 ? 20 : 6), port, true);
        if (isV6) writer.view.setUint32(at + 28, scope, true);
    },
    compare: (a, b) => {
        const [one, other] = [socketParts(a), socketParts(b)];
        const byAddress = order(one.isV6, other.isV6) || (one.isV6 ? ipv6 : ipv4).compare(one.ip, other.ip);
        return byAddress || order(one.port, other.port) || order(one.scope, other.scope);
    },
});

function textBytes(value) {
    return typeof value === "string" && value.isWellFormed() ? encodeText(value) : refuse(value, "a string");
}

/** A text; of more than 8 bytes it is elsewhere. */
const text = {
    size: 8,
    align: 4,
    isFlat: false,
    isNullable: false,
    compare: orderTexts,
    parts(writer, value) {
        const bytes = textBytes(value);
        return bytes.length > 8 ? writer.appendObject(bytes) : { bytes };
    },
    put(writer, at, _value, { bytes, at: target, length }) {
        if (bytes) {
            writer.bytes.fill(0xff, at, at + 8).set(bytes, at);
            return;
        }
        writer.view.setUint32(at, ((length & 0x3f) | 0x80 | ((length >>> 6) << 8)) >>> 0, true);
        writer.view.setInt32(at + 4, target - at, true);
    },
    get(reader, at, owner, level) {
        if (reader.bytes[at] >> 6 === 0b10) {
            const word = reader.view.getUint32(at, true);
            const length = (word & 0x3f) | ((word >>> 8) << 6);
            if (length <= 8) reader.refuse("string-length");
            const start = reader.enter(at + reader.view.getInt32(at + 4, true), length, 1, owner, level + 1);
            return reader.text(start, length);
        }
        let length = 0;
        while (length < 8 && reader.bytes[at + length] !== 0xff) length += 1;
        return reader.text(at, length);
    },
};

export const boxedText = {
    ...text,
    parts(writer, value) {
        return writer.appendObject(textBytes(value));
    },
    put(writer, at, _value, { at: target, length }) {
        writer.view.setInt32(at, target - at, true);
        writer.view.setUint32(at + 4, length, true);
    },
    get(reader, at, owner, level) {
        const length = reader.view.getUint32(at + 4, true);
        const start = reader.enter(at + reader.view.getInt32(at, true), length, 1, owner, level + 1);
        return reader.text(start, length);
    },
};

scalars.string = text;
