// A client as JavaScript has it, over the connection that the module has.

import { HardLightError } from "./error.js";
import { decode, encode } from "./payload.js";
import { camelCase, eventType, methodType, unit, valueType } from "./types.js";

/** The class of the clients of a service, made of its schema: lists of names and descriptions of types. */
export function clientClass({ methods, state, events }) {
    const service = {
        state: new Map(
            state.map(([index, name, type]) => [index, { name: camelCase(name), type: valueType(type) }]),
        ),
        events: events.map(([name, type]) => ({ name, type: eventType(type) })),
        features: new Map(methods.map(([name, , feature]) => [camelCase(name), feature])),
    };
    const ServiceClient = class extends Client {
        constructor(raw) {
            super(raw, service);
        }
    };
    methods.forEach(([name, type], index) => {
        const method = new Method(index, type);
        // A method comes before what every client has.
        const value = function (...args) {
            return method.call(this[connection], args);
        };
        Object.defineProperty(ServiceClient.prototype, camelCase(name), { value });
    });
    return ServiceClient;
}

/** A client of the class that `clientClass` has made. */
export function newClient(ServiceClient, raw) {
    return new ServiceClient(raw);
}

const connection = Symbol("connection");

class Method {
    constructor(index, description) {
        const { input, output } = methodType(description);
        Object.assign(this, { index, input, output, mayFail: description.includes("->result<") });
    }

    async call(raw, args) {
        const { fields } = this.input;
        const { signal, timeout } = args[fields.length] ?? {};
        const named = Object.fromEntries(fields.map(({ name }, index) => [name, args[index]]));
        const answer = await raw.call(this.index, encode(this.input, named), timeout, signal);
        return this.result(answer);
    }

    result(answer) {
        const value = decoded(this.output, answer);
        if (!this.mayFail) return this.output === unit ? undefined : value;
        if ("ok" in value) return value.ok ?? undefined;
        const name = typeof value.err === "string" ? value.err : value.err?.type;
        const message = name ? `the method failed: ${name}` : "the method failed";
        throw new HardLightError("application", message, { error: value.err });
    }
}

function decoded(type, bytes) {
    try {
        return decode(type, bytes);
    } catch (error) {
        throw new HardLightError("call", error.message, { code: "invalid-output" });
    }
}

// What a service calls its methods may be what these are called: nothing here uses them by their names.
class Client {
    #raw;
    #service;
    #fields = new Map();
    #state;
    #closed;

    constructor(raw, service) {
        this.#raw = raw;
        this[connection] = raw;
        this.#service = service;
        // Frameworks take these as they are.
        for (const name of ["onChange", "onEvent", "onStatus"]) this[name] = this[name].bind(this);
    }

    get state() {
        return this.#current();
    }

    states() {
        return iterate(this.#raw.states(), () => this.#current());
    }

    onChange(listener) {
        return listen(this.#raw.states(), () => listener(this.#current()));
    }

    events(topic) {
        return iterate(this.#raw.events(topic), (item) => this.#event(item));
    }

    onEvent(listener, topic) {
        return listen(this.#raw.events(topic), (item) => listener(this.#event(item)));
    }

    get status() {
        return this.#raw.status();
    }

    statuses() {
        return iterate(this.#raw.statuses(), (status) => status);
    }

    onStatus(listener) {
        return listen(this.#raw.statuses(), listener);
    }

    get features() {
        return new Set(this.#raw.features());
    }

    can(method) {
        const feature = this.#service.features.get(method);
        return feature == null || this.#raw.features().includes(feature);
    }

    reconnectNow() {
        this.#raw.reconnectNow();
    }

    async close() {
        await this.#raw.close();
    }

    get closed() {
        this.#closed ??= this.#raw.closed();
        return this.#closed;
    }

    #current() {
        const fields = this.#raw.state();
        if (fields) this.#update(fields);
        return this.#state;
    }

    // What has not changed stays the same object.
    #update(fields) {
        let hasChanged = this.#state === undefined;
        for (const [index, bytes] of fields) {
            const known = this.#fields.get(index);
            if (known && areEqual(known.bytes, bytes)) continue;
            const field = this.#service.state.get(index);
            if (!field) continue;
            hasChanged = true;
            this.#fields.set(index, { bytes, name: field.name, value: decode(field.type, bytes) });
        }
        if (!hasChanged) return;
        const values = Array.from(this.#fields.values(), ({ name, value }) => [name, value]);
        this.#state = Object.freeze(Object.fromEntries(values));
    }

    #event([type, topic, what, payload]) {
        if (type === "Lagged") return { type, topic, missed: what, reason: payload };
        if (type === "Restarted") return { type, topic };
        const event = this.#service.events[what];
        const value = decode(event.type, payload);
        return event.type.fields.length ? { type: event.name, topic, value } : { type: event.name, topic };
    }
}

function areEqual(a, b) {
    return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

/** What a source gives, one after the other, however many ask at a time. */
function iterate(source, valueOf) {
    let last = Promise.resolve();
    const end = { done: true, value: undefined };
    const take = async () => {
        const item = await source.next();
        return item === undefined ? end : { done: false, value: valueOf(item) };
    };
    return {
        next() {
            const next = last.then(take);
            last = next.catch(() => {});
            return next;
        },
        async return() {
            source.stop();
            return end;
        },
        [Symbol.asyncIterator]() {
            return this;
        },
    };
}

/** Has `listener` called with all that a source gives: what ends that. */
function listen(source, listener) {
    const run = async () => {
        for (let item = await source.next(); item !== undefined; item = await source.next()) {
            try {
                listener(item);
            } catch (error) {
                reportError(error);
            }
        }
    };
    run();
    return () => source.stop();
}
