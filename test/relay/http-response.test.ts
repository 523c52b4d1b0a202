import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import {
  type HttpResponse,
  HttpSyntaxError,
  maxBodyBytes,
  maxHeadBytes,
  maxResponseBytes,
  ResponseReader,
} from "../../relay/http-response.ts";
import { cpuMsOf } from "../cpu-time.ts";
import { randomNumbers } from "../inspector/session/formats/mutants.ts";

const yes = '{"allow":true}';
const okay = "HTTP/1.1 200 OK\r\n";
const chunked = `${okay}transfer-encoding: chunked\r\n\r\n`;

interface Read {
  /** What came of it: a response, the detail of a breach, or nothing yet. */
  readonly outcome: HttpResponse | string | undefined;
  /** After so many bytes. */
  readonly after: number;
}

/** Reads one char a byte, in pieces of these lengths and what is left over, with the end of the connection or not. */
function read(text: string, pieces: Iterable<number> = [], hasEnd = false): Read {
  const bytes = Buffer.from(text, "latin1");
  const reader = new ResponseReader();
  let at = 0;
  try {
    for (const length of [...pieces, bytes.length]) {
      if (at >= bytes.length) break;
      const piece = bytes.subarray(at, at + length);
      at += piece.length;
      const outcome = reader.push(piece);
      if (outcome !== undefined) return { outcome, after: at };
    }
    return { outcome: hasEnd ? reader.end() : undefined, after: at };
  } catch (error) {
    assert.ok(error instanceof HttpSyntaxError, `${error}: ${JSON.stringify(text)}`);
    assert.equal(error.message, `not HTTP/1.1: ${error.detail}`);
    return { outcome: error.detail, after: at };
  }
}

const responseTo = (text: string, hasEnd = false) => read(text, [], hasEnd).outcome;
const ofLength = (fields: string, body = yes) =>
  `${okay}${fields}content-length: ${body.length}\r\n\r\n${body}`;
const expected = (more: Partial<HttpResponse> = {}) => ({
  status: 200,
  body: yes,
  isPersistent: true,
  ...more,
});

/** Fails unless it is read as expected in one piece, in every two pieces and byte by byte, and not before its end. */
function assertRead(text: string, response: HttpResponse) {
  assert.deepEqual(read(text), { outcome: response, after: text.length });
  for (let cut = 1; cut < text.length; cut++) {
    assert.deepEqual(read(text, [cut]), { outcome: response, after: text.length }, `torn at ${cut}`);
    assert.equal(responseTo(text.slice(0, cut), true), undefined, `cut off at ${cut}`);
  }
  assert.deepEqual(read(text, new Array(text.length).fill(1)), { outcome: response, after: text.length });
}

