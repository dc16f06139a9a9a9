// What can go wrong, as one class.

/** Why something failed: `kind` says who has to do something about it. See the declarations beside the module. */
export class HardLightError extends Error {
    constructor(kind, message, { code, status, error, didNotRun = false, isRetryable = false } = {}) {
        super(message);
        Object.assign(this, { kind, code, status, error, didNotRun, isRetryable });
    }

    get name() {
        return "HardLightError";
    }
}

/** For the module: without an object in between. */
export function failure(kind, message, code, status, didNotRun, isRetryable) {
    return new HardLightError(kind, message, { code, status, didNotRun, isRetryable });
}
