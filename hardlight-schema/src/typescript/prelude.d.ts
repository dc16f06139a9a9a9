/** Why something failed: `kind` says who has to do something about it. */
export declare class HardLightError<E = unknown> extends Error {
    /**
     * - `application`: the method ran, and failed with an error of its own, `error`.
     * - `call`: this call failed, and the connection lives on; `code` says why.
     * - `not-sent`: the connection ended before the call went out. It did not run.
     * - `indeterminate`: the connection ended before the answer came. The call may have run.
     * - `connect`: there is no connection; `status` is that of HTTP, if the server refused it.
     * - `closed`: why a connection ended, from `closed`.
     */
    readonly kind: "application" | "call" | "not-sent" | "indeterminate" | "connect" | "closed";
    /** Why, for programs: `deadline-exceeded`, `missing-feature`, `refused`, `lost` and the like. */
    readonly code?: string;
    readonly status?: number;
    /** The method's own error, of the type that its comment names. */
    readonly error: E;
    /** Whether it is certain that the call did not run. */
    readonly didNotRun: boolean;
    /** Whether the same may well succeed a little later, and cannot do anything twice. */
    readonly isRetryable: boolean;
}

export interface CallOptions {
    /** Gives the call up, and fails with the signal's reason; the server stops the method. */
    signal?: AbortSignal;
    /** How long the call may take, in milliseconds, here and on the server. */
    timeout?: number;
}

export interface ConnectOptions<Client> {
    /** A bearer token, or what to ask for one before each attempt to connect. */
    token?: string | (() => string | undefined | Promise<string | undefined>);
    /** More subprotocols to offer, for the server to see. */
    subprotocols?: string[];
    /** How long connecting may take, in milliseconds. Default 10,000. */
    connectTimeout?: number;
    /** How long each call may take, in milliseconds. Default: for ever. */
    timeout?: number;
    /** Whether the client comes back by itself when its connection is lost. Default `false`. */
    reconnect?: boolean;
    /**
     * What to do whenever it has come back, before other calls go out, with the client that it gets: to log in. It is not called
     * for the first connection: do the same once `connect` has returned. If it fails the client ends, and `closed` says why.
     */
    restore?: (client: Client) => unknown;
    /** Whether fields of the state that the server has otherwise may be left at their defaults. Default `false`. */
    partialState?: boolean;
    /** Gives up connecting. */
    signal?: AbortSignal;
}

/** Events of a topic that are missing here. */
export interface Lagged {
    type: "Lagged";
    topic: string;
    missed: number;
    reason: "lagged" | "expired" | "too-long";
}

/** Events of a topic may be missing here, nobody knows how many: the server was started anew. */
export interface Restarted {
    type: "Restarted";
    topic: string;
}

export type Status = "connected" | "restoring" | "leaving" | "waiting" | "connecting" | "closed";

/** What every client has. A method of the service comes before what has the same name here. */
export interface HardLightClient<State, Event> {
    /** The state as it is now, with all that the calls answered so far have changed. It is another object once it has changed. */
    readonly state: State;
    /** The state after each change; several may be seen as one. It ends with the connection. */
    states(): AsyncIterableIterator<State>;
    /** Calls `listener` after each change, until what this returns is called. */
    onChange(listener: (state: State) => void): () => void;
    /** The events of a topic, or of all, from here on. It ends with the connection; leaving a loop early ends it too. */
    events(topic?: string): AsyncIterableIterator<Event | Lagged | Restarted>;
    /** Calls `listener` with each of them, until what this returns is called. */
    onEvent(listener: (event: Event | Lagged | Restarted) => void, topic?: string): () => void;
    readonly status: Status;
    statuses(): AsyncIterableIterator<Status>;
    onStatus(listener: (status: Status) => void): () => void;
    /** What the server lets this connection do. */
    readonly features: ReadonlySet<string>;
    /** Whether this connection has the feature that a method needs. */
    can(method: string): boolean;
    /** Connects again now, if the client waits to do so. */
    reconnectNow(): void;
    /** Closes the connection once the calls in flight are answered. */
    close(): Promise<void>;
    /** Why the connection ended, once it has. */
    readonly closed: Promise<HardLightError>;
}

/** Loads the module, which comes before all else. It is at its place beside this file, unless it is given. */
export default function init(module?: { module_or_path: RequestInfo | URL | Response | BufferSource | WebAssembly.Module }): Promise<unknown>;
