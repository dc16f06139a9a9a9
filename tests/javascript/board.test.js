// The package of the JavaScript example, in Chromium, with its server.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import net from "node:net";
import readline from "node:readline";
import { after, before, test } from "node:test";

const { BOARD_SERVER, CHROMIUM, SHOTS, TOOLS } = process.env;
const { chromium } = createRequire(`${TOOLS}/`)("playwright-core");

const args = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-sync",
];

let server, way, browser, url;

before(async () => {
    server = spawn(BOARD_SERVER, { stdio: ["ignore", "pipe", "inherit"] });
    const lines = readline.createInterface({ input: server.stdout });
    const [first] = await once(lines, "line");
    way = await Way.to(Number(new URL(first).port));
    url = `http://localhost:${way.port}/`;
    browser = await chromium.launch({ executablePath: CHROMIUM, args });
});

after(async () => {
    await browser?.close();
    way?.close();
    server?.kill();
});

/** A way to the server that can be cut. */
class Way {
    sockets = new Set();

    static async to(port) {
        const way = new Way();
        way.listener = net.createServer((socket) => {
            const onward = net.connect(port, "localhost");
            for (const end of [socket, onward]) {
                way.sockets.add(end);
                end.on("error", () => {});
                end.on("close", () => {
                    way.sockets.delete(end);
                    socket.destroy();
                    onward.destroy();
                });
            }
            socket.pipe(onward).pipe(socket);
        });
        way.listener.listen(0, "localhost");
        await once(way.listener, "listening");
        way.port = way.listener.address().port;
        return way;
    }

    cut() {
        for (const socket of this.sockets) socket.destroy();
    }

    close() {
        this.listener.close();
        this.cut();
    }
}

/** Runs `script` in a page that has loaded the package, with `open`, which connects. */
async function inPage(script, arg) {
    const page = await browser.newPage();
    try {
        // Any page of the server's origin that has no client of its own.
        await page.goto(`${url}board/package.json`);
        await page.evaluate(async () => {
            globalThis.board = await import("/board/board.js");
            await board.default();
            globalThis.open = (options) => board.connect(`ws://${location.host}/rpc`, options);
            globalThis.failure = (promise) =>
                promise.then(
                    () => "nothing failed",
                    ({ name, message, kind, code, error, didNotRun, isRetryable }) => {
                        return { name, message, kind, code, error, didNotRun, isRetryable };
                    },
                );
        });
        return await page.evaluate(script, arg);
    } finally {
        await page.close();
    }
}

test("a call has arguments of all kinds, and gives what the method returns", async () => {
    const [task, open, picture, nothing] = await inPage(async () => {
        const client = await open();
        await client.join("ann");
        const task = await client.addTask("write the docs", "High", new Set(["b", "a"]), 90_000.5);
        const all = await client.openTasks();
        const picture = await client.picture(3, 2);
        const nothing = await client.finish(task.id);
        return [
            { ...task, labels: [...task.labels], id: typeof task.id },
            all.some(({ id }) => id === task.id),
            [picture instanceof Uint8Array, picture.length],
            nothing === undefined,
        ];
    });
    assert.deepEqual(task, {
        id: "bigint",
        title: "write the docs",
        priority: "High",
        labels: ["a", "b"],
        dueIn: 90_000.5,
        addedBy: "ann",
    });
    assert.deepEqual([open, picture, nothing], [true, [true, 6], true]);
});

test("a method's own error has its type, and all errors have one class", async () => {
    const [isOne, early, title, missing] = await inPage(async () => {
        const client = await open();
        const early = await client.finish(1n).catch((error) => error);
        await client.join("ann");
        return [
            early instanceof board.HardLightError && early instanceof Error,
            [early.kind, early.error],
            await failure(client.addTask("", "Low", new Set(), null)),
            (await client.finish(10_000n).catch((error) => error)).error.value === 10_000n,
        ];
    });
    assert.equal(isOne, true);
    assert.deepEqual(early, ["application", { type: "NotJoined" }]);
    assert.equal(title.name, "HardLightError");
    assert.deepEqual(title.error, { type: "BadTitle", value: { most: 80 } });
    assert.equal(title.message, "the method failed: BadTitle");
    assert.equal(missing, true);
});

