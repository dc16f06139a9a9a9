// Types that are made of types. What a type has types.js says.

import { order } from "./payload.js";
import { refuse, scalars, within } from "./scalars.js";

const roundUp = (at, align) => Math.ceil(at / align) * align;

/** What is elsewhere. */
class Boxed {
    size = 4;
    align = 4;
    isFlat = false;

    constructor(inner) {
        this.inner = inner;
    }

    get isNullable() {
        return this.inner.isNullable;
    }

    compare(a, b) {
        return this.inner.compare(a, b);
    }

    parts(writer, value) {
        writer.enter();
        const at = writer.write(this.inner, value);
        writer.leave();
        return at;
    }

    put(writer, at, _value, target) {
        writer.view.setInt32(at, target - at, true);
    }

    get(reader, at, owner, level) {
        return reader.follow(this.inner, at + reader.view.getInt32(at, true), owner, level + 1);
    }
}

/** Elements side by side: the elements of a list, or an array. */
class Elements {
    constructor(type, length) {
        Object.assign(this, { type, length, align: type.align, size: type.size * length });
    }

    parts(writer, values) {
        return values.map((value, index) => within(index, () => this.type.parts(writer, value)));
    }

    put(writer, at, values, parts) {
        values.forEach((value, index) =>
            this.type.put(writer, at + index * this.type.size, value, parts[index]),
        );
    }

    get(reader, at, owner, level) {
        const get = (_, index) => this.type.get(reader, at + index * this.type.size, owner, level);
        return Array.from({ length: this.length }, get);
    }
}

/** The same for bytes. */
class Bytes {
    align = 1;

    constructor(length) {
        this.size = length;
    }

    parts(_writer, bytes) {
        if (!(bytes instanceof Uint8Array)) bytes.forEach(scalars.u8.check);
    }

    put(writer, at, bytes) {
        writer.bytes.set(bytes, at);
    }

    get(reader, at) {
        return reader.bytes.slice(at, at + this.size);
    }
}

const elements = (type, length) => (type === scalars.u8 ? new Bytes(length) : new Elements(type, length));

function orderLists(type, a, b) {
    for (let index = 0; index < a.length && index < b.length; index += 1) {
        const found = type.compare(a[index], b[index]);
        if (found) return found;
    }
    return order(a.length, b.length);
}

/** Sorts what has keys, which are objects of the program's perhaps: two of them may be equal. */
function sort({ type, of }, values) {
    values.sort((a, b) => {
        const found = type.compare(of(a), of(b));
        return found || (a === b ? 0 : refuse(of(a), "a key once"));
    });
}

/** A list, and what is one on the wire: `open` makes one of a value, `close` the value. */
class List {
    size = 8;
    align = 4;
    isFlat = false;
    isNullable = false;

    constructor(type, { open, close, key }) {
        Object.assign(this, { type, open, close, key });
    }

    compare(a, b) {
        return orderLists(this.type, this.open(a), this.open(b));
    }

    parts(writer, value) {
        const values = this.open(value);
        if (this.key) sort(this.key, values);
        writer.enter();
        const at = writer.write(elements(this.type, values.length), values);
        writer.leave();
        return { at, length: values.length };
    }

    put(writer, at, _value, { at: target, length }) {
        writer.view.setInt32(at, target - at, true);
        writer.view.setUint32(at + 4, length, true);
    }

    get(reader, at, owner, level) {
        const length = reader.view.getUint32(at + 4, true);
        if (this.type.size === 0) reader.refuse("zero-sized");
        const target = at + reader.view.getInt32(at, true);
        // Before anything is made of so many.
        if (length * this.type.size > reader.bytes.length) reader.refuse("out-of-bounds");
        const values = reader.follow(elements(this.type, length), target, owner, level + 1);
        if (this.key) reader.sorted.push({ key: this.key, values });
        return this.close(values);
    }
}

