import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readDoctorOptions } from "../../doctor/doctor-options.ts";

const url = "https://id.execute-api.eu-central-1.amazonaws.com/auth";

describe("the doctor's command line", () => {
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

  it("takes a user with a host or without", () => {
    const loginOf = (user: string) => {
      const read = readDoctorOptions(["--user", user, "--session", "abc"]);
      return typeof read === "object" && "login" in read ? read.login : undefined;
    };
    assert.deepEqual(loginOf("alice"), { user: "alice", server: undefined, session: "abc" });
    assert.deepEqual(loginOf("alice@example.org"), { user: "alice", server: "example.org", session: "abc" });
  });

  it("is help where it asks for it", () => {
    assert.equal(readDoctorOptions(["--help"]), "help");
    assert.equal(readDoctorOptions(["-h"]), "help");
  });

  it("is refused by its fault, which repeats none of it", () => {
    const wrong = [
      ["--secret"],
      ["--user", "secret"],
      ["--session", "secret"],
      ["--user", "", "--session", "secret"],
      ["--user", "secret@", "--session", "secret"],
      ["--user", "secret", "--session", "secret".repeat(300)],
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