describe("a response", () => {
  it("is read by its length, torn anywhere, and never from one that was cut off", () => {
    assertRead(ofLength("content-type: application/json\r\n"), expected());
    assertRead(ofLength("", ""), expected({ body: "" }));
  });

  it("is read by its chunks, torn anywhere, whatever extensions and trailers they have", () => {
    assertRead(`${chunked}e\r\n${yes}\r\n0\r\n\r\n`, expected());
    assertRead(`${chunked}00000005\r\n{"all\r\n9\r\now":true}\r\n00000000\r\n\r\n`, expected());
    assertRead(`${chunked}E;a=b\r\n${yes}\r\n0 \t; last ="x;y"\r\nDigest: x\r\nA:\r\n\r\n`, expected());
    assertRead(`${chunked}2\r\n\r\n\r\n0\r\n\r\n`, expected({ body: "\r\n" }));
    assertRead(`${okay}Transfer-Encoding: Chunked\r\n\r\n0\r\n\r\n`, expected({ body: "" }));
  });

  it("is read until the end of a connection where it has no length, and that is none for another exchange", () => {
    const text = `${okay}content-type: text/plain\r\n\r\n${yes}`;
    assert.equal(responseTo(text), undefined);
    assert.deepEqual(responseTo(text, true), expected({ isPersistent: false }));
    assert.deepEqual(responseTo(`${okay}\r\n`, true), expected({ body: "", isPersistent: false }));
  });

  it("has no body if it is a 204 or a 304, whatever its fields say, and then ends its connection", () => {
    for (const status of [204, 304]) {
      for (const fields of ["", "content-length: 5\r\n", "transfer-encoding: chunked\r\n"]) {
        const { outcome } = read(`HTTP/1.1 ${status} \r\n${fields}\r\n`);
        assert.deepEqual(outcome, { status, body: "", isPersistent: false });
      }
    }
  });

  it("comes behind any number of interim ones", () => {
    const interim = 'HTTP/1.1 103 Early Hints\r\nlink: </a>; rel="b"\r\ncontent-length: 3\r\n\r\n';
    assertRead(`HTTP/1.1 100\r\n\r\n${interim}${ofLength("")}`, expected());
    assertRead("HTTP/1.1 100 \r\n\r\n".repeat(3) + ofLength(""), expected());
  });

  it("has its status, whatever is said beside it", () => {
    for (const [line, status] of [
      ["HTTP/1.1 200", 200],
      ["HTTP/1.1 200 ", 200],
      ["HTTP/1.1 599 caf\xe9 \t it is", 599],
      ["HTTP/1.0 404 Not Found", 404],
    ] as const) {
      const response = responseTo(`${line}\r\ncontent-length: 0\r\n\r\n`);
      assert.deepEqual(response, { status, body: "", isPersistent: line.includes("1.1") });
    }
  });

  it("tells Retry-After and Date, without the white space around them", () => {
    const date = "Thu, 01 Jan 2026 00:00:00 GMT";
    const fields = `RETRY-after:\t 120 \t\r\nDate:${date}\r\nx-empty:\r\nx-blank: \t \r\n`;
    assertRead(ofLength(fields), expected({ retryAfter: "120", date }));
    assertRead(ofLength("date: \xa0now\r\n"), expected({ date: "\xa0now" }));
  });

  it("is text in UTF-8, and a piece that ends in the middle of a letter takes nothing from it", () => {
    const body = Buffer.from('{"jürgen":"€"}').toString("latin1");
    assertRead(ofLength("", body), expected({ body: '{"jürgen":"€"}' }));
    const halves = `2\r\n${body.slice(0, 2)}\r\n1\r\n${body[2]}\r\n1\r\n${body[3]}\r\n`;
    const rest = body.slice(4);
    assertRead(
      `${chunked}${halves}${rest.length.toString(16)}\r\n${rest}\r\n0\r\n\r\n`,
      expected({ body: '{"jürgen":"€"}' }),
    );
  });
});

describe("a connection", () => {
  it("is not kept after close, in any case, in any of several, nor after HTTP/1.0", () => {
    for (const fields of [
      "connection: close\r\n",
      "Connection: CLOSE\r\n",
      "connection: x-a , Close\r\n",
      "connection: close\r\nconnection: keep-alive\r\n",
      "connection: keep-alive\r\nconnection: close\r\n",
    ]) {
      assertRead(ofLength(fields), expected({ isPersistent: false }));
      const inChunks = `${okay}${fields}transfer-encoding: chunked\r\n\r\n0\r\n\r\n`;
      assert.deepEqual(responseTo(inChunks), expected({ body: "", isPersistent: false }));
    }
    assertRead(ofLength("connection: keep-alive\r\n"), expected());
    const old = ofLength("connection: keep-alive\r\n").replace("1.1", "1.0");
    assertRead(old, expected({ isPersistent: false }));
  });

  it("is not kept with bytes behind the response, which is as it was", () => {
    for (const behind of ["\n", "\0", ofLength("")]) {
      assert.deepEqual(responseTo(ofLength("") + behind), expected({ isPersistent: false }));
      const inChunks = `${chunked}e\r\n${yes}\r\n0\r\n\r\n`;
      assert.deepEqual(responseTo(inChunks + behind), expected({ isPersistent: false }));
    }
  });
});

