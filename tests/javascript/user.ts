// A program in TypeScript that uses the package. It is only compiled.

import init, { connect, HardLightError } from "hardlight-board";
import type { BoardClient, BoardError, BoardEvent, BoardState, Priority, Task } from "hardlight-board";

export async function use(): Promise<bigint> {
    await init();
    const board: BoardClient = await connect("wss://example.com/rpc", {
        token: async () => "secret",
        reconnect: true,
        restore: async (client) => {
            await client.join("ann");
        },
    });
    const open: number = await board.join("ann");
    const priority: Priority = "High";
    const task: Task = await board.addTask("write", priority, new Set(["docs"]), null, { timeout: 1000 });
    const dueIn: number | null = task.dueIn;
    const picture: Uint8Array = await board.picture(open, dueIn ?? 0, { signal: AbortSignal.timeout(1000) });
    const state: BoardState = board.state;
    const name: string | null = state.userName;
    const nothing: void = await board.finish(task.id);
    const stop: () => void = board.onChange(({ recentTasks }) =>
        console.log(recentTasks.length, picture, name, nothing),
    );
    stop();
    for await (const event of board.events("tasks")) {
        switch (event.type) {
            case "Added":
                console.log(event.topic, event.value.labels.has("docs"));
                break;
            case "Finished":
                console.log(event.value.finishedBy);
                break;
            case "Lagged":
                console.log(event.missed, event.reason);
                break;
            case "Restarted":
                console.log(event.topic);
        }
    }
    return task.id;
}

export function why(error: unknown): string {
    if (!(error instanceof HardLightError)) return "a mistake";
    if (error.kind !== "application") return error.code ?? error.message;
    const own = error.error as BoardError;
    switch (own.type) {
        case "BadTitle":
            return `${own.value.most} characters at most`;
        case "NoSuchTask":
            return `no task ${own.value}`;
        case "NotJoined":
            return "join first";
    }
}

export type Finished = Extract<BoardEvent, { type: "Finished" }>;

export async function mistakes(board: BoardClient): Promise<void> {
    // @ts-expect-error: there is no such priority
    await board.addTask("write", "Urgent", new Set(), null);
    // @ts-expect-error: a number of a task is a bigint
    await board.finish(1);
    // @ts-expect-error: there is no such method
    await board.start();
    // @ts-expect-error: the server changes the state
    board.state.added = 1;
}
