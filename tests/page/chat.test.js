// The chat's page, as its users have it.
"use strict";

const assert = require("node:assert/strict");
const { test } = require("node:test");
const { Server, enter, logIn, open, reads, sees, send, shot, shows, terminal, useBrowser, waitFor } = require("./support");

const has = useBrowser();

test("what one says the other reads, and each sees who is there", async () => {
  const server = await Server.start();
  const ann = await enter(has.browser, server, "ann");
  await sees(ann, "ann");
  const bob = await enter(has.browser, server, "bob");
  await sees(ann, "ann", "bob");
  await sees(bob, "ann", "bob");
  await send(ann, "hello");
  await reads(bob, "ann: hello");
  await send(bob, "hello <b>yourself</b>");
  await reads(ann, "ann: hello", "bob: hello <b>yourself</b>");
  await shot(ann, "two-users");
  await bob.close();
  await sees(ann, "ann");
  await server.stop();
});

test("a name is kept by a password, and who has another one is told so", async () => {
  const server = await Server.start();
  const ann = await open(has.browser, server);
  await shot(ann, "login");
  await logIn(ann, "ann", "correct horse");
  await shows(ann, "online");
  const eve = await open(has.browser, server);
  for (const password of ["", "battery staple"]) {
    await logIn(eve, "ann", password);
    await eve.getByRole("alert").filter({ hasText: "keeps this name by another password" }).waitFor();
    await waitFor(eve, () => document.activeElement.id, "password");
    assert.equal(await eve.getByLabel("Password").inputValue(), "");
  }
  await shot(eve, "wrong-password");
  await logIn(eve, "ann", "correct horse");
  await shows(eve, "online");
  // The form is there again for who logs out, with nothing of the password in it.
  await eve.getByRole("button", { name: "Log out" }).click();
  await eve.getByRole("button", { name: "Log in" }).waitFor();
  assert.equal(await eve.getByLabel("Password").inputValue(), "");
  await server.stop();
});

test("rooms: who is elsewhere has unread messages, and gets none of a thread that was left", async () => {
  const server = await Server.start();
  const ann = await enter(has.browser, server, "ann");
  const bob = await enter(has.browser, server, "bob");
  await sees(ann, "ann", "bob");
  await ann.getByLabel("A thread to join").fill("plans");
  await ann.getByLabel("A thread to join").press("Enter");
  await ann.getByRole("heading", { name: "plans" }).waitFor();
  await sees(ann, "ann");
  await send(bob, "psst");
  await ann.getByRole("button", { name: "lobby, 1 unread" }).waitFor();
  await shot(ann, "unread");
  // By the keyboard alone.
  await ann.keyboard.press("Alt+ArrowUp");
  await ann.getByRole("heading", { name: "lobby" }).waitFor();
  await reads(ann, "bob: psst");
  await ann.getByRole("button", { name: "Leave" }).click();
  await ann.getByRole("heading", { name: "plans" }).waitFor();
  await sees(bob, "bob");
  await ann.getByLabel("A thread to join").fill("@bob,eve");
  await ann.getByLabel("A thread to join").press("Enter");
  await ann.getByRole("alert").filter({ hasText: "@bob,eve is for those it names" }).waitFor();
  await ann.getByRole("button", { name: "Dismiss" }).click();
  await waitFor(ann, () => document.querySelector("#notice").hidden, true);
  await server.stop();
});

test("older messages are fetched, and what is looked at stays where it is", async () => {
  const server = await Server.start();
  const ann = await enter(has.browser, server, "ann");
  const texts = Array.from({ length: 70 }, (_, number) => `number ${number}`);
  await ann.evaluate(async (texts) => {
    for (const text of texts) await chat.sendMessage("lobby", text);
  }, texts);
  const bob = await enter(has.browser, server, "bob");
  await reads(bob, ...texts.slice(-50).map((text) => `ann: ${text}`));
  const top = () => document.querySelector("#messages").lastElementChild.getBoundingClientRect().top;
  await bob.evaluate(() => document.querySelector("#scroll").scrollTo(0, 0));
  const before = await bob.evaluate(top);
  await waitFor(bob, () => document.querySelector("[role=log]").getAttribute("aria-live"), "polite");
  // A screen reader has read these: they stay, and what comes before them is not read as if it were new.
  await bob.evaluate(() => {
    globalThis.last = document.querySelector("#messages").lastElementChild;
    globalThis.live = [];
    const log = document.querySelector("[role=log]");
    const observer = new MutationObserver(() => globalThis.live.push(log.getAttribute("aria-live")));
    observer.observe(log, { attributes: true, childList: true, subtree: true });
  });
  await bob.getByRole("button", { name: "Older messages" }).click();
  await reads(bob, ...texts.map((text) => `ann: ${text}`));
  assert.ok(Math.abs((await bob.evaluate(top)) - before) < 3, "it stays where it was");
  assert.ok(await bob.evaluate(() => last === document.querySelector("#messages").lastElementChild));
  await waitFor(bob, () => live, ["off", "polite"]);
  await bob.getByText("The thread begins here.").waitFor();
  assert.equal(await bob.getByRole("button", { name: "Older messages" }).isHidden(), true);
  await waitFor(bob, () => document.activeElement.id, "scroll");
  assert.equal(await bob.getByRole("log", { name: "Messages" }).getByRole("listitem").count(), 70);
  await server.stop();
});

