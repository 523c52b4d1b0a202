import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readDoctorOptions, usage } from "../../doctor/doctor-options.ts";
import { noIdAsArgument } from "../../terminal/session-id-input.ts";
import { examplesOf } from "../examples-of.ts";

const url = "https://id.execute-api.eu-central-1.amazonaws.com/auth";

describe("the doctor's command line", () => {
  it("is right in each example of its help", () => {
    const examples = examplesOf(usage, "doctor.mjs");
    assert.ok(examples.length >= 3);
    for (const example of examples) {
      const read = readDoctorOptions(example);
      assert.ok(typeof read === "object" && !("problem" in read), example.join(" "));
    }
  });

  it("may be empty", () => {
    assert.deepEqual(readDoctorOptions([]), {
      relayArgs: undefined,
      ymlPath: undefined,
      login: undefined,
      burst: undefined,
    });
  });

  it("hands the relay's options on, and keeps its own", () => {
    const args = [
      "--ejabberd-yml",
      "/e.yml",
      url,
      "--hedge",
      "--deadline-ms",
      "500",
      "--burst=20",
      "--region=x",
    ];
    const read = readDoctorOptions(args);
    assert.ok(typeof read === "object" && !("problem" in read));
    assert.deepEqual(read.relayArgs, [url, "--hedge", "--deadline-ms=500", "--region=x"]);
    assert.equal(read.ymlPath, "/e.yml");
    assert.equal(read.burst, 20);
  });

  it("takes a user as the site spells them, a host, and a file with the session id", () => {
    const loginOf = (...args: string[]) => {
      const read = readDoctorOptions(args);
      return typeof read === "object" && "login" in read ? read.login : undefined;
    };
    for (const userName of ["alice", "Carol Danvers", "eve@example.org"]) {
      assert.deepEqual(loginOf("--user", userName), { userName, host: undefined, file: undefined });
    }
    assert.deepEqual(loginOf("--user", "a", "--host", "Chat.org", "--session-file", "-"), {
      userName: "a",
      host: "chat.org",
      file: "-",
    });
  });

  it("takes no session id, and says how one is given", () => {
    for (const args of [
      ["--user", "alice", "secret"],
      ["--session", "secret"],
      ["--session=secret", url],
    ]) {
      assert.deepEqual(readDoctorOptions(args), { problem: noIdAsArgument });
    }
  });

  it("is help where it asks for it", () => {
    assert.equal(readDoctorOptions(["--help"]), "help");
    assert.equal(readDoctorOptions(["-h"]), "help");
  });

  it("is refused by its fault, which repeats none of it", () => {
    const wrong = [
      ["--secret"],
      ["--user", ""],
      ["--user", "secret".repeat(300)],
      ["--user", "secret", "--host", ""],
      ["--user", "secret", "--host", "secret".repeat(300)],
      ["--host", "secret"],
      ["--session-file", "secret"],
      ["--session"],
      ["--burst", "0"],
      ["--burst", "1.5"],
      ["--burst", "1000001"],
      ["--burst", "secret"],
      ["--region", "secret"],
    ];
    for (const args of wrong) {
      const read = readDoctorOptions(args);
      assert.ok(typeof read === "object" && "problem" in read, args.join(" "));
      assert.doesNotMatch(read.problem, /secret/);
    }
  });
});