test("an argument of another type is refused before it is sent", async () => {
    const [refused, answered] = await inPage(async () => {
        const client = await open();
        const refused = await failure(client.addTask("x", "Urgent", new Set(), null));
        return [refused, await client.join("ann")];
    });
    assert.equal(refused.name, "TypeError");
    assert.equal(refused.message, 'priority: expected one of Low, Normal, High, not "Urgent"');
    assert.equal(typeof answered, "number");
});

test("the state is there before the answer, and the same object until it changes", async () => {
    const seen = await inPage(async () => {
        const client = await open();
        const first = client.state;
        await client.join("ann");
        const joined = client.state;
        const same = joined === client.state && first !== joined;
        await client.addTask("one", "Low", new Set(), null);
        const added = client.state;
        await client.addTask("two", "Low", new Set(), null);
        return {
            first,
            userName: joined.userName,
            same,
            kept: client.state.recentTasks !== added.recentTasks,
            titles: client.state.recentTasks.map(({ title }) => title),
            added: client.state.added,
            isFrozen: Object.isFrozen(added),
        };
    });
    assert.deepEqual(seen, {
        first: { userName: null, added: 0, recentTasks: [] },
        userName: "ann",
        same: true,
        kept: true,
        titles: ["two", "one"],
        added: 2,
        isFrozen: true,
    });
});

test("changes of the state are told, until nobody wants to know", async () => {
    const [told, iterated] = await inPage(async () => {
        const client = await open();
        const told = [];
        const changed = new Promise((resolve) => {
            const stop = client.onChange(({ userName }) => {
                told.push(userName);
                stop();
                resolve();
            });
        });
        await client.join("ann");
        await changed;
        const iterated = [];
        const states = (async () => {
            for await (const { userName } of client.states()) {
                iterated.push(userName);
                if (userName === "cid") break;
            }
        })();
        await client.join("bob");
        await client.join("cid");
        await states;
        return [told, iterated.at(-1)];
    });
    assert.deepEqual([told, iterated], [["ann"], "cid"]);
});

test("events come in order, by topic or all of them, until the client closes", async () => {
    const [events, others, isOver] = await inPage(async () => {
        const [ann, bob] = [await open(), await open()];
        await ann.join("ann");
        await bob.join("bob");
        const [all, others] = [ann.events(), ann.events("another topic")];
        const task = await bob.addTask("one", "Low", new Set(), null);
        await bob.finish(task.id);
        const events = [(await all.next()).value, (await all.next()).value];
        const waiting = [all.next(), others.next()];
        await ann.close();
        const ends = await Promise.all(waiting);
        return [
            events.map(({ type, topic, value }) => [type, topic, value.title ?? value.finishedBy]),
            ends.map(({ done }) => done),
            (await all.next()).done,
        ];
    });
    assert.deepEqual(events, [
        ["Added", "tasks", "one"],
        ["Finished", "tasks", "bob"],
    ]);
    assert.deepEqual(others, [true, true]);
    assert.equal(isOver, true);
});

test("a loop over events that is left is over, also for who waits", async () => {
    const [first, ends] = await inPage(async () => {
        const client = await open();
        await client.join("ann");
        const events = client.events("tasks");
        await client.addTask("one", "Low", new Set(), null);
        let first;
        for await (const event of events) {
            first = event.value.title;
            break;
        }
        const other = client.events("tasks");
        const waiting = other.next();
        await other.return();
        return [first, [(await waiting).done, (await events.next()).done]];
    });
    assert.deepEqual([first, ends], ["one", [true, true]]);
});

test("a call can be given up, or has so long", async () => {
    const [aborted, before, late, alive] = await inPage(async () => {
        const client = await open();
        const controller = new AbortController();
        const call = failure(client.nextFinished({ signal: controller.signal }));
        controller.abort(new Error("never mind"));
        const before = await failure(client.nextFinished({ signal: AbortSignal.abort() }));
        const late = await failure(client.nextFinished({ timeout: 20 }));
        return [await call, before, late, await client.join("ann")];
    });
    assert.equal(aborted.message, "never mind");
    assert.equal(before.name, "AbortError");
    assert.deepEqual([late.kind, late.code], ["call", "deadline-exceeded"]);
    assert.equal(typeof alive, "number");
});