describe("what is no response", () => {
  const breaches: Readonly<Record<string, readonly string[]>> = {
    "status line": [
      "",
      "HTTP/1.1",
      "HTTP/1.1 20",
      "HTTP/1.1 2000",
      "HTTP/1.1 099 x",
      "HTTP/1.1 600 x",
      "HTTP/1.1  200 OK",
      "HTTP/1.1\t200 OK",
      "HTTP/1.2 200 OK",
      "HTTP/2 200 OK",
      "http/1.1 200 OK",
      " HTTP/1.1 200 OK",
      "HTTP/1.1 200OK",
      "HTTP/1.1 200 O\0K",
      "HTTP/1.1 200 O\nK",
      "HTTP/1.1 200 O\rK",
      "HTTP/1.1 101 Switching Protocols",
      "<html>",
    ].map((line) => `${line}\r\ncontent-length: 0\r\n\r\n`),
    "header field": [
      "no colon",
      ": no name",
      "name : value",
      " name: value",
      "a name: value",
      "n\xe4me: value",
      "n(me: value",
      "name: a\0b",
      "name: a\nb",
      "name: a\rb",
      "name: a\r\n folded",
      "name: a\r\n\tfolded",
      "name: a\n\nb",
    ].map((line) => ofLength(`${line}\r\n`)),
    "two of content-length": [
      ofLength("Content-Length: 14\r\n"),
      ofLength("content-length: 13\r\n"),
      `HTTP/1.1 100\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n${ofLength("")}`,
    ],
    "two of transfer-encoding": [
      `${okay}transfer-encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    ],
    "transfer-encoding": [
      ofLength("transfer-encoding: chunked\r\n"),
      `${okay}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
      ...["gzip", "gzip, chunked", "chunked, chunked", "identity", "", "\x0bchunked"].map(
        (coding) => `${okay}transfer-encoding: ${coding}\r\n\r\n0\r\n\r\n`,
      ),
    ],
    "content-length": ["", "-1", "+14", "1e1", "0xe", "14, 14", "14 14", "1.0", "\xa014", "1234567890"].map(
      (length) => `${okay}content-length: ${length}\r\n\r\n${yes}`,
    ),
    "chunk size": ["", "g", "-1", "0x1", "1 ", " 1", "000000001", "1 a", "1;a\nb", "1;a\rb", "1;\0"].map(
      (size) => `${chunked}${size}\r\na\r\n0\r\n\r\n`,
    ),
    chunk: [
      `${chunked}1\r\nab\r\n0\r\n\r\n`,
      `${chunked}1\r\na\n\n0\r\n\r\n`,
      `${chunked}3\r\na\r\n0\r\n\r\n`,
    ],
  };

  for (const [detail, texts] of Object.entries(breaches)) {
    it(`is refused for its ${detail}, torn anywhere`, () => {
      for (const text of texts) {
        assert.equal(responseTo(text), detail, JSON.stringify(text));
        assert.equal(read(text, new Array(text.length).fill(1)).outcome, detail, JSON.stringify(text));
      }
    });
  }

  it("is a head, an interim one or a trailer whose fields are none", () => {
    for (const field of ["no colon", "a: b\nc", "a: \0", " folded: x"]) {
      for (const text of [
        `HTTP/1.1 100\r\n${field}\r\n\r\n${ofLength("")}`,
        `${chunked}0\r\n${field}\r\n\r\n`,
        `${chunked}0\r\na: b\r\n${field}\r\n\r\n`,
      ]) {
        assert.equal(responseTo(text), "header field", JSON.stringify(text));
      }
    }
  });

  it("is told without any of its bytes", () => {
    for (const text of ["secret\r\n\r\n", `${okay}secret\r\n\r\n`, `${chunked}secret\r\n`]) {
      assert.doesNotMatch(String(responseTo(text)), /secret/);
    }
  });

  it("is refused at the byte that no response can have, though its sender says no more", () => {
    for (const [start, byte, detail] of [
      // Another protocol's greeting, or an earlier HTTP.
      ["", "S", "status line"],
      ["", "\r", "status line"],
      ["", "\n", "status line"],
      ["HTTP/", "2", "status line"],
      ["HTTP/1.", "2", "status line"],
      ["HTTP/1.1 ", "6", "status line"],
      ["HTTP/1.1 2", "\r", "status line"],
      ["HTTP/1.1 200", "0", "status line"],
      // Lines ended by LF alone, by CR alone, and NUL.
      ["HTTP/1.1 200 OK", "\n", "status line"],
      ["HTTP/1.1 200 OK\r", "x", "status line"],
      ["HTTP/1.1 200 O", "\0", "status line"],
      [okay, "\n", "header field"],
      [okay, ":", "header field"],
      [`${okay}a`, " ", "header field"],
      [`${okay}a: b`, "\n", "header field"],
      [`${okay}a: b\r`, "c", "header field"],
      [`${okay}a: b\r\n`, "\n", "header field"],
      [`${okay}a: b\r\n`, " ", "header field"],
      [`${okay}a: b\r\n\r`, "x", "header field"],
      ["HTTP/1.1 100\r\n\r\n", "x", "status line"],
      [chunked, "g", "chunk size"],
      [chunked, "\r", "chunk size"],
      [`${chunked}e`, "\n", "chunk size"],
      [`${chunked}00000000`, "0", "chunk size"],
      [`${chunked}e;x`, "\n", "chunk size"],
      [`${chunked}1\r\na`, "\n", "chunk"],
      [`${chunked}1\r\na\r`, "x", "chunk"],
      [`${chunked}0\r\n`, "\n", "header field"],
      [`${chunked}0\r\na: b`, "\n", "header field"],
    ] as const) {
      const text = start + byte;
      const whole = read(text);
      assert.equal(whole.outcome, detail, JSON.stringify(text));
      const torn = read(`${text}more`, new Array(text.length + 4).fill(1));
      // A CR may still be followed by its LF: the byte after it shows that it is not.
      const after = byte === "\r" && torn.after === text.length + 1 ? text.length + 1 : text.length;
      assert.deepEqual(torn, { outcome: detail, after }, JSON.stringify(text));
    }
  });

  it("is waited for while it may become one", () => {
    const whole = `HTTP/1.1 103 Early\r\nlink: x\r\n\r\n${chunked}e;a=b\r\n${yes}\r\n0\r\na: b\r\n\r\n`;
    for (let length = 0; length < whole.length; length++) {
      assert.equal(responseTo(whole.slice(0, length)), undefined, JSON.stringify(whole.slice(0, length)));
    }
  });

  it("is refused where another server answers, in whatever pieces", () => {
    for (const name of ["http-banner-kept-open", "http-lf-only"]) {
      const text = readFileSync(new URL(`../fixtures/wire/${name}.bin`, import.meta.url), "latin1");
      for (let cut = 0; cut < text.length; cut++) {
        assert.equal(read(text, [cut]).outcome, "status line");
      }
    }
  });
});