function list(type) {
    const isBytes = type === scalars.u8;
    const isList = (value) => Array.isArray(value) || (isBytes && value instanceof Uint8Array);
    const open = (value) => (isList(value) ? value : refuse(value, isBytes ? "a Uint8Array" : "an array"));
    return new List(type, { open, close: (values) => values });
}

function set(type) {
    const open = (value) => (value instanceof Set ? [...value] : refuse(value, "a Set"));
    return new List(type, { open, close: (values) => new Set(values), key: { type, of: (value) => value } });
}

function map(key, value) {
    const open = (entries) => (entries instanceof Map ? [...entries] : refuse(entries, "a Map"));
    const close = (entries) => new Map(entries);
    return new List(tuple(key, value), { open, close, key: { type: key, of: ([key]) => key } });
}

function array(type, length) {
    const inner = elements(type, length);
    const isBytes = inner instanceof Bytes;
    const isArray = (value) => Array.isArray(value) || (isBytes && value instanceof Uint8Array);
    return {
        element: type,
        size: inner.size,
        align: inner.align,
        isFlat: type.isFlat,
        isNullable: false,
        compare: (a, b) => orderLists(type, a, b),
        parts(writer, values) {
            if (!isArray(values) || values.length !== length) refuse(values, `${length} elements`);
            return inner.parts(writer, values);
        },
        put: (writer, at, values, parts) => inner.put(writer, at, values, parts),
        get: (reader, at, owner, level) => inner.get(reader, at, owner, level),
    };
}

/** Fields side by side: an object of those with names, an array of those without, or the only one of these. */
export class Struct {
    isNamed = true;
    fields = [];
    #layout;

    constructor(name) {
        this.name = name;
    }

    // Not when it is made: it may hold what is not finished yet.
    layout(start = 0) {
        if (this.#layout?.start !== start) {
            const offsets = [];
            let [at, align] = [start, 1];
            for (const { type } of this.fields) {
                at = roundUp(at, type.align);
                offsets.push(at);
                [at, align] = [at + type.size, Math.max(align, type.align)];
            }
            this.#layout = { start, offsets, align, size: roundUp(at, align) };
        }
        return this.#layout;
    }

    get size() {
        return this.layout().size;
    }

    get align() {
        return this.layout().align;
    }

    get isFlat() {
        return this.fields.every(({ type }) => type.isFlat);
    }

    get isTransparent() {
        return !this.isNamed && this.fields.length === 1;
    }

    get isNullable() {
        return this.isTransparent && this.fields[0].type.isNullable;
    }

    /** The values of the fields, in order. */
    open(value) {
        if (this.isTransparent) return [value];
        if (!this.isNamed) {
            const fits = Array.isArray(value) && value.length === this.fields.length;
            return fits ? value : refuse(value, `an array of ${this.fields.length}`);
        }
        if (typeof (value ?? undefined) !== "object")
            refuse(value, `an object${this.name ? `, ${this.name}` : ""}`);
        return this.fields.map(({ name }) => value[name]);
    }

    close(values) {
        if (this.isTransparent) return values[0];
        if (!this.isNamed) return values;
        return Object.fromEntries(this.fields.map(({ name }, index) => [name, values[index]]));
    }

    compare(a, b) {
        const [one, other] = [this.open(a), this.open(b)];
        for (const [index, { type }] of this.fields.entries()) {
            const found = type.compare(one[index], other[index]);
            if (found) return found;
        }
        return 0;
    }

    parts(writer, value) {
        const values = this.open(value);
        const part = ({ name, type }, index) => {
            const of = () => type.parts(writer, values[index]);
            return this.isTransparent ? of() : within(name ?? index, of);
        };
        return { values, parts: this.fields.map(part) };
    }

    put(writer, at, _value, { values, parts }, start = 0) {
        const { offsets } = this.layout(start);
        this.fields.forEach(({ type }, index) =>
            type.put(writer, at + offsets[index], values[index], parts[index]),
        );
    }

    get(reader, at, owner, level, start = 0) {
        const { offsets } = this.layout(start);
        return this.close(
            this.fields.map(({ type }, index) => type.get(reader, at + offsets[index], owner, level)),
        );
    }
}