test("connecting fails for a reason", async () => {
    const [nobody, wrong, aborted] = await inPage(async () => [
        await failure(board.connect("ws://localhost:1/")),
        await failure(board.connect("ftp://localhost/")),
        await failure(open({ signal: AbortSignal.abort() })),
    ]);
    assert.deepEqual([nobody.kind, nobody.code, nobody.isRetryable], ["connect", "io", true]);
    assert.deepEqual([wrong.kind, wrong.code], ["connect", "invalid-url"]);
    assert.equal(aborted.name, "AbortError");
});

test("a client that is closed says so", async () => {
    const [why, status, call] = await inPage(async () => {
        const client = await open();
        const { closed } = client;
        await client.close();
        const { kind, code } = await closed;
        return [[kind, code], client.status, await failure(client.join("ann"))];
    });
    assert.deepEqual([why, status], [["closed", "closed"], "closed"]);
    assert.deepEqual([call.kind, call.didNotRun], ["not-sent", true]);
});

test("a client comes back, and logs in before other calls go out", async () => {
    const page = await browser.newPage();
    await page.goto(`${url}?name=ann`);
    await page.getByRole("status").filter({ hasText: "connected" }).waitFor();
    await page.evaluate(() => {
        globalThis.seen = [];
        board.onStatus((status) => seen.push(status));
    });
    way.cut();
    await page.getByRole("status").filter({ hasText: "waiting" }).waitFor();
    // It does not wait any longer once it is told to.
    await page.evaluate(() => board.reconnectNow());
    await page.getByRole("status").filter({ hasText: "connected" }).waitFor();
    // It would fail if nobody had joined on this connection.
    await page.evaluate(() => board.addTask("after the cut", "Low", new Set(), null));
    await page.getByText("after the cut").waitFor();
    assert.ok((await page.evaluate(() => seen)).includes("restoring"));
    await page.close();
});

test("who is at a button stays there while others add, and goes on from the next once it is done", async () => {
    const page = await browser.newPage();
    await page.goto(`${url}?name=ann`);
    const add = (title) => page.evaluate((title) => board.addTask(title, "Low", new Set(), null), title);
    const done = (title) => page.getByRole("button", { name: `${title} is done` });
    const focused = () => page.evaluate(() => document.activeElement.ariaLabel);
    await page.getByText("You are ann").waitFor();
    await add("the first of two");
    await done("the first of two").focus();
    await add("the second of two");
    await done("the second of two").waitFor();
    assert.equal(await focused(), "the first of two is done");
    await page.keyboard.press("Enter");
    await done("the first of two").waitFor({ state: "detached" });
    assert.equal(await focused(), "the second of two is done");
    await page.close();
});

test("a page that cannot load its module says so, and takes nothing", async () => {
    const page = await browser.newPage();
    await page.route("**/board_bg.wasm", (route) => route.abort());
    await page.goto(url);
    await page.getByRole("alert").filter({ hasText: "out of reach" }).waitFor();
    assert.equal(await page.getByRole("button", { name: "Add" }).isDisabled(), true);
    await page.close();
});

test("two pages see the same board", async () => {
    const [ann, bob] = await Promise.all(
        ["ann", "bob"].map(async (name) => {
            const page = await browser.newPage({ viewport: { width: 800, height: 600 } });
            await page.goto(`${url}?name=${name}`);
            await page.getByText(`You are ${name}`).waitFor();
            return page;
        }),
    );
    await ann.getByLabel("What is to be done").fill("Water the plants");
    await ann.getByLabel("Priority").selectOption("High");
    await ann.getByRole("button", { name: "Add" }).click();
    const item = bob.getByRole("listitem").filter({ hasText: "Water the plants" });
    await item.waitFor();
    await bob.screenshot({ path: `${SHOTS}/board.png` });
    await item.getByRole("button").click();
    await ann.getByRole("listitem").filter({ hasText: "Water the plants" }).waitFor({ state: "detached" });
    await ann.getByRole("button", { name: "Add" }).click();
    await ann.getByRole("alert").filter({ hasText: "1 to 80 characters" }).waitFor();
    await Promise.all([ann.close(), bob.close()]);
});
