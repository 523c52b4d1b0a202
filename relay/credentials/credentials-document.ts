// The JSON document in which a program or an endpoint hands credentials over.
//
//   credential_process: { "Version": 1, "AccessKeyId", "SecretAccessKey" [, "SessionToken"] [, "Expiration"] }
//   container endpoint: { "AccessKeyId", "SecretAccessKey" [, "Token"] [, "Expiration"] }
//
// Source: AWS SDKs and Tools Reference Guide, "Process credential provider" and "Container credential provider".

import { type Credentials, CredentialsError } from "./credentials.ts";

/** In bytes: a document of credentials has some 2000. */
export const maxDocumentBytes = 65_536;

/**
 * Returns the credentials. `version`: the one that the document must say it has, if any. Throws CredentialsError,
 * which says what is wrong and holds nothing of the document.
 */
export function readDocument(place: string, text: string, version?: number): Credentials {
  const wrong = (what: string) => new CredentialsError("credentials-unreadable", `${place}: ${what}`);
  let members: unknown;
  try {
    members = JSON.parse(text);
  } catch {
    throw wrong("not JSON");
  }
  if (typeof members !== "object" || members === null) throw wrong("no JSON object");
  const document = members as Readonly<Record<string, unknown>>;
  if (version !== undefined && document["Version"] !== version) throw wrong(`Version is not ${version}`);
  const textOf = (name: string) => {
    const value = document[name];
    return typeof value === "string" && value !== "" ? value : undefined;
  };
  const accessKeyId = textOf("AccessKeyId");
  const secretAccessKey = textOf("SecretAccessKey");
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    throw wrong("no AccessKeyId or no SecretAccessKey");
  }
  const sessionToken = textOf("SessionToken") ?? textOf("Token");
  const end = textOf("Expiration");
  const expiration = end === undefined ? undefined : new Date(end);
  if (expiration !== undefined && Number.isNaN(expiration.getTime())) {
    throw wrong("Expiration is no date");
  }
  return {
    accessKeyId,
    secretAccessKey,
    ...(sessionToken !== undefined && { sessionToken }),
    ...(expiration !== undefined && { expiration }),
  };
}
