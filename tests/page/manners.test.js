// What a page owes its server and its user's machine.
"use strict";

const assert = require("node:assert/strict");
const { EventEmitter, on } = require("node:events");
const fs = require("node:fs");
const path = require("node:path");
const { test } = require("node:test");
const { CHAT_PAGE, Server, enter, folder, logIn, open, reads, sees, send, shot, shows, startMachine, until, useBrowser, waitFor } = require("./support");

// Playwright switches off the cache of pages that were left, which is to be seen here.
const has = useBrowser({ ignoreDefaultArgs: ["--disable-back-forward-cache"] });

/** How many milliseconds of silence a server takes that is to notice soon. Three times that it gives a client up. */
const HEARTBEAT = 250;

test("a page that is left closes its connection, and comes back with the user", async () => {
  const server = await Server.start();
  const bob = await enter(has.browser, server, "bob");
  const ann = await enter(has.browser, server, "ann");
  await sees(bob, "ann", "bob");
  await ann.goto("about:blank");
  await server.line(/connection ended.*closed by the peer: 1000.*the page was left/);
  await sees(bob, "bob");
  await send(bob, "ann is away");
  // Out of the browser's cache, so ann need not log in again.
  await ann.goBack({ waitUntil: "commit" });
  await sees(bob, "ann", "bob");
  await shows(ann, "online");
  await reads(ann, "bob: ann is away");
  await server.stop();
});

test("a tab that is closed closes its connection", async () => {
  const server = await Server.start();
  const ann = await enter(has.browser, server, "ann");
  await ann.close();
  await server.line(/connection ended.*closed by the peer: 100[01]/);
  await server.stop();
});

test("a quiet page stays connected by heartbeats, which are the server's", async () => {
  const server = await Server.start({ options: ["--heartbeat", String(HEARTBEAT)] });
  const page = await open(has.browser, server);
  const frames = new EventEmitter();
  page.on("websocket", (socket) => {
    socket.on("framereceived", () => frames.emit("frame", "received"));
    socket.on("framesent", () => frames.emit("frame", "sent"));
  });
  await logIn(page, "ann");
  await sees(page, "ann");
  // Three intervals without a sign of life, and the server would have given it up: these are more.
  const quiet = [];
  for await (const [direction] of on(frames, "frame")) {
    if (quiet.push(direction) === 20) break;
  }
  // Whatever the page says in this time answers what the server has said.
  for (let place = 1; place < quiet.length; place += 1) {
    assert.ok(quiet[place] !== "sent" || quiet[place - 1] === "received", quiet.join(" "));
  }
  assert.ok(quiet.includes("sent"), quiet.join(" "));
  assert.ok(!server.lines.some((line) => line.includes("connection ended")), server.lines.join("\n"));
  await server.stop();
});

/** The page of ann, who is in bob's room, sleeps until the server has given it up and something was said; then it wakes. */
async function sleep(ann, bob, server, begin, wake) {
  await sees(bob, "ann", "bob");
  await begin();
  await sees(bob, "bob");
  await server.line(/connection ended.*nothing was heard of the peer/);
  await send(bob, "ann sleeps");
  await reads(bob, "bob: ann sleeps");
  await wake();
  await sees(bob, "ann", "bob");
  await shows(ann, "online");
  await reads(ann, "bob: ann sleeps");
  await server.stop();
}

// By the debugger: Chromium does not freeze a page that is looked at, and one that Playwright drives always is.
test("a tab that sleeps is given up by the server, and catches up when it wakes", async () => {
  const server = await Server.start({ options: ["--heartbeat", String(HEARTBEAT)] });
  const bob = await enter(has.browser, server, "bob");
  const ann = await enter(has.browser, server, "ann");
  const tab = await ann.context().newCDPSession(ann);
  await tab.send("Debugger.enable");
  await sleep(ann, bob, server, () => tab.send("Debugger.pause"), () => tab.send("Debugger.resume"));
});

test("so does a machine that sleeps with all that is on it", async () => {
  const server = await Server.start({ options: ["--heartbeat", String(HEARTBEAT)] });
  const bob = await enter(has.browser, server, "bob");
  const machine = await startMachine();
  const ann = await enter(machine.browser, server, "ann");
  await sleep(ann, bob, server, () => machine.signal("SIGSTOP"), () => machine.signal("SIGCONT"));
});

test("a browser that is online again does not wait for the next attempt", async () => {
  let server = await Server.start();
  const ann = await enter(has.browser, server, "ann");
  await ann.context().setOffline(true);
  await server.kill();
  await shows(ann, "offline");
  // Attempts fail at once, and come ever later.
  const { delay } = await until(ann, () => chat.status, ({ kind, delay }) => kind === "waiting" && delay > 4000);
  const due = Date.now() + delay;
  server = await server.again();
  await shot(ann, "no-network");
  await ann.context().setOffline(false);
  await shows(ann, "online");
  assert.ok(Date.now() < due - 1000, "it came before its time");
  await server.stop();
});

test("who does not want to wait connects at once", async () => {
  let server = await Server.start();
  const ann = await enter(has.browser, server, "ann");
  await server.stop();
  const { delay } = await until(ann, () => chat.status, ({ kind, delay }) => kind === "waiting" && delay > 4000);
  const due = Date.now() + delay;
  server = await server.again();
  await ann.getByRole("button", { name: "Connect now" }).click();
  await shows(ann, "online");
  await waitFor(ann, () => document.activeElement.id, "text");
  assert.ok(Date.now() < due - 1000, "it came before its time");
  await server.stop();
});

/** The page as another server has it, which says that the service is there. */
async function pageFor(service) {
  const page = path.join(folder(), "page");
  fs.cpSync(CHAT_PAGE, page, { recursive: true });
  const file = path.join(page, "index.html");
  const html = fs.readFileSync(file, "utf8");
  const changed = html
    .replace('name="chat-service" content="/rpc"', `name="chat-service" content="${service}"`)
    .replace("connect-src 'self'", `connect-src 'self' ${service}`);
  assert.notEqual(changed, html);
  fs.writeFileSync(file, changed);
  return Server.start({ page });
}

test("a page of another origin is let in only if it is allowed", async () => {
  const server = await Server.start();
  const elsewhere = await pageFor(server.service);
  const eve = await open(has.browser, elsewhere);
  await logIn(eve, "eve");
  await eve.getByRole("alert").filter({ hasText: "the chat cannot be reached" }).waitFor();
  await server.line(/refused a web page of an origin that is not allowed/);
  await server.stop();

  const origin = new URL(elsewhere.url).origin;
  const allowing = await Server.start({ port: server.port, options: ["--allow-origin", origin] });
  await logIn(eve, "eve");
  await shows(eve, "online");
  const ann = await enter(has.browser, allowing, "ann");
  await sees(ann, "ann", "eve");
  await allowing.stop();
  await elsewhere.stop();
});
