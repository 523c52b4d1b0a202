// What the processes of decode.ts run, built as the function is: from the bytes of a session to its user (`login`),
// or to the session in full (`decode`). For each line "handler base64 count" they write the nanoseconds that so many
// runs took, or "wrong" where it is not the session of the user that they look for.

import { createInterface } from "node:readline";
import { decoders, isSerializeHandler } from "../inspector/session/formats/formats.ts";
import { sessionBytesOf } from "../inspector/session/stored-value.ts";
import { wantedBy, whoIsLoggedIn } from "../inspector/who.ts";

const expressions = { authenticated: "authenticated", user: "user.name" };
const wanted = wantedBy(expressions);
const decodesOnly = process.argv[2] === "decode";

createInterface(process.stdin).on("line", (line) => {
  const [handler = "", base64 = "", count] = line.split(" ");
  if (!isSerializeHandler(handler)) throw new Error(`no handler: ${handler}`);
  const decode = decoders[handler];
  const stored = { bytes: Buffer.from(base64, "base64"), flags: 0 };
  const nowSeconds = Date.now() / 1000;
  let right = 0;
  const start = process.hrtime.bigint();
  for (let done = 0; done < Number(count); done++) {
    if (decodesOnly) {
      if (decode(sessionBytesOf(stored)).variables.has("user")) right++;
    } else {
      const who = whoIsLoggedIn(decode(sessionBytesOf(stored), wanted), expressions, nowSeconds, wanted);
      if ("userName" in who && who.userName === "alice") right++;
    }
  }
  const took = process.hrtime.bigint() - start;
  process.stdout.write(`${right === Number(count) ? took : "wrong"}\n`);
});
