// Certificates in files, and as a real ejabberd serves them.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe } from "node:test";
import { isTrusted, readCertificates } from "../../doctor/certificate-files.ts";
import { checkCertificates } from "../../doctor/check-certificates.ts";
import type { Finding } from "../../doctor/finding.ts";
import { hostsOf } from "../../doctor/hosts.ts";
import { servedCertificate } from "../../doctor/served-certificate.ts";
import { startEjabberd } from "../../infra/local/ejabberd.ts";
import { freePort } from "../../infra/local/ports.ts";
import { makeCertificate } from "../real/certificate.ts";
import { temporaryDirectory } from "../real/directory.ts";
import { needing } from "../real/parts.ts";
import { settingsOf } from "./settings-of.ts";

const dayMs = 86_400_000;
const brief = ({ level, says }: Finding) => `${level} ${says}`;

async function storedIn(text: string, now = new Date()): Promise<string[]> {
  const settings = settingsOf(text);
  const options = { directory: "/", isRunning: false, now, timeoutMs: 1_000 };
  return (await checkCertificates(settings, hostsOf(settings), options)).map(brief);
}

const xmpp = "listen: [{port: 5222, module: ejabberd_c2s, starttls_required: true}]";
const web =
  "listen: [{port: 5443, module: ejabberd_http, tls: true, request_handlers: {/ws: ejabberd_http_ws}}]";

