// Types from their descriptions (SPEC.md, section 20.1): what each is in JavaScript, and how it is laid out (section 21).
//
// A type has `size` and `align` in bytes, whether it `isFlat`, and whether its values may be `null` (`isNullable`). `parts`
// checks a value and writes what it points to, `put` writes the value itself, `get` reads one, `compare` orders two as keys.

import { Enum, Struct, generics } from "./compounds.js";
import { boxedText, scalars } from "./scalars.js";

/** The arguments and the result of a method. */
export function methodType(description) {
    const parser = new Parser(description);
    parser.expect("fn");
    const input = parser.fields(null);
    parser.expect("->");
    return { input, output: parser.type() };
}

/** The fields of an event. */
export function eventType(description) {
    const parser = new Parser(description);
    parser.expect("event");
    return parser.fields(null);
}

/** The type of a field of the state, or of any other value. */
export function valueType(description) {
    return new Parser(description).type();
}

/** No value at all. */
export const { unit } = scalars;

/** A name as JavaScript has it: `sent_at` is `sentAt`. */
export function camelCase(name) {
    return name.replace(/(?<=[^_])_+([^_])/g, (_, next) => next.toUpperCase());
}

class Parser {
    constructor(text) {
        this.text = text;
        this.at = 0;
        this.named = [];
    }

    peek(token) {
        return this.text.startsWith(token, this.at);
    }

    accept(token) {
        const found = this.peek(token);
        if (found) this.at += token.length;
        return found;
    }

    expect(token) {
        if (!this.accept(token)) throw new SyntaxError(`no '${token}' at ${this.at} of ${this.text}`);
    }

    word() {
        const [word] = /^[^{}()<>,:=\-# ]*/.exec(this.text.slice(this.at));
        this.at += word.length;
        return word;
    }

    type() {
        if (this.accept("#")) return this.named[Number(this.word())];
        const word = this.word();
        if (word === "struct" || word === "enum") return this.declaration(word);
        if (!this.accept("<")) return scalars[word];
        if (word === "box" && this.accept("str>")) return boxedText;
        const parameters = [];
        do {
            parameters.push(word === "array" && parameters.length ? Number(this.word()) : this.type());
        } while (this.accept(","));
        this.expect(">");
        return generics[word](...parameters);
    }

    // A type takes its number before those within it, which may be of it.
    declaration(keyword) {
        this.expect(" ");
        const name = this.word();
        const type = keyword === "struct" ? new Struct(name) : new Enum(name);
        this.named.push(type);
        if (keyword === "struct") {
            this.fieldsOf(type);
            return type;
        }
        this.expect("{");
        let number = 0;
        do {
            const variant = new Struct(this.word());
            if (this.peek("{") || this.peek("(")) this.fieldsOf(variant);
            if (this.accept("=")) number = Number(this.word());
            type.variants.push({ number, name: variant.name, fields: variant });
            number += 1;
        } while (this.accept(","));
        this.expect("}");
        return type;
    }

    fields(name) {
        const type = new Struct(name);
        this.fieldsOf(type);
        return type;
    }

    fieldsOf(struct) {
        const close = this.accept("(") ? ")" : "}";
        struct.isNamed = close === "}";
        if (struct.isNamed) this.expect("{");
        while (!this.accept(close)) {
            let name = null;
            if (struct.isNamed) {
                name = camelCase(this.word());
                this.expect(":");
            }
            struct.fields.push({ name, type: this.type() });
            this.accept(",");
        }
    }
}
