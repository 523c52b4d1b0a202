// What the host's own ejabberd said of the file and of its modules. Pure: answers -> findings.

import type { EjabberdAnswers } from "./ask-ejabberd.ts";
import type { Finding, Place } from "./finding.ts";
import { type Host, isPooled } from "./hosts.ts";
import type { Installation } from "./installation.ts";
import type { Settings } from "./settings.ts";
import { booleanOf, entryOf, integerOf, textOf, textsOf, type Value } from "./yml.ts";

const check = "yml";
const build = "build it: sh inspectord/build.sh, in the folder infra/ejabberd (docs/chat-host.md)";

/** The codes of ejabberd's econf that need words. */
const codes: Readonly<Record<string, string>> = {
  bad_bool: "it is neither true nor false",
  bad_int: "it is no whole number",
  bad_pos_int: "it is no whole number above 0",
  bad_db_type: "ejabberd cannot load its module",
  bad_module: "ejabberd cannot load this module",
  unknown_option: "ejabberd does not know this option",
  duplicated_option: "it is set twice",
  missing_option: "a required option is missing",
  bad_yaml: "a file is no YAML or cannot be read",
  merge_conflict: "only lists can be appended",
};

export function checkAnswers(
  answers: EjabberdAnswers | undefined,
  settings: Settings | undefined,
  hosts: readonly Host[],
  file: string,
): readonly Finding[] {
  if (answers === undefined) {
    const says = "not looked at: whether ejabberd starts with this file, for its own code could not be asked";
    return [{ level: "warn", check, says, change: "run the doctor as root on the host of ejabberd" }];
  }
  const found: Finding[] = [];
  const { version, refusal, failure } = answers;
  if (refusal !== undefined) {
    const { option, code } = refusal;
    const at = settings === undefined ? undefined : placeOf(settings, option.split("->"));
    const where = option === "" ? "the file" : option;
    const says = `ejabberd ${version} does not start with ${where}: ${codes[code] ?? code}`;
    found.push({ level: "fail", check, at: at ?? { file, line: 1 }, says, change: "see its log" });
  } else if (failure !== undefined) {
    const says = `the code of ejabberd ${version} fails on this file (${failure}): ejabberd may not start with it`;
    found.push({ level: "warn", check, at: { file, line: 1 }, says, change: "start it and see its log" });
  } else {
    found.push({ level: "ok", check, says: `ejabberd ${version} takes ${file}` });
    if (settings !== undefined) found.push(...differences(answers, settings, hosts));
  }
  for (const { name, at } of hosts.flatMap(({ methods }) => methods)) {
    const why = answers.unloadable.get(name);
    if (why === undefined) continue;
    const reason = why === "nofile" ? "is not found" : `cannot be loaded (${why})`;
    const says = `the module of auth_method ${name}, ejabberd_auth_${name}, ${reason}: ejabberd does not start`;
    const change = ["inspectord", "extguard"].includes(name) ? build : `take ${name} out of auth_method`;
    found.push({ level: "fail", check: "method", at, says, change });
  }
  return found;
}

/** Returns what is to be built before a host can be told to ask InspectorD. */
export function checkRecommended(answers: EjabberdAnswers | undefined): readonly Finding[] {
  if (answers === undefined || !answers.unloadable.has("inspectord")) return [];
  const says = "ejabberd_auth_inspectord, the module that asks InspectorD, is not found";
  return [{ level: "fail", check: "method", says, change: build }];
}

/** -pa with a folder called ejabberd makes Erlang look there for ejabberd's translations and style sheets. */
export function checkShadow(
  answers: EjabberdAnswers | undefined,
  installation: Installation | undefined,
): readonly Finding[] {
  const directory = installation?.paths.find(({ directory: path }) =>
    /(^|\/)ejabberd(-[^/]*)?(\/ebin)?\/?$/.test(path),
  );
  if (answers?.isShadowed !== true && (answers !== undefined || directory === undefined)) return [];
  const flag = directory === undefined ? "-pa" : `${directory.flag} ${directory.directory}`;
  const says = `${flag} stands for ejabberd itself, whose translations and bosh.css are then missing`;
  const change =
    "take it out of ERL_OPTIONS in ejabberdctl.cfg, and build the application instead: sh inspectord/build.sh (docs/chat-host.md)";
  return [{ level: "fail", check: "method", says, change }];
}

