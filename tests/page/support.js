// What the tests have: servers, terminals and a browser.
"use strict";

const { spawn } = require("node:child_process");
const { once } = require("node:events");
const fs = require("node:fs");
const path = require("node:path");
const readline = require("node:readline");
const { after, before } = require("node:test");
const { isDeepStrictEqual } = require("node:util");
const { chromium } = require("playwright-core");

// scripts/test sets these.
const { CHAT_WEB, CHAT_CLIENT, CHAT_PAGE, SHOTS } = process.env;

/** How long anything may take, in milliseconds. Much more than it needs, so that only what hangs fails. */
const PATIENCE = 30_000;

/** A process, and the lines that it prints. */
class Program {
  constructor(command, args, env = {}) {
    this.process = spawn(command, args, { env: { ...process.env, NO_COLOR: "1", ...env } });
    this.lines = [];
    this.waiting = new Set();
    this.exited = once(this.process, "exit");
    for (const output of [this.process.stdout, this.process.stderr]) {
      readline.createInterface({ input: output }).on("line", (line) => {
        this.lines.push(line);
        for (const look of this.waiting) look();
      });
    }
    Program.all.add(this);
  }

  /** Waits for a line, wherever it stands behind the first `from`. */
  async line(pattern, from = 0) {
    const found = () => this.lines.slice(from).find((line) => pattern.test(line));
    return (
      found() ??
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          this.waiting.delete(look);
          reject(new Error(`no line like ${pattern} in:\n${this.lines.join("\n")}`));
        }, PATIENCE);
        const look = () => {
          const line = found();
          if (line === undefined) return;
          clearTimeout(timer);
          this.waiting.delete(look);
          resolve(line);
        };
        this.waiting.add(look);
      })
    );
  }

  type(line) {
    this.process.stdin.write(`${line}\n`);
  }

  /** Ends it as Ctrl-C does, and waits for that. */
  async stop() {
    this.process.kill("SIGINT");
    const [code] = await this.exited;
    Program.all.delete(this);
    if (code !== 0) throw new Error(`it ended with ${code}:\n${this.lines.join("\n")}`);
  }

  /** Ends it as a crash does. */
  async kill() {
    this.process.kill("SIGKILL");
    await this.exited;
    Program.all.delete(this);
  }
}
Program.all = new Set();

/** A server of the chat, and of its page. */
class Server extends Program {
  /** Starts one, on the port that it had before if it is `again`. */
  static async start({ dir = folder(), port = 0, tls = false, page = CHAT_PAGE, options = [] } = {}) {
    const certificate = path.join(dir, "page.pem");
    const args = ["--listen", `localhost:${port}`, "--database", path.join(dir, "chat.db"), "--page", page];
    if (tls) args.push("--tls", certificate);
    const server = new Server(CHAT_WEB, [...args, ...options], { RUST_LOG: "info,hardlight_ws=debug" });
    const line = await server.line(/^listening on /);
    const [, url, service] = /^listening on (\S+) and (\S+)$/.exec(line);
    return Object.assign(server, { dir, tls, options, certificate, url, service, port: Number(new URL(url).port) });
  }

  /** Another one in its place, once it has ended. */
  again() {
    const { dir, port, tls, options } = this;
    return Server.start({ dir, port, tls, options });
  }
}

/** The client for the terminal, which has logged in. */
async function terminal(server, user) {
  const args = ["--plain", "--user", user, server.service];
  if (server.tls) args.unshift("--certificate", server.certificate);
  const client = new Program(CHAT_CLIENT, args);
  await client.line(/^online$/);
  return client;
}

/** A new one, beside the pictures. */
function folder() {
  return fs.mkdtempSync(path.join(SHOTS, "files-"));
}

const arguments_ = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";

/** A browser of its own, whose processes take signals. */
async function startMachine() {
  const host = await chromium.launchServer({ executablePath, args: arguments_ });
  const browser = await chromium.connect(host.wsEndpoint());
  const signal = (name) => process.kill(-host.process().pid, name);
  machines.add(signal);
  return { browser, signal };
}
const machines = new Set();

/** Starts a browser before the tests of a file, and ends everything behind them. */
function useBrowser(options = {}) {
  const has = {};
  before(async () => {
    has.browser = await chromium.launch({ executablePath, args: arguments_, ...options });
  });
  after(async () => {
    await has.browser?.close();
    for (const signal of machines) signal("SIGKILL");
    for (const program of Program.all) program.process.kill("SIGKILL");
  });
  return has;
}

/** The page of a user of their own, as somebody sees it who opens it first. */
async function open(browser, server, options = {}) {
  const context = await browser.newContext({ ignoreHTTPSErrors: server.tls, viewport: { width: 1100, height: 700 }, ...options });
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  await page.goto(server.url);
  return page;
}

/** Fills in the form. */
async function logIn(page, user, password = "") {
  await page.getByLabel("Name", { exact: true }).fill(user);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Log in" }).click();
}

/** The page of a user who has logged in. */
async function enter(browser, server, user, options = {}) {
  const page = await open(browser, server, options);
  await logIn(page, user);
  await shows(page, "online");
  return page;
}

/** Waits until the connection is said to be so. */
async function shows(page, status) {
  await page.locator(`#status[data-status="${status}"]`).waitFor();
}

async function send(page, text) {
  await page.getByLabel("Message", { exact: true }).fill(text);
  await page.getByLabel("Message", { exact: true }).press("Enter");
}

/** Waits until the messages that are shown are these. */
async function reads(page, ...messages) {
  const expected = messages.map((message) => message.replace(": ", "\n"));
  const shown = () => [...document.querySelectorAll("#messages li")].map((item) => `${item.querySelector(".author").textContent}\n${item.querySelector(".text").textContent}`);
  await waitFor(page, shown, expected);
}

/** Waits until these are said to be in the thread. */
async function sees(page, ...users) {
  await waitFor(page, () => [...document.querySelectorAll("#present li")].map((item) => item.textContent), users);
}

/** Waits until the page has this value of a function. */
async function waitFor(page, get, expected) {
  await until(page, get, (value) => isDeepStrictEqual(value, expected), JSON.stringify(expected));
}

/**
 * Waits until a function has a value in the page that is as it is to be: that value. The page's own security policy forbids
 * Playwright to look from within.
 */
async function until(page, get, isRight, wanted = isRight) {
  const end = Date.now() + PATIENCE;
  for (;;) {
    const value = await page.evaluate(get);
    if (isRight(value)) return value;
    if (Date.now() > end) throw new Error(`${JSON.stringify(value)} is not ${wanted}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A picture, for people to look at. */
async function shot(page, name) {
  await page.screenshot({ path: path.join(SHOTS, `${name}.png`) });
}

module.exports = { PATIENCE, CHAT_PAGE, Server, enter, folder, logIn, open, reads, sees, send, shot, shows, startMachine, terminal, until, useBrowser, waitFor };
