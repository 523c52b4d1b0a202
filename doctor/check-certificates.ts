// The certificate of each host: is it there, in date, does it name the host, does a browser trust it, may ejabberd read it?

import type { X509Certificate } from "node:crypto";
import { resolve } from "node:path";
import {
  type CertificateStore,
  certificateFor,
  isTrusted,
  namesHost,
  readCertificates,
} from "./certificate-files.ts";
import { distinct, type Finding, type Place } from "./finding.ts";
import type { Host } from "./hosts.ts";
import { type ListenerAddress, type Served, servedCertificate } from "./served-certificate.ts";
import type { Settings } from "./settings.ts";
import { type WayIn, waysIn } from "./ways-in.ts";
import { expandWildcard, hasWildcard } from "./wildcard.ts";
import { booleanOf, entryOf, integerOf, textsOf } from "./yml.ts";

export interface CertificateOptions {
  readonly directory: string;
  /** Whether ejabberd runs: then what it serves is looked at. */
  readonly isRunning: boolean;
  readonly now: Date;
  readonly timeoutMs: number;
}

/** A certificate that ends within this time is not renewed by itself, it seems. */
const fewDays = 14;
const dayMs = 86_400_000;
/** Asking for more would take long. */
const maxHosts = 20;
const check = "certificate";
const change =
  "certfiles: the PEM files of a certificate that names the host, from an authority that browsers trust, with its chain and its key";

export async function checkCertificates(
  settings: Settings,
  hosts: readonly Host[],
  options: CertificateOptions,
): Promise<readonly Finding[]> {
  const ways = waysIn(settings).filter(({ protection, isLocal }) => protection !== "none" && !isLocal);
  if (ways.length === 0 || hosts.length === 0) return [];
  const { store, findings } = readStore(settings, options);
  const isForBrowsers = ways.some(({ kind, protection }) => protection === "tls" && isBrowsers(kind));
  const found = [...findings];
  for (const host of hosts.slice(0, maxHosts)) {
    if (options.isRunning) found.push(...(await checkServed(host, ways, options)));
    else found.push(checkStored(host, store, settings, isForBrowsers, options.now));
  }
  if (hosts.length > maxHosts) {
    found.push({ level: "warn", check, says: `only the first ${maxHosts} hosts were looked at` });
  }
  return withoutMilder(distinct(found));
}

/** Returns them without the warnings that say what a failure says, too: one certificate may serve several listeners. */
function withoutMilder(findings: readonly Finding[]): readonly Finding[] {
  const failures = new Set(findings.filter(({ level }) => level === "fail").map(({ says }) => says));
  return findings.filter(({ level, says }) => level !== "warn" || !failures.has(says));
}

function isBrowsers(kind: WayIn["kind"]): boolean {
  return kind === "bosh" || kind === "websocket";
}

function readStore(
  settings: Settings,
  { directory }: CertificateOptions,
): { readonly store: CertificateStore; readonly findings: readonly Finding[] } {
  const set = settings.everywhere.find(({ name }) => name === "certfiles");
  const named = textsOf(set?.value).map(({ text, at }) => ({ path: resolve(directory, text), at }));
  const files = named.flatMap(({ path, at }) =>
    (hasWildcard(path) ? expandWildcard(path) : [path]).map((file) => ({ path: file, at })),
  );
  const store = readCertificates(files.map(({ path }) => path));
  const placeOf = (path: string): Place | undefined => files.find((file) => file.path === path)?.at;
  const findings = store.unreadable.map(
    ({ path, code }): Finding => ({
      level: "fail",
      check,
      at: placeOf(path),
      says: `ejabberd cannot read ${path} (${code})`,
      change: `let the user ejabberd read it (chgrp ejabberd ${path}; chmod 640 ${path})`,
    }),
  );
  return { store, findings };
}

/** What ejabberd would serve if it started now. */
function checkStored(
  { name, at }: Host,
  store: CertificateStore,
  settings: Settings,
  isForBrowsers: boolean,
  now: Date,
): Finding {
  const certificate = certificateFor(store, name);
  if (certificate === undefined || !namesHost(certificate, name)) {
    const acme = settings.everywhere.find((entry) => entry.name === "acme")?.value;
    if (booleanOf(entryOf(acme, "auto")?.value) !== false && name.includes(".")) {
      const says = `certfiles has none for ${name}: ejabberd asks an ACME authority for one once it runs, which was not looked at`;
      return { level: "warn", check, at, says, change: "start ejabberd and run the doctor again" };
    }
  }
  if (certificate === undefined) {
    return { level: "fail", check, at, says: `there is no certificate with its key for ${name}`, change };
  }
  return judge(name, certificate, isTrusted(certificate, store.certificates), { at, isForBrowsers, now });
}

async function checkServed(
  { name, at }: Host,
  ways: readonly WayIn[],
  { now, timeoutMs }: CertificateOptions,
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const seen = new Set<string>();
  for (const way of ways) {
    const address = listenerOf(way);
    if (address === undefined || seen.has(way.address)) continue;
    seen.add(way.address);
    const served: Served = await servedCertificate(address, name, timeoutMs);
    const isForBrowsers = ways.some((other) => other.address === way.address && isBrowsers(other.kind));
    if ("problem" in served) {
      const says = `${way.protocol} on ${way.address} serves no certificate for ${name} (${served.problem})`;
      findings.push({ level: "fail", check, at: way.at, says, change });
      continue;
    }
    const { certificate, distrust } = served;
    findings.push(judge(name, certificate, distrust === undefined, { at, isForBrowsers, now }));
  }
  return findings;
}

/** Returns where a listener is reached from this machine. */
function listenerOf({ listener, protection, address }: WayIn): ListenerAddress | undefined {
  const port = integerOf(entryOf(listener, "port")?.value);
  if (port === undefined || protection === "none") return undefined;
  const ip = address.replace(/^\[?(.*?)\]?:\d+$/, "$1");
  const isAny = ip === "0.0.0.0" || /^[0:]+$/.test(ip);
  return { host: isAny ? "127.0.0.1" : ip, port, isStartTls: protection === "starttls" };
}

function judge(
  host: string,
  certificate: X509Certificate,
  isTrustedByBrowsers: boolean,
  { at, isForBrowsers, now }: { readonly at: Place; readonly isForBrowsers: boolean; readonly now: Date },
): Finding {
  const ends = new Date(certificate.validTo);
  const days = Math.floor((ends.getTime() - now.getTime()) / dayMs);
  const until = `until ${ends.toISOString().slice(0, 10)} (${days} days)`;
  const wrong = (says: string, level: Finding["level"] = "fail"): Finding => ({
    level,
    check,
    at,
    says,
    change,
  });
  if (ends.getTime() <= now.getTime()) return wrong(`the certificate of ${host} has ended, ${until}`);
  if (new Date(certificate.validFrom).getTime() > now.getTime()) {
    return wrong(`the certificate of ${host} is not good yet`);
  }
  // Programs can be told to trust it. A browser refuses the connection, and the page learns no reason.
  const level = isForBrowsers ? "fail" : "warn";
  if (!namesHost(certificate, host)) return wrong(`the certificate does not name ${host}`, level);
  if (!isTrustedByBrowsers) return wrong(`no browser trusts the certificate of ${host}`, level);
  if (days < fewDays) return wrong(`the certificate of ${host} is good ${until}`, "warn");
  return { level: "ok", check, says: `that of ${host} is good ${until}` };
}