function tuple(...types) {
    const struct = new Struct(null);
    struct.isNamed = false;
    struct.fields = types.map((type) => ({ name: null, type }));
    // Of one, too: it is a tuple by its type.
    Object.defineProperty(struct, "isTransparent", { value: false });
    return struct;
}

/** A tag, then what the variant has. */
class Choice {
    #layout;

    layout() {
        this.#layout ??= (() => {
            const layouts = this.variants.map(({ fields }) => fields.layout(1));
            const align = Math.max(1, ...layouts.map((layout) => layout.align));
            return { align, size: roundUp(Math.max(...layouts.map((layout) => layout.size)), align) };
        })();
        return this.#layout;
    }

    get size() {
        return this.layout().size;
    }

    get align() {
        return this.layout().align;
    }

    get isFlat() {
        return this.variants.every(({ fields }) => fields.isFlat);
    }

    compare(a, b) {
        const [[one, ours], [other, theirs]] = [this.open(a), this.open(b)];
        return order(one.number, other.number) || one.fields.compare(ours, theirs);
    }

    parts(writer, value) {
        const [variant, inner] = this.open(value);
        const parts = () => variant.fields.parts(writer, inner);
        return { variant, parts: variant.name ? within(variant.name, parts) : parts() };
    }

    put(writer, at, _value, { variant, parts }) {
        writer.bytes[at] = variant.number;
        variant.fields.put(writer, at, null, parts, 1);
    }

    get(reader, at, owner, level) {
        const variant =
            this.variants.find(({ number }) => number === reader.bytes[at]) ?? reader.refuse("tag");
        return this.close(variant, variant.fields.get(reader, at, owner, level, 1));
    }
}

/** `"Light"` if no variant has fields, else `{ type: "Circle", value }`. */
export class Enum extends Choice {
    isNullable = false;
    variants = [];

    constructor(name) {
        super();
        this.name = name;
    }

    get isPlain() {
        return this.variants.every(({ fields }) => fields.fields.length === 0);
    }

    open(value) {
        const name = this.isPlain ? value : value?.type;
        const variant = this.variants.find((variant) => variant.name === name);
        if (variant) return [variant, variant.fields.fields.length ? value.value : {}];
        const names = this.variants.map(({ name }) => name).join(", ");
        return refuse(value, `${this.isPlain ? "one of" : "an object whose type is one of"} ${names}`);
    }

    close({ name, fields }, value) {
        if (this.isPlain) return name;
        return fields.fields.length ? { type: name, value } : { type: name };
    }
}

function variant(number, ...types) {
    const fields = new Struct(null);
    fields.isNamed = false;
    fields.fields = types.map((type) => ({ name: null, type }));
    return { number, name: null, fields };
}

/** The value or `null`; `{ value }` or `null` if the value itself may be `null`. */
class Option extends Choice {
    isNullable = true;

    constructor(type) {
        super();
        this.type = type;
        this.variants = [variant(0), variant(1, type)];
    }

    open(value) {
        if (value == null) return [this.variants[0], []];
        return [this.variants[1], this.type.isNullable ? value.value : value];
    }

    close({ number }, value) {
        if (number === 0) return null;
        return this.type.isNullable ? { value } : value;
    }
}

/** `{ ok }` or `{ err }`. */
class Result extends Choice {
    isNullable = false;

    constructor(ok, err) {
        super();
        this.variants = [variant(0, ok), variant(1, err)];
    }

    open(value) {
        if (value && "ok" in value) return [this.variants[0], value.ok];
        if (value && "err" in value) return [this.variants[1], value.err];
        return refuse(value, "{ ok } or { err }");
    }

    close({ number }, value) {
        return number === 0 ? { ok: value } : { err: value };
    }
}

export const generics = {
    array,
    map,
    set,
    tuple,
    vec: list,
    box: (type) => new Boxed(type),
    option: (type) => new Option(type),
    result: (ok, err) => new Result(ok, err),
};
