import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { within } from "../../stores/deadline.ts";

describe("a time limit", () => {
  it("ends work that does not end, at its millisecond and not before", async (context) => {
    context.mock.timers.enable({ apis: ["setTimeout"] });
    const events: string[] = [];
    const limited = within(1000, new Promise(() => {})).catch(({ fault }) => events.push(fault));
    context.mock.timers.tick(999);
    await Promise.resolve();
    assert.deepEqual(events, []);
    context.mock.timers.tick(1);
    await limited;
    assert.deepEqual(events, ["store-timeout"]);
  });

  it("lets work through that ends in time, with what it gives or throws, and leaves no timer", async () => {
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
    const before = timers();
    assert.equal(await within(60_000, Promise.resolve("a")), "a");
    const error = new Error();
    await assert.rejects(within(60_000, Promise.reject(error)), error);
    assert.equal(timers(), before);
  });
});