test("what was typed and not sent stays in its field, or is told", async () => {
  const server = await Server.start();
  const ann = await enter(has.browser, server, "ann");
  await sees(ann, "ann");
  const text = ann.getByLabel("Message", { exact: true });
  const notice = (text) => ann.getByRole("alert").filter({ hasText: text }).waitFor();

  await send(ann, "of two\tcolumns");
  await notice("not sent (a message is a line of 1 to 1000 characters): lobby: of two\tcolumns");
  await shot(ann, "refused");

  await ann.getByRole("button", { name: "Leave" }).click();
  await ann.getByRole("heading", { name: "no thread" }).waitFor();
  await waitFor(ann, () => document.activeElement.id, "thread");
  await send(ann, "to nobody");
  await notice("join a thread first");
  assert.equal(await text.inputValue(), "to nobody");
  await shot(ann, "no-thread");
  await ann.getByLabel("A thread to join").fill("lobby");
  await ann.getByLabel("A thread to join").press("Enter");
  await sees(ann, "ann");
  await text.press("Enter");
  await reads(ann, "ann: to nobody");
  assert.equal(await text.inputValue(), "");

  await server.stop();
  await shows(ann, "offline");
  let sent = 0;
  for (; (await text.inputValue()) === "" && sent < 100; sent += 1) await send(ann, `number ${sent}`);
  await notice("too much waits for the connection");
  assert.equal(await text.inputValue(), `number ${sent - 1}`);
  await shot(ann, "too-much-waits");
});

test("a message of another day has its date", async () => {
  const server = await Server.start();
  const ann = await enter(has.browser, server, "ann");
  await send(ann, "hello");
  await reads(ann, "ann: hello");
  const time = () => document.querySelector("#messages time").textContent;
  assert.match(await ann.evaluate(time), /^\d\d:\d\d$/);
  // The days go by, for whoever stays and for whoever comes.
  const later = () => {
    const Real = Date;
    globalThis.Date = class extends Real {
      constructor(...time) {
        super(...(time.length ? time : [Real.now() + 48 * 3600 * 1000]));
      }
    };
  };
  await ann.evaluate(later);
  await send(ann, "good morning");
  await reads(ann, "ann: hello", "ann: good morning");
  assert.match(await ann.evaluate(time), /^\d{4}-\d\d-\d\d \d\d:\d\d$/);
  const bob = await open(has.browser, server);
  await bob.addInitScript(later);
  await bob.reload();
  await logIn(bob, "bob");
  await reads(bob, "ann: hello", "ann: good morning");
  assert.equal(await bob.evaluate(time), await ann.evaluate(time));
  await shot(bob, "another-day");
  await server.stop();
});

test("who cannot be let in is told so, and may try again", async () => {
  let server = await Server.start();
  const ann = await open(has.browser, server);
  await waitFor(ann, () => document.querySelector("#enter").disabled, false);
  await server.stop();
  await logIn(ann, "ann", "correct horse");
  await ann.getByRole("alert").filter({ hasText: "the chat cannot be reached" }).waitFor();
  await waitFor(ann, () => document.activeElement.id, "enter");
  // It is not the password that was wrong.
  assert.equal(await ann.getByLabel("Password").inputValue(), "correct horse");
  await shot(ann, "unreachable");
  server = await server.again();
  // The error is gone as soon as the next attempt begins, of which the button speaks.
  const during = await ann.evaluate(() => {
    const button = document.querySelector("#enter");
    button.click();
    return [button.textContent, button.getAttribute("aria-disabled"), document.querySelector("#login-error").textContent];
  });
  assert.deepEqual(during, ["Logging in …", "true", ""]);
  await shows(ann, "online");
  await server.stop();
});

test("a page that does not load says so", async () => {
  const server = await Server.start();
  for (const file of ["chat.js", "chat_bg.wasm"]) {
    const context = await has.browser.newContext({ viewport: { width: 1100, height: 700 } });
    const page = await context.newPage();
    await page.route(`**/${file}`, (route) => route.abort());
    await page.goto(server.url);
    await page.getByRole("alert").filter({ hasText: "The page did not load." }).waitFor();
    await shot(page, "not-loaded");
    await context.close();
  }
  await server.stop();
});