/** Returns where the option at this path of ejabberd's stands. */
function placeOf(settings: Settings, path: readonly string[]): Place | undefined {
  const [first = "", ...rest] = path;
  const entry = settings.everywhere.find(({ name }) => name === first);
  let place = entry?.at;
  let value: Value | undefined = entry?.value;
  for (const step of rest) {
    const name = step.replace(/^'(.*)'$/, "$1");
    const next: { at: Place; value: Value | undefined } | undefined =
      value?.kind === "list" ? itemAt(value.items, Number(name)) : entryOf(value, name);
    if (next === undefined) break;
    place = next.at;
    value = next.value;
  }
  return place;
}

function itemAt(items: readonly Value[], number: number) {
  const item = items[number - 1];
  return item === undefined ? undefined : { at: item.at, value: item };
}

/** Says which options ejabberd reads otherwise than the doctor does: a check that rests on them may be wrong. */
function differences(
  { values }: EjabberdAnswers,
  settings: Settings,
  hosts: readonly Host[],
): readonly Finding[] {
  const expected = new Map<string, string | undefined>();
  const sorted = (text: string) => text.split(",").sort().join();
  expected.set("global hosts", sorted(hosts.map(({ name }) => name).join()));
  expected.set("global listen", sorted(settings.items("listen").map(listenerText).join()));
  for (const host of hosts) {
    const { name, methods } = host;
    const text = (option: string) => textOf(settings.of(name, option)?.value);
    expected.set(`${name} auth_method`, sorted(methods.map((method) => method.name).join()));
    expected.set(`${name} extauth_program`, text("extauth_program") ?? "undefined");
    expected.set(`${name} anonymous_protocol`, text("anonymous_protocol") ?? "sasl_anon");
    const cache = settings.of(name, "auth_use_cache") ?? settings.of(name, "use_cache");
    expected.set(`${name} auth_use_cache`, String(booleanOf(cache?.value) ?? true));
    const mechanisms = textsOf(settings.of(name, "disable_sasl_mechanisms")?.value);
    expected.set(
      `${name} disable_sasl_mechanisms`,
      sorted(mechanisms.map((mechanism) => mechanism.text.toUpperCase()).join()),
    );
    expected.set(
      `${name} modules`,
      sorted(
        settings
          .modulesOf(name)
          .map((module) => module.name)
          .join(),
      ),
    );
    const size = settings.of(name, "extauth_pool_size");
    if (isPooled(host))
      expected.set(`${name} extauth_pool_size`, String(integerOf(size?.value) ?? "undefined"));
  }
  const otherwise = [...expected].filter(([key, text]) => {
    const value = values.get(key);
    return value !== undefined && sorted(value) !== sorted(text ?? "");
  });
  if (otherwise.length === 0) return [];
  const names = otherwise.map(([key]) => key.replace("global ", "")).join(", ");
  const says = `ejabberd reads these otherwise than the doctor, which may be wrong about them: ${names}`;
  return [{ level: "warn", check, says }];
}

/** As ask-ejabberd.ts has it. */
function listenerText(listener: Value): string {
  const text = (name: string, otherwise: string) => textOf(entryOf(listener, name)?.value) ?? otherwise;
  const flag = (name: string) => String(booleanOf(entryOf(listener, name)?.value) ?? false);
  const set = entryOf(listener, "request_handlers")?.value;
  const handlers = set?.kind === "map" ? set.entries.map(({ value }) => textOf(value)) : [];
  return [
    text("port", ""),
    text("transport", "tcp"),
    text("module", ""),
    flag("tls"),
    flag("starttls_required"),
    handlers.join("+"),
  ].join(" ");
}