describe("the caps", () => {
  const filler = (length: number) => `a:${"b".repeat(length - okay.length - 2)}`;

  it("let a head be as long as it may be, in one piece or torn anywhere near its end", () => {
    const head = okay + filler(maxHeadBytes);
    for (let cut = -6; cut <= 4; cut++) {
      const text = `${head}\r\n\r\n`;
      assert.deepEqual(
        read(text, [head.length + cut], true).outcome,
        expected({ body: "", isPersistent: false }),
      );
    }
    assert.equal(responseTo(`${head}b\r\n\r\n`), "head too large");
    assert.equal(responseTo(`${head}bbbb`), "head too large", "its end is not there yet");
    assert.equal(responseTo(`HTTP/1.1 100\r\n\r\n${head}b\r\n\r\n`), "head too large");
    assert.equal(responseTo("x".repeat(maxHeadBytes + 4)), "head too large");
  });

  it("let a body be as long as it may be, and no byte longer, however its length is told", () => {
    const body = "b".repeat(maxBodyBytes);
    const size = maxBodyBytes.toString(16);
    const over = (maxBodyBytes + 1).toString(16);
    assert.deepEqual(responseTo(ofLength("", body)), expected({ body }));
    assert.deepEqual(responseTo(`${chunked}${size}\r\n${body}\r\n0\r\n\r\n`), expected({ body }));
    assert.deepEqual(responseTo(`${okay}\r\n${body}`, true), expected({ body, isPersistent: false }));
    for (const text of [
      `${okay}content-length: ${maxBodyBytes + 1}\r\n\r\n`,
      `${okay}content-length: 999999999\r\n\r\n`,
      `${chunked}${over}\r\n`,
      `${chunked}ffffffff\r\n`,
      `${chunked}${size}\r\n${body}\r\n1\r\n`,
      `${okay}\r\n${body}b`,
    ]) {
      assert.equal(responseTo(text), "body too large");
    }
  });

  it("end a response that is never done: extensions, trailers, interim ones", () => {
    for (const [start, piece] of [
      [chunked, "1;".padEnd(1_000, "x").concat("\r\na\r\n")],
      [`${chunked}0\r\n`, "a: b\r\n"],
      [`${chunked}0;`, "x"],
      ["", "HTTP/1.1 100 Continue\r\n\r\n"],
    ] as const) {
      const text = start + piece.repeat(Math.ceil((maxResponseBytes - start.length) / piece.length) + 1);
      const { outcome, after } = read(text, new Array(text.length).fill(500));
      assert.equal(outcome, "response too large");
      assert.ok(after <= maxResponseBytes + 500, `${after}`);
    }
  });

  it("keep short what the worst of responses costs", () => {
    const cpuMs = cpuMsOf(() => {
      const spaces = " ".repeat(maxHeadBytes - 100);
      assert.equal(responseTo(`${okay}a:${spaces}\0\r\n\r\n`), "header field");
      assert.equal(responseTo(ofLength(`a:x${spaces}y\r\n`)) instanceof Object, true);
      for (const [start, piece] of [
        [chunked, "1\r\na\r\n"],
        ["", "HTTP/1.1 100\r\n\r\n"],
      ] as const) {
        const text = start + piece.repeat(Math.floor((maxResponseBytes - start.length) / piece.length));
        assert.equal(read(text, new Array(text.length).fill(1)).outcome, undefined);
      }
    });
    // Each takes minutes where it is read anew with every piece, or its spaces are shared out in every way.
    assert.ok(cpuMs < 10_000, `${cpuMs} ms`);
  });
});

