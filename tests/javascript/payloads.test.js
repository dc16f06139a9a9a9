// The payloads of spec-vectors/, read and written by what a module has in js/.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import test from "node:test";

import { decode, encode } from "../../hardlight-wasm/js/payload.js";
import { scalars } from "../../hardlight-wasm/js/scalars.js";
import { camelCase, eventType, methodType, valueType } from "../../hardlight-wasm/js/types.js";

const folder = new URL("../../spec-vectors/payloads/", import.meta.url);

/** What JavaScript cannot hold, and so loses. */
const lossy = new Set([
    "duration: greatest", // more than 2^53 milliseconds
    "socket: v6", // the flow of an address is in no text of it
]);

const bytesOf = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (digits) => parseInt(digits, 16));
const hexOf = (bytes) => Buffer.from(bytes).toString("hex");

function typeOf({ type, part = "input" }) {
    if (type.startsWith("fn{")) return methodType(type)[part];
    return type.startsWith("event") ? eventType(type) : valueType(type);
}

for (const file of readdirSync(folder)) {
    const { cases } = JSON.parse(readFileSync(new URL(file, folder)));
    test(file, () => {
        for (const vector of cases) {
            const { name, hex, written = hex, reason } = vector;
            const type = typeOf(vector);
            if (reason) {
                assert.throws(
                    () => decode(type, bytesOf(hex)),
                    new RegExp(`^RangeError: .*: ${reason}$`),
                    name,
                );
                continue;
            }
            if (lossy.has(name)) continue;
            const value = decode(type, bytesOf(hex));
            assert.deepEqual(value, asJavaScript(type, vector.value), name);
            assert.equal(hexOf(encode(type, value)), written, name);
        }
    });
}

/** A value of the vectors as JavaScript has it. */
function asJavaScript(type, value) {
    const all = (types, values) => types.map(({ type }, index) => asJavaScript(type, values[index]));
    const elements = (of, values) =>
        of === scalars.u8 ? Uint8Array.from(values) : values.map((value) => asJavaScript(of, value));
    switch (type.constructor.name) {
        case "Scalar":
            return scalar(type, value);
        case "Boxed":
            return asJavaScript(type.inner, value);
        case "Option":
            if (value === null) return null;
            return type.type.isNullable
                ? { value: asJavaScript(type.type, value.some) }
                : asJavaScript(type.type, value.some);
        case "Result": {
            const [[name, inner]] = Object.entries(value);
            const { fields } = type.variants[name === "ok" ? 0 : 1].fields;
            return { [name]: asJavaScript(fields[0].type, inner) };
        }
        case "Struct":
            if (type.isTransparent) return asJavaScript(type.fields[0].type, value[0]);
            if (!type.isNamed) return all(type.fields, value);
            return Object.fromEntries(
                Object.entries(value).map(([key, inner]) => {
                    const { name, type: of } = type.fields.find(({ name }) => name === camelCase(key));
                    return [name, asJavaScript(of, inner)];
                }),
            );
        case "Enum": {
            if (type.isPlain) return value;
            if (typeof value === "string") return { type: value };
            const [[name, inner]] = Object.entries(value);
            const { fields } = type.variants.find((variant) => variant.name === name);
            return { type: name, value: asJavaScript(fields, inner) };
        }
        case "List": {
            if (!type.key) return elements(type.type, value);
            const values = value.map((inner) => asJavaScript(type.type, inner));
            return type.close(values);
        }
        default:
            // A text, or an array.
            return typeof value === "string" ? value : elements(type.element, value);
    }
}

function scalar(type, value) {
    const big = ["u64", "u128", "i64", "i128"].some((name) => scalars[name] === type);
    if (big) return BigInt(value);
    if (type === scalars.f32 || type === scalars.f64) {
        const bytes = new DataView(new ArrayBuffer(8));
        bytes.setBigUint64(0, BigInt(value));
        return type === scalars.f64 ? bytes.getFloat64(0) : bytes.getFloat32(4);
    }
    if (type === scalars.duration) return Number(value.seconds) * 1000 + value.nanoseconds / 1e6;
    if (type === scalars.ipv6) return new URL(`http://[${value}]`).hostname.slice(1, -1);
    if (type === scalars.ip) return "V4" in value ? value.V4[0] : scalar(scalars.ipv6, value.V6[0]);
    if (type === scalars.socket) {
        const [{ address, port, scope_id: scope }] = value.V4 ?? value.V6;
        if (value.V4) return `${address}:${port}`;
        return `[${scalar(scalars.ipv6, address)}${scope ? `%${scope}` : ""}]:${port}`;
    }
    return value;
}

test("a value that is not of its type is refused, and where it is not is said", () => {
    const type = valueType("struct Person{first_name:string,ages:vec<u8>,size:enum Size{Big,Small}}");
    const refused = (value, message) =>
        assert.throws(() => encode(type, value), { name: "TypeError", message });
    refused({ ages: [], size: "Big" }, "firstName: expected a string, not undefined");
    refused(
        { firstName: "Ann", ages: [1, 256], size: "Big" },
        "ages: expected an integer from 0 to 255, not 256",
    );
    refused({ firstName: "Ann", ages: [], size: "big" }, 'size: expected one of Big, Small, not "big"');
    refused(null, "expected an object, Person, not null");
    refused({ firstName: "\ud800", ages: [], size: "Big" }, 'firstName: expected a string, not "\\ud800"');
});

test("keys of a map are sorted as their bytes are, and are there once", () => {
    const type = valueType("map<string,u8>");
    const value = new Map([
        ["\u{1f600}", 1],
        ["\uffff", 2],
        ["a", 3],
    ]);
    assert.deepEqual([...decode(type, encode(type, value)).keys()], ["a", "\uffff", "\u{1f600}"]);
    const points = valueType("set<struct Point{x:u8,y:u8}>");
    const twice = new Set([
        { x: 1, y: 2 },
        { x: 1, y: 2 },
    ]);
    assert.throws(() => encode(points, twice), TypeError);
});

test("what is within itself more often than a payload may have it is refused", () => {
    const type = valueType("struct Tree{kids:vec<#0>}");
    let tree = { kids: [] };
    for (let level = 0; level < 100; level += 1) tree = { kids: [tree] };
    assert.throws(() => encode(type, tree), TypeError);
});
