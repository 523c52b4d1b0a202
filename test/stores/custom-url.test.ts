import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readCustomUrl } from "../../stores/custom-url.ts";

describe("the URL of a store of the operator's own", () => {
  it("names a module, and settings for it", () => {
    assert.deepEqual(readCustomUrl("custom://mine"), { kind: "custom", name: "mine", settings: {} });
    const { settings } =
      readCustomUrl("custom://my-2?url=https://a.example/x?y=1%26z&empty=&a_B9=%C3%A9") ?? {};
    assert.deepEqual(settings, { url: "https://a.example/x?y=1&z", empty: "", a_B9: "é" });
  });

  it("is nothing else", () => {
    const long = "x".repeat(1025);
    const many = Array.from({ length: 17 }, (_, i) => `a${i}=b`).join("&");
    for (const rest of [
      ...[
        "",
        "Mine",
        "9mine",
        "my_store",
        "my.store",
        "../mine",
        "mine/",
        "mine%2e",
        "mine.ts",
        "a".repeat(41),
      ],
      ...["mine?", "mine?a", "mine?=b", "mine?a=b&", "mine?a=b&a=c", "mine?a=%zz", "mine?a=b c", "mine?a=é"],
      ...["mine?__proto__=b", `mine?a=${long}`, `mine?${many}`, "mine\n", "mine?a=b\n", "mine#a"],
    ]) {
      assert.equal(readCustomUrl(`custom://${rest}`), undefined, rest.slice(0, 40));
    }
  });
});
