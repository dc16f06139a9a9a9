// A page without Rust: it has the package, as it would have it of npm.

import init, { connect, HardLightError } from "./board/board.js";

const [list, form, alert, status, you] = ["ul", "form", "output", "#status", "#you"].map((selector) =>
    document.querySelector(selector),
);
const tasks = new Map();

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

function show() {
    const items = Array.from(tasks.values(), ({ id, title, priority, addedBy }) => {
        const [item, text, by, done] = ["li", "span", "small", "button"].map((tag) =>
            document.createElement(tag),
        );
        text.textContent = title;
        text.className = priority;
        by.textContent = addedBy;
        done.textContent = "Done";
        done.setAttribute("aria-label", `${title} is done`);
        done.onclick = () => attempt(() => board.finish(id));
        item.append(text, by, done);
        return item;
    });
    list.replaceChildren(...items);
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

await init();
const board = await connect(new URL("rpc", location.href.replace(/^http/, "ws")).href, {
    reconnect: true,
    restore: join,
});
// For the console.
globalThis.board = board;

const showState = ({ userName, added }) =>
    (you.textContent = userName ? `You are ${userName}, and have added ${added}.` : "");
board.onChange(showState);
const showStatus = (now) => (status.textContent = now);
board.onStatus(showStatus);
showStatus(board.status);
await joinNow();

form.onsubmit = (event) => {
    event.preventDefault();
    const { title, priority } = form.elements;
    attempt(async () => {
        await board.addTask(title.value, priority.value, new Set(), null);
        form.reset();
    });
};

for await (const event of board.events("tasks")) {
    if (event.type === "Added") tasks.set(event.value.id, event.value);
    else if (event.type === "Finished") tasks.delete(event.value.id);
    else await joinNow();
    show();
}
