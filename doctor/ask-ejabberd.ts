// The host's own ejabberd, asked without starting it: does it take this file, can it load the module that authenticates,
// and how does it read what the doctor looks at? Its own code answers, in a process of Erlang's that ends then.

import { spawn } from "node:child_process";
import { resolve } from "node:path";
import type { Environment } from "../relay/config.ts";
import type { Installation } from "./installation.ts";

export interface EjabberdAnswers {
  /** `23.01-1` for one. */
  readonly version: string;
  /** Whether another folder stands for ejabberd's own application: translations and bosh.css are then missing. */
  readonly isShadowed: boolean;
  /** For each method: undefined if its module can be loaded, or why not. */
  readonly unloadable: ReadonlyMap<string, string>;
  /** The methods whose module decides itself that nothing of it is cached. */
  readonly uncached: ReadonlySet<string>;
  /** Why ejabberd does not start with this file: the option and a code. */
  readonly refusal: { readonly option: string; readonly code: string } | undefined;
  /** The error of ejabberd's own code with this file: it then does not start either, or lacks something here. */
  readonly failure: string | undefined;
  /** What ejabberd reads, by `HOST OPTION`; empty if it refuses the file. */
  readonly values: ReadonlyMap<string, string>;
}

export interface AskOptions {
  readonly installation: Installation;
  readonly ymlPath: string;
  readonly methods: readonly string[];
  readonly environment: Environment;
  readonly directory: string;
  readonly withinMs: number;
}

const maxOutputBytes = 4_194_304;

/** Prints every text in hexadecimal: names and values may hold anything. */
const program = `
logger:set_primary_config(level, none), error_logger:tty(false),
Hex = fun(T) -> [io_lib:format("~2.16.0b", [B]) || <<B>> <= unicode:characters_to_binary(T)] end,
Text = fun(T) -> try unicode:characters_to_binary(T) of B when is_binary(B) -> B; _ -> <<"?">> catch _:_ -> <<"?">> end end,
Flat = fun F(A) when is_atom(A) -> atom_to_binary(A, utf8); F(B) when is_binary(B) -> B;
  F(I) when is_integer(I) -> integer_to_binary(I);
  F(L) when is_list(L) -> case lists:all(fun(E) -> is_integer(E) end, L) andalso L =/= [] of
    true -> Text(L); false -> iolist_to_binary(lists:join(",", [F(E) || E <- L])) end;
  F(T) -> Text(io_lib:format("~0p", [T])) end,
Say = fun(K, V) -> io:format("~ninspectord ~s ~s~n", [K, Hex(iolist_to_binary(V))]) end,
Methods = string:lexemes(os:getenv("INSPECTORD_METHODS"), ","),
_ = [catch application:ensure_all_started(A) || A <- [p1_utils, fast_yaml, yconf, stringprep, idna, fast_tls, fast_xml, xmpp, pkix, jiffy]],
_ = application:load(ejabberd),
{ok, Vsn} = application:get_key(ejabberd, vsn),
Say("version", Flat(Vsn)),
Own = filename:dirname(filename:dirname(code:which(ejabberd_config))),
Say("shadowed", Flat(filename:absname(Own) =/= filename:absname(code:lib_dir(ejabberd)))),
lists:foreach(fun(M) ->
  Mod = list_to_atom("ejabberd_auth_" ++ M),
  case code:ensure_loaded(Mod) of
    {module, _} -> Say("loads", M ++ case erlang:function_exported(Mod, use_cache, 1) of true -> " uncached"; _ -> "" end);
    {error, Why} -> Say("unloadable", M ++ " " ++ atom_to_list(Why)) end end, Methods),
Option = fun(O) -> iolist_to_binary(lists:join("->", [Flat(E) || E <- O])) end,
Get = fun(O, H) -> try ejabberd_config:get_option({O, H}) catch _:_ -> undefined end end,
case catch ejabberd_config:load() of
  ok ->
    Hosts = ejabberd_config:get_option(hosts),
    Say("value", ["global hosts ", lists:join(",", Hosts)]),
    Listener = fun({{P, _, T}, M, O}) ->
      Handlers = [atom_to_binary(H, utf8) || {_, H} <- maps:get(request_handlers, O, [])],
      [lists:join(" ", [Flat(P), Flat(T), Flat(M), Flat(maps:get(tls, O, false)), Flat(maps:get(starttls_required, O, false)),
        lists:join("+", Handlers)])] end,
    try Say("value", ["global listen ", lists:join(",", [Listener(L) || L <- Get(listen, global)])]) catch _:_ -> ok end,
    [[Say("value", [H, " ", atom_to_list(O), " ", Flat(Get(O, H))]) ||
      O <- [auth_method, auth_use_cache, extauth_program, extauth_pool_size, anonymous_protocol, disable_sasl_mechanisms]]
      ++ [try Say("value", [H, " modules ", lists:join(",", [Flat(element(1, M)) || M <- case Get(modules, H) of L when is_list(L) -> L; Ms when is_map(Ms) -> maps:to_list(Ms) end])]) catch _:_ -> ok end]
      || H <- Hosts],
    Say("loaded", "");
  {error, Reason, Ctx} when is_list(Ctx) ->
    Say("refused", [Option(Ctx), " ", if is_tuple(Reason) -> Flat(element(1, Reason)); true -> Flat(Reason) end]);
  {error, {merge_conflict, O, _}} -> Say("refused", [Flat(O), " merge_conflict"]);
  {error, {exception, _, E, _}} -> Say("failed", if is_tuple(E) -> Flat(element(1, E)); is_atom(E) -> Flat(E); true -> "error" end);
  _ -> ok
end,
Say("end", ""), halt(0).`;