test("a server that is started anew is come back to by itself, with what was said meanwhile", async () => {
  let server = await Server.start();
  const ann = await enter(has.browser, server, "ann");
  const bob = await enter(has.browser, server, "bob");
  await send(ann, "before");
  await reads(bob, "ann: before");
  await server.stop();
  await shows(ann, "offline");
  await shows(bob, "offline");
  await ann.getByText("the server is stopping").first().waitFor();
  await sees(ann);
  // What is said now waits, and is seen to.
  await send(ann, "while it was away");
  await ann.getByText("while it was away").waitFor();
  await shot(ann, "offline");
  await ann.setViewportSize({ width: 360, height: 640 });
  assert.equal(await ann.evaluate(() => document.documentElement.scrollWidth), 360);
  await shot(ann, "offline-narrow");
  await ann.setViewportSize({ width: 1100, height: 700 });

  server = await server.again();
  await shows(ann, "online");
  await shows(bob, "online");
  await reads(ann, "ann: before", "ann: while it was away");
  await reads(bob, "ann: before", "ann: while it was away");
  await sees(ann, "ann", "bob");
  await waitFor(ann, () => document.querySelectorAll("#waiting li").length, 0);
  await shot(ann, "recovered");
  await server.stop();
});

test("what a page has missed of a server that crashed comes from the store", async () => {
  let server = await Server.start();
  const ann = await enter(has.browser, server, "ann");
  await send(ann, "before");
  await reads(ann, "ann: before");
  await server.kill();
  await shows(ann, "offline");
  // Somebody is quicker to come back than ann, whose browser is away.
  await ann.context().setOffline(true);
  server = await server.again();
  const bob = await enter(has.browser, server, "bob");
  await send(bob, "ann does not see this");
  await reads(bob, "ann: before", "bob: ann does not see this");
  await ann.context().setOffline(false);
  await shows(ann, "online");
  await reads(ann, "ann: before", "bob: ann does not see this");
  await ann.getByText("the server was started anew; 1 from the store").waitFor();
  await server.stop();
});

test("the page and the terminal see each other in a room", async () => {
  for (const tls of [false, true]) {
    const server = await Server.start({ tls });
    const ann = await enter(has.browser, server, "ann");
    const bob = await terminal(server, "bob");
    await sees(ann, "ann", "bob");
    await bob.line(/^in lobby: ann, bob$/);
    bob.type("from a terminal");
    await reads(ann, "bob: from a terminal");
    await send(ann, "from a page");
    await bob.line(/^lobby: ann: from a page$/);
    await ann.close();
    await bob.line(/^in lobby: bob$/);
    await bob.kill();
    await server.stop();
  }
});

test("the page's console has the same calls", async () => {
  const server = await Server.start();
  const page = await open(has.browser, server);
  await waitFor(page, () => typeof globalThis.chat, "object");
  const refused = (call) => page.evaluate(call).catch((error) => error.message);
  assert.match(await refused(() => chat.join("lobby")), /log in first/);
  assert.match(await refused(() => chat.login("no body")), /a name is 1 to 32 letters/);
  await page.evaluate(() => chat.login("ann"));
  await shows(page, "online");
  await page.evaluate(() => chat.join("plans"));
  assert.deepEqual(await page.evaluate(() => chat.state), { user: "ann", threads: ["lobby", "plans"] });
  assert.deepEqual(await page.evaluate(() => chat.status), { kind: "connected" });
  assert.equal(await page.evaluate(() => chat.sendMessage("plans", "hi")), 1n);
  // The page is of the same connection.
  await page.getByRole("heading", { name: "plans" }).waitFor();
  await reads(page, "ann: hi");
  const history = await page.evaluate(() => chat.history("plans"));
  assert.deepEqual(history.map(({ id, author, text }) => ({ id, author, text })), [{ id: 1n, author: "ann", text: "hi" }]);
  assert.deepEqual(await page.evaluate(() => chat.history("plans", 1n)), []);
  assert.match(await refused(() => chat.sendMessage("plans", "")), /a message is a line/);
  await page.evaluate(() => chat.leave("plans"));
  await page.evaluate(() => chat.logout());
  await page.getByRole("button", { name: "Log in" }).waitFor();
  await server.stop();
});

test("nothing is wider than its screen, by day and by night", async () => {
  const server = await Server.start();
  const crowd = await enter(has.browser, server, "ann-with-a-name-that-is-quite-long");
  await crowd.evaluate(async () => {
    for (const thread of ["plans", "a-thread-with-a-name-of-32-chars", "music"]) await chat.join(thread).catch(() => {});
    await chat.sendMessage("lobby", "a text of many words, ".repeat(20));
    await chat.sendMessage("lobby", "withoutanyspaces".repeat(20));
  });
  for (const colorScheme of ["light", "dark"]) {
    for (const [name, width, height] of [["narrow", 360, 640], ["wide", 1280, 720]]) {
      const page = await enter(has.browser, server, `bob-${name}-${colorScheme}`, { colorScheme, viewport: { width, height } });
      await page.evaluate(() => chat.join("plans"));
      await page.getByRole("button", { name: "lobby" }).click();
      await page.getByText("withoutanyspaces").waitFor();
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width);
      await shot(page, `${name}-${colorScheme}`);
    }
  }
  await server.stop();
});
