// A page without Rust: it has the package, as it would have it of npm.

import init, { connect, HardLightError } from "./board/board.js";

const [list, form, add, alert, status, you] = ["ul", "form", "form button", "output", "#status", "#you"].map(
    (selector) => document.querySelector(selector),
);
/** The tasks that are open, and what shows them, by their ids. */
const tasks = new Map();
const items = new Map();
let board;

/** What happened, in words. */
function explain(error) {
    if (!(error instanceof HardLightError)) throw error;
    if (error.kind !== "application") return error.message;
    switch (error.error.type) {
        case "BadTitle":
            return `A title has 1 to ${error.error.value.most} characters.`;
        case "NoSuchTask":
            return "Somebody was faster.";
        default:
            return "Say who you are first.";
    }
}

/** Does something that may fail for reasons that a user is to know. */
async function attempt(action) {
    try {
        alert.value = "";
        return await action();
    } catch (error) {
        alert.value = explain(error);
    }
}

function newItem(id) {
    const [item, text, by, done] = ["li", "span", "small", "button"].map((tag) => document.createElement(tag));
    done.textContent = "Done";
    done.onclick = () => attempt(() => board.finish(id));
    item.append(text, by, done);
    items.set(id, item);
    return item;
}

/** The item of a task: the same one as before, so that who is at its button stays there. */
function itemOf({ id, title, priority, addedBy }) {
    const item = items.get(id) ?? newItem(id);
    const [text, by, done] = item.children;
    text.textContent = title;
    text.className = priority;
    by.textContent = addedBy;
    done.setAttribute("aria-label", `${title} is done`);
    return item;
}

function remove(id, item) {
    items.delete(id);
    // Whoever is at its button goes on from the next.
    if (item.contains(document.activeElement)) {
        (item.nextElementSibling?.lastElementChild ?? form.elements.title).focus();
    }
    item.remove();
}

function show() {
    for (const [id, item] of items) if (!tasks.has(id)) remove(id, item);
    let next = list.firstElementChild;
    for (const task of tasks.values()) {
        const item = itemOf(task);
        if (item === next) next = next.nextElementSibling;
        else list.insertBefore(item, next);
    }
}

async function join(client) {
    const name = new URL(location).searchParams.get("name") ?? "somebody";
    await client.join(name);
    tasks.clear();
    for (const task of await client.openTasks()) tasks.set(task.id, task);
    show();
}

/** Joins on the connection that there is. If it is lost meanwhile, the next one is joined by `restore`. */
async function joinNow() {
    try {
        await join(board);
    } catch (error) {
        if (error.kind !== "not-sent" && error.kind !== "indeterminate") throw error;
    }
}

function showState({ userName, added }) {
    you.textContent = userName ? `You are ${userName}, and have added ${added}.` : "";
}

function showStatus(now) {
    status.textContent = now;
}

// Before anything that takes time: a form without it would load the page anew. Its button waits until all is there.
form.onsubmit = (event) => {
    event.preventDefault();
    const { title, priority } = form.elements;
    attempt(async () => {
        await board.addTask(title.value, priority.value, new Set(), null);
        form.reset();
    });
};

try {
    await init();
    showStatus("connecting");
    board = await connect(new URL("rpc", location.href.replace(/^http/, "ws")).href, {
        reconnect: true,
        restore: join,
    });
    // For the console.
    globalThis.board = board;
    board.onChange(showState);
    board.onStatus(showStatus);
    showStatus(board.status);
    // Before the tasks are asked for, so that no change of them is missed.
    const events = board.events("tasks");
    await joinNow();
    add.disabled = false;

    for await (const event of events) {
        if (event.type === "Added") tasks.set(event.value.id, event.value);
        else if (event.type === "Finished") tasks.delete(event.value.id);
        else await joinNow(); // some were missed
        show();
    }
    // Events end with the client, which comes back until it cannot.
    throw await board.closed;
} catch (error) {
    add.disabled = true;
    showStatus("stopped");
    alert.value = `The board is out of reach: ${error.message}`;
    throw error; // for the console
}