/**
 * Returns what ejabberd's own code says, or undefined if it could not be asked. Runs Erlang as the user of this process.
 */
export async function askEjabberd(options: AskOptions): Promise<EjabberdAnswers | undefined> {
  for (const erl of options.installation.erl) {
    const output = await run(erl, options);
    if (output !== undefined) return readAnswers(output);
  }
  return undefined;
}

/** Returns the output of a program that ended well within its time. */
function run(erl: string, options: AskOptions): Promise<string | undefined> {
  const { installation, ymlPath, methods, environment, directory, withinMs } = options;
  const paths = installation.paths.flatMap(({ flag, directory: path }) => [flag, path]);
  return new Promise((end) => {
    const child = spawn(erl, [...paths, "-noinput", "-boot", "start_clean", "-eval", program], {
      cwd: directory,
      env: {
        ...environment,
        ...installation.environment,
        ERL_LIBS: installation.libraries,
        ERL_CRASH_DUMP_BYTES: "0",
        EJABBERD_CONFIG_PATH: resolve(ymlPath),
        INSPECTORD_METHODS: methods.join(","),
        // Those of the process that runs would start it again, or under its name.
        ERL_FLAGS: "",
        ERL_AFLAGS: "",
        ERL_ZFLAGS: "",
      },
      stdio: ["ignore", "pipe", "ignore"],
      detached: true,
    });
    let output = "";
    child.stdout.setEncoding("latin1").on("data", (text: string) => {
      output += text;
      if (output.length > maxOutputBytes) finish(undefined);
    });
    const timer = setTimeout(() => finish(undefined), withinMs);
    const finish = (result: string | undefined) => {
      clearTimeout(timer);
      try {
        if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
      } catch {
        // It has ended.
      }
      end(result);
    };
    child.on("error", () => finish(undefined));
    child.on("close", (status) => finish(status === 0 ? output : undefined));
  });
}

function readAnswers(output: string): EjabberdAnswers | undefined {
  const said = [...output.matchAll(/^inspectord ([a-z]+) ([0-9a-f]*)$/gm)].map(
    ([, key = "", hex = ""]) => [key, Buffer.from(hex, "hex").toString()] as const,
  );
  const all = (asked: string) => said.filter(([key]) => key === asked).map(([, text]) => text);
  const [version] = all("version");
  if (version === undefined || all("end").length === 0) return undefined;
  const [refused] = all("refused");
  const [failure] = all("failed");
  if (refused === undefined && failure === undefined && all("loaded").length === 0) return undefined;
  const [option = "", code = ""] = splitAtLast(refused ?? "");
  return {
    version,
    isShadowed: all("shadowed")[0] === "true",
    unloadable: new Map(all("unloadable").map(splitAtLast)),
    uncached: new Set(
      all("loads")
        .filter((text) => text.endsWith(" uncached"))
        .map((text) => text.split(" ")[0] ?? ""),
    ),
    refusal: refused === undefined ? undefined : { option, code },
    failure,
    values: new Map(
      all("value").map((text) => {
        const [host = "", name = "", ...value] = text.split(" ");
        return [`${host} ${name}`, value.join(" ")] as const;
      }),
    ),
  };
}

function splitAtLast(text: string): [string, string] {
  const at = text.lastIndexOf(" ");
  return [text.slice(0, at), text.slice(at + 1)];
}
