// The YAML parser of an ejabberd host, through Erlang: fast_yaml as ejabberd calls it.

import { spawn } from "node:child_process";
import { ejabberdLibraries } from "../../infra/local/debian.ts";
import { endWithParent } from "../../infra/local/process.ts";

/** Answers each document (4 bytes of length before it) by a term, or by "!" if the parser refuses it. */
const program = `
Hex = fun(B) -> [io_lib:format("~2.16.0b", [X]) || <<X>> <= B] end,
F = fun F({K, V}) -> [F(K), "=", F(V)];
  F([]) -> "[]";
  F(L) when is_list(L) -> ["[", lists:join(",", [F(E) || E <- L]), "]"];
  F(A) when is_atom(A) -> ["a", Hex(atom_to_binary(A, latin1))];
  F(B) when is_binary(B) -> ["b", Hex(B)];
  F(I) when is_integer(I) -> ["i", integer_to_list(I)];
  F(X) when is_float(X) -> "f" end,
{ok, _} = application:ensure_all_started(fast_yaml),
P = open_port({fd, 0, 1}, [binary, {packet, 4}, eof]),
L = fun L() -> receive
  {P, {data, D}} ->
    R = try {ok, T} = fast_yaml:decode(D, [{plain_as_atom, true}]), F(T) catch _:_ -> "!" end,
    port_command(P, R), L();
  {P, eof} -> halt() end end,
L().`;

export interface FastYaml {
  /** Returns the term, or "!" if the parser refuses the document. */
  decode(document: Uint8Array): Promise<string>;
  stop(): void;
}

export function startFastYaml(): FastYaml {
  const child = spawn("erl", ["-noinput", "-boot", "start_clean", "-eval", program], {
    env: { ...process.env, ERL_LIBS: ejabberdLibraries(), ERL_CRASH_DUMP_BYTES: "0" },
    stdio: ["pipe", "pipe", "inherit"],
  });
  endWithParent(child);
  let unread = Buffer.alloc(0);
  const waiting: ((answer: string) => void)[] = [];
  child.stdout.on("data", (chunk: Buffer) => {
    unread = Buffer.concat([unread, chunk]);
    while (unread.length >= 4 && unread.length >= 4 + unread.readUInt32BE(0)) {
      const length = unread.readUInt32BE(0);
      waiting.shift()?.(unread.toString("latin1", 4, 4 + length));
      unread = unread.subarray(4 + length);
    }
  });
  child.on("close", () => {
    for (const answer of waiting.splice(0)) answer("the parser has ended");
  });
  return {
    decode: (document) =>
      new Promise((resolve) => {
        waiting.push(resolve);
        const length = Buffer.alloc(4);
        length.writeUInt32BE(document.length);
        child.stdin.write(length);
        child.stdin.write(document);
      }),
    stop: () => void child.stdin.end(),
  };
}
