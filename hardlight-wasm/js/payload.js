// Payloads: values of a type as bytes (SPEC.md, section 21). What a type is to them types.js says.

/** Objects within one another. */
const MAX_LEVELS = 63;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The payload of a value. Throws a `TypeError` if the value is not of the type. */
export function encode(type, value) {
    const writer = new Writer();
    writer.enter();
    writer.write(type, value);
    return writer.bytes.slice(0, writer.length);
}

/** The value of a payload. Throws a `RangeError` if it is none of the type. */
export function decode(type, bytes) {
    const reader = new Reader(bytes);
    const at = bytes.length - type.size;
    if (type.isFlat && at !== 0) reader.refuse("wrong-length");
    const value = reader.follow(type, at, bytes.length, 1);
    reader.checkOrder();
    return value;
}

export const encodeText = (text) => encoder.encode(text);

export const order = (a, b) => (a < b ? -1 : Number(a > b));

/** As their bytes in UTF-8: as their code points. */
export function orderTexts(a, b) {
    const length = Math.min(a.length, b.length);
    for (let index = 0; index < length; index += 1) {
        const [one, other] = [a.charCodeAt(index), b.charCodeAt(index)];
        if (one !== other) return order(rank(one), rank(other));
    }
    return order(a.length, b.length);
}

// Surrogates stand for what is above all else.
const rank = (unit) => (unit >= 0xd800 && unit < 0xe000 ? unit + 0x10000 : unit);

class Writer {
    length = 0;
    level = 0;

    constructor() {
        this.room(64);
    }

    enter() {
        this.level += 1;
        if (this.level > MAX_LEVELS) throw new TypeError(`more than ${MAX_LEVELS} levels`);
    }

    leave() {
        this.level -= 1;
    }

    room(length) {
        if (length <= (this.bytes?.length ?? 0)) return;
        const bytes = new Uint8Array(Math.max(length, 2 * this.length));
        if (this.bytes) bytes.set(this.bytes);
        this.bytes = bytes;
        this.view = new DataView(bytes.buffer);
    }

    /** Bytes that are an object of their own: where they stand. */
    appendObject(bytes) {
        this.enter();
        const at = this.length;
        this.room(at + bytes.length);
        this.bytes.set(bytes, at);
        this.length += bytes.length;
        this.leave();
        return { at, length: bytes.length };
    }

    /** The parts of a value, and then the value: where it stands. */
    write(type, value) {
        const parts = type.parts(this, value);
        const at = Math.ceil(this.length / type.align) * type.align;
        this.room(at + type.size);
        this.length = at + type.size;
        type.put(this, at, value, parts);
        return at;
    }
}

class Reader {
    /** Below it everything is taken. */
    low = 0;
    /** Lists of keys, whose order is looked at last. */
    sorted = [];

    constructor(bytes) {
        this.bytes = bytes;
        this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    }

    refuse(reason) {
        throw new RangeError(`malformed payload: ${reason}`);
    }

    /** An object that points to nothing: where it stands. */
    enter(at, size, align, owner, level) {
        this.check(at, size, align, owner, level);
        this.low = at + size;
        return at;
    }

    /** The value that an object is. */
    follow(type, at, owner, level) {
        this.check(at, type.size, type.align, owner, level);
        const value = type.get(this, at, at, level);
        this.low = at + type.size;
        return value;
    }

    check(at, size, align, owner, level) {
        if (at < this.low || at + size > owner) this.refuse("out-of-bounds");
        if (at % align) this.refuse("misaligned");
        if (level > MAX_LEVELS) this.refuse("too-deep");
    }

    tag(at, variants) {
        const tag = this.bytes[at];
        return tag < variants ? tag : this.refuse("tag");
    }

    text(at, length) {
        try {
            return decoder.decode(this.bytes.subarray(at, at + length));
        } catch {
            return this.refuse("utf-8");
        }
    }

    checkOrder() {
        for (const { key, values } of this.sorted) {
            for (let index = 1; index < values.length; index += 1) {
                if (key.type.compare(key.of(values[index - 1]), key.of(values[index])) >= 0)
                    this.refuse("keys");
            }
        }
    }
}