describe("certificates in files", () => {
  const { it } = needing("openssl");
  const directory = temporaryDirectory();
  const { bothPath, certPath, keyPath } = makeCertificate(directory, "chat.example.org");
  const of = (host: string, files: string, listen = xmpp) =>
    `hosts: [${host}]\ncertfiles: [${files}]\nacme: {auto: false}\n${listen}\n`;

  it("are warned of where no browser trusts them, and fail where browsers come", async () => {
    assert.deepEqual(await storedIn(of("chat.example.org", bothPath)), [
      "warn no browser trusts the certificate of chat.example.org",
    ]);
    assert.deepEqual(await storedIn(of("chat.example.org", bothPath, web)), [
      "fail no browser trusts the certificate of chat.example.org",
    ]);
  });

  it("are found with their key in another file, and by wildcards", async () => {
    for (const files of [
      `${certPath}, ${keyPath}`,
      `"${directory}/{cert,key}.pem"`,
      `"${directory}/*.pem"`,
    ]) {
      assert.match((await storedIn(of("chat.example.org", files))).join(), /^warn no browser trusts/);
    }
    assert.deepEqual(await storedIn(of("chat.example.org", certPath)), [
      "fail there is no certificate with its key for chat.example.org",
    ]);
  });

  it("fail where they name another host, have ended, or are not good yet", async () => {
    assert.deepEqual(await storedIn(of("other.example.org", bothPath, web)), [
      "fail the certificate does not name other.example.org",
    ]);
    const later = new Date(Date.now() + 3 * dayMs);
    assert.match(
      (await storedIn(of("chat.example.org", bothPath), later)).join(),
      /^fail the certificate of .* has ended, until /,
    );
    const before = new Date(Date.now() - dayMs);
    assert.match(
      (await storedIn(of("chat.example.org", bothPath), before)).join(),
      /^fail .* is not good yet/,
    );
  });

  it("fail where ejabberd cannot read them, and are none of what is no certificate", async () => {
    const [unreadable, none] = await storedIn(of("chat.example.org", "/nonexistent.pem"));
    assert.equal(unreadable, "fail ejabberd cannot read /nonexistent.pem (ENOENT)");
    assert.match(none ?? "", /^fail there is no certificate/);
    const broken = join(directory, "broken");
    writeFileSync(broken, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\nx");
    assert.deepEqual(readCertificates([broken]), { certificates: [], usable: [], unreadable: [] });
  });

  it("are left to ACME where ejabberd gets them itself", async () => {
    const text = `hosts: [chat.example.org]\n${xmpp}\n`;
    assert.match(
      (await storedIn(text)).join(),
      /^warn certfiles has none for chat\.example\.org: ejabberd asks an ACME/,
    );
    assert.match(
      (await storedIn(text.replace("chat.example.org", "localhost"))).join(),
      /^fail there is no certificate/,
    );
  });

  it("are not asked for where no listener from outside has TLS", async () => {
    assert.deepEqual(
      await storedIn('hosts: [a.org]\nlisten: [{port: 5222, ip: "127.0.0.1", module: ejabberd_c2s}]\n'),
      [],
    );
  });

  it("are trusted if they lead to an authority of Node's, through others if need be", () => {
    const [certificate] = readCertificates([certPath]).certificates;
    assert.ok(certificate !== undefined);
    assert.equal(isTrusted(certificate, [certificate]), false);
    const ca = join(directory, "ca");
    const run = (...args: string[]) => execFileSync("openssl", args, { stdio: "ignore", cwd: directory });
    run(
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:prime256v1",
      "-nodes",
      "-days",
      "2",
      "-subj",
      "/CN=ca",
      "-keyout",
      `${ca}.key`,
      "-out",
      `${ca}.pem`,
    );
    run(
      "req",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:prime256v1",
      "-nodes",
      "-subj",
      "/CN=leaf",
      "-keyout",
      "leaf.key",
      "-out",
      "leaf.csr",
    );
    run(
      "x509",
      "-req",
      "-in",
      "leaf.csr",
      "-CA",
      `${ca}.pem`,
      "-CAkey",
      `${ca}.key`,
      "-days",
      "1",
      "-out",
      "leaf.pem",
    );
    const { certificates } = readCertificates([join(directory, "leaf.pem"), `${ca}.pem`]);
    const [leaf, authority] = certificates;
    assert.ok(leaf !== undefined && authority !== undefined);
    assert.equal(isTrusted(leaf, certificates), false);
    assert.equal(isTrusted(leaf, certificates, [authority]), true);
    assert.equal(isTrusted(leaf, [], [authority]), true);
  });
});

describe("certificates that a real ejabberd serves", () => {
  const { it } = needing("ejabberd", "openssl");

  it("are looked at by TLS and by STARTTLS, for each host", async () => {
    const directory = temporaryDirectory();
    const { bothPath } = makeCertificate(directory, "chat.example.org");
    const [tcp, http, plain] = [await freePort(), await freePort(), await freePort()];
    const config = `hosts: [chat.example.org, other.org]
auth_method: [internal]
acme: {auto: false}
certfiles: ["${bothPath}"]
listen:
  - {port: ${tcp}, ip: "127.0.0.1", module: ejabberd_c2s, starttls_required: true}
  - {port: ${http}, ip: "127.0.0.1", module: ejabberd_http, tls: true, request_handlers: {/ws: ejabberd_http_ws}}
  - {port: ${plain}, ip: "127.0.0.1", module: ejabberd_http, request_handlers: {/bosh: mod_bosh}}
modules: {mod_bosh: {}}
`;
    const isReady = () =>
      fetch(`http://127.0.0.1:${plain}/bosh`).then(
        ({ ok }) => ok,
        () => false,
      );
    const home = temporaryDirectory();
    const ejabberd = await startEjabberd({ directory: home, config, isReady });
    try {
      for (const [port, isStartTls] of [
        [tcp, true],
        [http, false],
      ] as const) {
        const served = await servedCertificate(
          { host: "127.0.0.1", port, isStartTls },
          "chat.example.org",
          5_000,
        );
        assert.ok("certificate" in served, JSON.stringify(served));
        assert.match(served.certificate.subjectAltName ?? "", /chat\.example\.org/);
        assert.match(served.distrust ?? "", /SELF_SIGNED/);
      }
      const noTls = await servedCertificate(
        { host: "127.0.0.1", port: plain, isStartTls: false },
        "a.org",
        2_000,
      );
      assert.ok("problem" in noTls);
      // As if these listeners were open to all: on this machine's own addresses nothing is to be found.
      const open = readFileSync(join(home, "ejabberd.yml"), "utf8").replaceAll(', ip: "127.0.0.1"', "");
      const settings = settingsOf(open);
      const options = { directory: "/", isRunning: true, now: new Date(), timeoutMs: 5_000 };
      const found = (await checkCertificates(settings, hostsOf(settings), options)).map(brief);
      // Its XMPP listener is worth a warning, and that is said by the failure of the one for browsers.
      assert.deepEqual(
        found.filter((line) => line.endsWith("no browser trusts the certificate of chat.example.org")),
        ["fail no browser trusts the certificate of chat.example.org"],
      );
      assert.ok(
        found.some((line) => line.endsWith("the certificate does not name other.org")),
        found.join("\n"),
      );
    } finally {
      await ejabberd.stop();
    }
  });

  it("are none of a port where nobody answers, speaks something else, or is silent", async () => {
    const closed = await servedCertificate(
      { host: "127.0.0.1", port: await freePort(), isStartTls: false },
      "a.org",
      500,
    );
    assert.deepEqual(closed, { problem: "ECONNREFUSED" });
    const server = createServer((socket) => void socket.on("data", () => {}).on("error", () => {})).listen(
      0,
      "127.0.0.1",
    );
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as { port: number };
    for (const isStartTls of [true, false]) {
      const silent = await servedCertificate({ host: "127.0.0.1", port, isStartTls }, "a.org", 300);
      assert.deepEqual(silent, { problem: "ETIMEDOUT" });
    }
    server.close();
  });
});
