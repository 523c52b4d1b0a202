// The JSON document in which a program or an endpoint hands credentials over.
//
//   credential_process: { "Version": 1, "AccessKeyId", "SecretAccessKey" [, "SessionToken"] [, "Expiration"] }
//   container endpoint: { "AccessKeyId", "SecretAccessKey" [, "Token"] [, "Expiration"] }
//
// Source: AWS SDKs and Tools Reference Guide, "Process credential provider" and "Container credential provider".

import { type Credentials, CredentialsFault } from "./credentials.ts";

/** In bytes: a document of credentials has some 2000. */
export const maxDocumentBytes = 65_536;

/** Gives the credentials. Throws CredentialsFault, which says what is wrong and holds nothing of the document. */
export function readDocument(place: string, text: string): Credentials {
  let members: unknown;
  try {
    members = JSON.parse(text);
  } catch {
    throw new CredentialsFault(`${place}: not JSON`);
  }
  if (typeof members !== "object" || members === null) throw new CredentialsFault(`${place}: no JSON object`);
  const document = members as Readonly<Record<string, unknown>>;
  const textOf = (name: string) => {
    const value = document[name];
    return typeof value === "string" && value !== "" ? value : undefined;
  };
  const accessKeyId = textOf("AccessKeyId");
  const secretAccessKey = textOf("SecretAccessKey");
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    throw new CredentialsFault(`${place}: no AccessKeyId or no SecretAccessKey`);
  }
  const sessionToken = textOf("SessionToken") ?? textOf("Token");
  const end = textOf("Expiration");
  const expiration = end === undefined ? undefined : new Date(end);
  if (expiration !== undefined && Number.isNaN(expiration.getTime())) {
    throw new CredentialsFault(`${place}: Expiration is no date`);
  }
  return {
    accessKeyId,
    secretAccessKey,
    ...(sessionToken !== undefined && { sessionToken }),
    ...(expiration !== undefined && { expiration }),
  };
}
