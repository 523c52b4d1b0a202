// Asks the real ejabberd what its nodeprep makes of names: the judge over inspector/localpart.ts.
//
// Only Erlang and ejabberd's libraries are needed, no running server: ejabberd passes to its external-auth
// program what jid:nodeprep/1 gives. Names and answers travel as one Erlang term in a file each ("External
// Term Format", erts): 131, then LIST_EXT (108) of BINARY_EXT (109), closed by NIL_EXT (106).

import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { ejabberdLibraries } from "../../infra/local/debian.ts";

const program =
  "{ok, _} = application:ensure_all_started(stringprep), " +
  '{ok, Names} = file:read_file("names"), ' +
  "Answers = lists:map(fun jid:nodeprep/1, binary_to_term(Names)), " +
  'ok = file:write_file("answers", term_to_binary(Answers)), ' +
  "halt().";

/** Returns ejabberd's answer for each name, undefined where it refuses the name. One Erlang run for all. */
export async function nodeprep(names: readonly string[]): Promise<(string | undefined)[]> {
  const libraries = ejabberdLibraries();
  if (libraries === undefined) throw new Error("ejabberd is not installed here");
  const home = await mkdtemp(join(tmpdir(), "nodeprep-"));
  try {
    await writeFile(join(home, "names"), encodeList(names));
    const environment = {
      HOME: home,
      PATH: process.env["PATH"],
      ERL_LIBS: libraries,
      ERL_CRASH_DUMP_BYTES: "0",
    };
    const options = { cwd: home, env: environment, timeout: 60_000 };
    await promisify(execFile)("erl", ["-noinput", "-boot", "start_clean", "-eval", program], options);
    const given = decodeList(await readFile(join(home, "answers")));
    if (given.length !== names.length) throw new Error(`${names.length} names, ${given.length} answers`);
    return given;
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

function encodeList(names: readonly string[]): Buffer {
  const size = names.reduce((sum, name) => sum + 5 + Buffer.byteLength(name), 7);
  const term = Buffer.alloc(size);
  term.writeUInt8(131, 0);
  term.writeUInt8(108, 1);
  let at = term.writeUInt32BE(names.length, 2);
  for (const name of names) {
    term.writeUInt8(109, at);
    const length = term.write(name, at + 5);
    term.writeUInt32BE(length, at + 1);
    at += 5 + length;
  }
  term.writeUInt8(106, at);
  return term;
}

function decodeList(term: Buffer): (string | undefined)[] {
  // Bytes that are not UTF-8 must be an error here: a replacement character could make unequal answers equal.
  const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  if (term.readUInt16BE(0) !== 0x83_6c) throw new Error("ejabberd's answer is not a list");
  const answers: (string | undefined)[] = [];
  let at = 6;
  while (answers.length < term.readUInt32BE(2)) {
    const tag = term.readUInt8(at);
    if (tag === 109) {
      const end = at + 5 + term.readUInt32BE(at + 1);
      answers.push(utf8.decode(term.subarray(at + 5, end)));
      at = end;
    } else {
      // The atom `error`: ATOM_EXT (100), whose length has two bytes, or since OTP 26 SMALL_ATOM_UTF8_EXT
      // (119).
      const start = at + (tag === 100 ? 3 : 2);
      const atom = term.toString("latin1", start, start + 5);
      if (atom !== "error") throw new Error(`ejabberd answered ${tag} ${atom}`);
      answers.push(undefined);
      at = start + 5;
    }
  }
  return answers;
}
