// The certificates in ejabberd's `certfiles`: which of them is there for a host, and is it good? Read as the user of this
// process, which is ejabberd's.

import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { rootCertificates } from "node:tls";
import { readFileBytes } from "./read-file.ts";

const maxFileBytes = 1_048_576;
const maxChain = 10;

/** What is in all of the files together: ejabberd finds a certificate's key in whichever file it is. */
export interface CertificateStore {
  readonly certificates: readonly X509Certificate[];
  /** Those whose private key is there. */
  readonly usable: readonly X509Certificate[];
  /** The files that cannot be read, with the system's code. */
  readonly unreadable: readonly { readonly path: string; readonly code: string }[];
}

export function readCertificates(paths: readonly string[]): CertificateStore {
  const certificates: X509Certificate[] = [];
  const keys: KeyObject[] = [];
  const unreadable: { path: string; code: string }[] = [];
  for (const path of paths) {
    let text: string;
    try {
      text = readFileBytes(path, maxFileBytes).bytes.toString("latin1");
    } catch (error) {
      unreadable.push({ path, code: String((error as NodeJS.ErrnoException).code) });
      continue;
    }
    for (const [block, label = ""] of text.matchAll(/-----BEGIN ([A-Z ]+)-----[^-]*-----END \1-----/g)) {
      try {
        if (label === "CERTIFICATE") certificates.push(new X509Certificate(block));
        else if (label.endsWith("PRIVATE KEY")) keys.push(createPrivateKey(block));
      } catch {
        // A block that is none, or a key with a passphrase: ejabberd has no use for it either.
      }
    }
  }
  const usable = certificates.filter((certificate) => keys.some((key) => certificate.checkPrivateKey(key)));
  return { certificates, usable, unreadable };
}

/** Returns the certificate that is best for the host: one that names it, and of those the one that lasts longest. */
export function certificateFor({ usable }: CertificateStore, host: string): X509Certificate | undefined {
  const byEnd = [...usable].sort((a, b) => Date.parse(b.validTo) - Date.parse(a.validTo));
  return byEnd.find((certificate) => namesHost(certificate, host)) ?? byEnd[0];
}

export function namesHost(certificate: X509Certificate, host: string): boolean {
  return certificate.checkHost(host) !== undefined;
}

/** Whether these certificates lead to an authority that Node, and so Mozilla's browser, trusts. */
export function isTrusted(
  certificate: X509Certificate,
  others: readonly X509Certificate[],
  authorities = trustedAuthorities(),
): boolean {
  let current = certificate;
  for (let length = 0; length < maxChain; length++) {
    const { fingerprint256 } = current;
    const isIssuedBy = (issuer: X509Certificate) =>
      current.checkIssued(issuer) && current.verify(issuer.publicKey);
    if (authorities.some((one) => one.fingerprint256 === fingerprint256 || isIssuedBy(one))) return true;
    const issuer = others.find((other) => other.fingerprint256 !== fingerprint256 && isIssuedBy(other));
    if (issuer === undefined) return false;
    current = issuer;
  }
  return false;
}

let authorities: readonly X509Certificate[] | undefined;
function trustedAuthorities(): readonly X509Certificate[] {
  authorities ??= rootCertificates.map((pem) => new X509Certificate(pem));
  return authorities;
}
