import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { API } from "typescript/unstable/sync";
import { temporaryDirectory } from "../real/directory.ts";
import { faultsIn } from "./plant.ts";

/** What becomes of this text by each fault that can be planted in it. */
function planted(text: string): string[] {
  const directory = temporaryDirectory();
  writeFileSync(join(directory, "tsconfig.json"), '{"compilerOptions":{"noLib":true},"files":["a.ts"]}');
  writeFileSync(join(directory, "a.ts"), text);
  const api = new API({ cwd: directory });
  try {
    const [project] = api.updateSnapshot({ openProjects: [join(directory, "tsconfig.json")] }).getProjects();
    const source = project?.program.getSourceFile(join(directory, "a.ts"));
    assert.ok(source);
    return faultsIn(source).map(({ from, to, text: fault }) => text.slice(0, from) + fault + text.slice(to));
  } finally {
    api.close();
  }
}

describe("a fault that is planted", () => {
  it("moves a limit, turns a condition round, or takes one side of two", () => {
    assert.deepEqual(planted("const a = b < c;"), ["const a = b <= c;"]);
    assert.deepEqual(planted("const a = b && c;"), ["const a = b || c;"]);
    assert.deepEqual(planted("const a = !b;"), ["const a = b;"]);
    assert.deepEqual(planted("const a = 5;"), ["const a = (5 + 1);"]);
    assert.deepEqual(planted("const a = b ? c : d;"), ["const a = (c);", "const a = (d);"]);
  });

  it("leaves out a statement, a text, a result or an anchor", () => {
    assert.deepEqual(planted("f();"), [";"]);
    assert.deepEqual(planted("const a = 'b';"), ['const a = "";']);
    assert.deepEqual(planted("const a = () => b;"), ["const a = () => undefined as never;"]);
    assert.deepEqual(planted("const a = /^b$/;"), ["const a = /b$/;", "const a = /^b/;"]);
    assert.deepEqual(planted("const a = /b\\$/;"), []);
    assert.deepEqual(planted("if (a) throw b;"), ["if (true) throw b;", "if (false) throw b;", "if (a) ;"]);
  });

  it("is none in types, imports and comments", () => {
    assert.deepEqual(planted('import { a } from "b"; type C = "d" | 5; /* 1 < 2 */ let e: 7;'), []);
  });
});