describe("damaged responses by the thousand", () => {
  const seeds = [
    ofLength("content-type: application/json\r\ndate: Thu, 01 Jan 2026 00:00:00 GMT\r\n"),
    ofLength("connection: close\r\nretry-after: 1\r\n"),
    `${chunked}5;a=b\r\n{"all\r\n9\r\now":true}\r\n0\r\na: b\r\n\r\n`,
    `HTTP/1.1 100 Continue\r\n\r\n${ofLength("")}`,
    `HTTP/1.0 503 Service Unavailable\r\n\r\n${yes}`,
    "HTTP/1.1 204 No Content\r\n\r\n",
  ];
  const pieces = [
    ...[
      "\r\n",
      "\n",
      "\r",
      "\0",
      " ",
      "\t",
      ":",
      ";",
      ",",
      "0",
      "1",
      "9",
      "f",
      "\xff",
      "\r\n\r\n",
      "0\r\n\r\n",
    ],
    ...[
      "content-length: 3\r\n",
      "transfer-encoding: chunked\r\n",
      "connection: close\r\n",
      "HTTP/1.1 100\r\n\r\n",
    ],
    ...["HTTP/1.1 200 OK\r\n", "ffffffff\r\n", "e\r\n", " folded\r\n"],
  ];

  it("are a response or a breach, the same however they are torn, and none of one that was cut off", () => {
    const random = randomNumbers(9112);
    const below = (end: number) => Math.floor(random() * end);
    const pick = (from: readonly string[]) => from[below(from.length)] as string;
    const outcomes = { response: 0, breach: 0, waiting: 0 };
    for (let made = 0; made < 6_000; made++) {
      let text = pick(seeds);
      for (let changes = 1 + below(3); changes > 0; changes--) {
        const at = below(text.length + 1);
        text = text.slice(0, at) + (random() < 0.7 ? pick(pieces) : "") + text.slice(at + below(4));
      }
      const whole = read(text, new Array(text.length).fill(1));
      const what = `case ${made}: ${JSON.stringify(text)}`;
      if (typeof whole.outcome === "object") {
        outcomes.response++;
        const exact = text.slice(0, whole.after);
        assert.deepEqual(responseTo(exact), whole.outcome, what);
        assert.equal(responseTo(exact.slice(0, -1 - below(whole.after - 1))), undefined, what);
      } else if (whole.outcome === undefined) outcomes.waiting++;
      else outcomes.breach++;
      const torn = read(
        text,
        Array.from({ length: text.length }, () => 1 + below(20)),
      ).outcome;
      if (typeof whole.outcome === "object" && typeof torn === "object") {
        assert.deepEqual({ ...torn, isPersistent: true }, { ...whole.outcome, isPersistent: true }, what);
        assert.ok(whole.outcome.isPersistent || !torn.isPersistent, what);
      } else assert.equal(torn, whole.outcome, what);
    }
    for (const [outcome, count] of Object.entries(outcomes))
      assert.ok(count > 300, `${count} times ${outcome}`);
  });
});
