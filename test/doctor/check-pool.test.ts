import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { checkPool } from "../../doctor/check-pool.ts";
import { hostsOf } from "../../doctor/hosts.ts";
import { brief, but, settingsOf } from "./settings-of.ts";

describe("the doctor on the pool", () => {
  const poolOf = (line: string, options: Partial<Parameters<typeof checkPool>[2]> = {}) => {
    const settings = settingsOf(but("[inspectord]\n", `[extguard]\n${line}\n`));
    const all = { processors: 2, burst: undefined, answerSeconds: 0.02, ...options };
    return checkPool(settings, hostsOf(settings), all);
  };

  it("tells its rate and the largest burst: size / latency, and 30 s of that", () => {
    const [finding, ...more] = poolOf("extauth_pool_size: 32");
    assert.deepEqual(more, []);
    assert.equal(finding?.level, "ok");
    assert.match(finding?.says ?? "", /32 members serve 1600 logins\/s .* a burst of at most 48000/);
  });

  it("fails where a stated burst would lose logins, and says the size to write", () => {
    const write = (size: number) => `replace extauth_pool_size: ${size}`;
    assert.deepEqual(poolOf("extauth_pool_size: 8", { burst: 12_000 }).map(brief), [
      `warn pool 5: ${write(16)}`,
    ]);
    assert.deepEqual(poolOf("extauth_pool_size: 8", { burst: 12_001 }).map(brief), [
      `fail pool 5: ${write(17)}`,
    ]);
    assert.deepEqual(poolOf("extauth_pool_size: 17", { burst: 12_001 }).map(brief), ["ok pool 5: -"]);
  });

  it("counts this machine's processors where no size is set, and finds them too few", () => {
    assert.deepEqual(poolOf("#").map(brief), ["warn pool 6: append extauth_pool_size: 8"]);
    assert.deepEqual(
      poolOf("#", { processors: 16 }).map(({ level }) => level),
      ["ok"],
    );
  });

  it("says of a size alone what can be said without a latency", () => {
    const answerSeconds = undefined;
    assert.deepEqual(poolOf("extauth_pool_size: 4", { answerSeconds }).map(brief), [
      "warn pool 5: replace extauth_pool_size: 8",
    ]);
    assert.deepEqual(
      poolOf("extauth_pool_size: 8", { answerSeconds }).map(({ level }) => level),
      ["ok"],
    );
    assert.deepEqual(
      poolOf("extauth_pool_size: many").map(({ level }) => level),
      ["fail"],
    );
  });
});
