// A certificate for localhost, made by openssl: the relay trusts it where NODE_EXTRA_CA_CERTS names it.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

export interface Certificate {
  /** PEM files: the certificate, its key, and both in one, as ejabberd wants them. */
  readonly certPath: string;
  readonly keyPath: string;
  readonly bothPath: string;
  readonly cert: Buffer;
  readonly key: Buffer;
}

/**
 * Writes cert.pem, key.pem and both.pem into the directory; for another host where one is named, and with more
 * extensions in openssl's words.
 */
export function makeCertificate(
  directory: string,
  host?: string,
  extensions: readonly string[] = [],
): Certificate {
  const certPath = join(directory, "cert.pem");
  const keyPath = join(directory, "key.pem");
  const bothPath = join(directory, "both.pem");
  const names = host === undefined ? "DNS:localhost,IP:127.0.0.1,IP:::1" : `DNS:${host}`;
  execFileSync(
    "openssl",
    [
      ...[
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
      ],
      ...["-subj", "/CN=localhost", "-addext", `subjectAltName=${names}`],
      ...extensions.flatMap((extension) => ["-addext", extension]),
      ...["-keyout", keyPath, "-out", certPath],
    ],
    { stdio: "ignore" },
  );
  const cert = readFileSync(certPath);
  const key = readFileSync(keyPath);
  execFileSync("sh", ["-c", 'cat "$1" "$2" > "$3"', "sh", certPath, keyPath, bothPath]);
  return { certPath, keyPath, bothPath, cert, key };
}
