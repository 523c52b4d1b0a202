// The localpart of a site's user name: never another than the real ejabberd's, and given for ordinary names.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { escapeLocalpart, type LocalpartProblem, localpartOfUserName } from "../../inspector/localpart.ts";
import { nodeprep } from "../real/ejabberd-nodeprep.ts";
import { needing } from "../real/parts.ts";

function localpart(userName: string): string | undefined {
  const result = localpartOfUserName(userName);
  return "localpart" in result ? result.localpart : undefined;
}

function doubt(userName: string): LocalpartProblem | undefined {
  const result = localpartOfUserName(userName);
  return "problem" in result ? result.problem : undefined;
}

/** Compares by simple case folding, which is what ECMAScript's flags "iu" do. */
function differOnlyInCase(a: string, b: string): boolean {
  return new RegExp(`^${a.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&")}$`, "iu").test(b);
}

function unescapeLocalpart(text: string): string {
  return text.replace(/\\(20|22|26|27|2f|3a|3c|3e|40|5c)/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

const hex = (text: string) => Array.from(text, (c) => c.codePointAt(0)?.toString(16)).join(" ");

const everyCharacter = Array.from({ length: 0x11_0000 }, (_, codePoint) => codePoint)
  .filter((codePoint) => codePoint < 0xd800 || codePoint > 0xdfff)
  .map((codePoint) => String.fromCodePoint(codePoint));

// Names of many characters, of scripts in use for the most part: of all code points few are letters known to
// nodeprep.
const range = (first: number, last: number) =>
  fc.integer({ min: first, max: last }).map((codePoint) => String.fromCodePoint(codePoint));
const letters = [
  range(0x61, 0x7a),
  range(0x41, 0x5a),
  range(0xc0, 0x24f),
  range(0x370, 0x3ff),
  range(0x400, 0x52f),
  range(0x531, 0x587),
  range(0x10a0, 0x10ff),
  range(0x1e00, 0x1fff),
  range(0x900, 0xdff),
  range(0xe00, 0x109f),
  range(0x1100, 0x11ff),
  range(0x3040, 0x30ff),
  range(0x4e00, 0x9fff),
  range(0xac00, 0xd7a3),
];
const marks = [range(0x300, 0x36f), range(0x591, 0x5c7), range(0x64b, 0x65f), range(0x3099, 0x309a)];
const rightToLeft = [range(0x5d0, 0x5ea), range(0x620, 0x64a), range(0x671, 0x6d3), range(0x700, 0x7ff)];
const digits = [range(0x30, 0x39), range(0x660, 0x669), range(0x6f0, 0x6f9), range(0x966, 0x96f)];
const ascii = [
  range(0x20, 0x7e),
  fc.constantFrom(" ", "@", ":", "/", "\\", "\\20", "\\2F", "\\5c", "\\5c20"),
];
const troublesome = fc.constantFrom(
  ...Array.from(
    "ΣσςßẞİıǰΐᾳſÅﬁＡႠაᲐᎠꭰӀӏ\u0345\u00ad\u200d\u212a\u{10400}\u{1d15e}\u{2f868}\u{e0100}\ufffd\u0085\u3000",
  ),
  ..."i\u0307 J\u030c 가\u11a7 가\u11a8 \u1100\u1161 \u0b47\u0300\u0b3e \u0f71\u0f72\u0f80".split(" "),
);
const anyOf = (...kinds: fc.Arbitrary<string>[][]) => fc.oneof(...kinds.flat());
const nameOf = (...kinds: fc.Arbitrary<string>[][]) =>
  fc.array(anyOf(...kinds), { minLength: 1, maxLength: 8 }).map((parts) => parts.join(""));
const anyName = fc.oneof(
  nameOf(letters),
  nameOf(letters, digits, ascii),
  nameOf(letters, marks),
  nameOf(letters, marks).map((name) => name.normalize("NFKC")),
  nameOf(rightToLeft, digits),
  nameOf(rightToLeft, marks, ascii),
  nameOf(letters, rightToLeft, digits, marks),
  nameOf(letters, marks, [troublesome]),
  nameOf([range(0, 0xd7ff), range(0xe000, 0xffff), range(0x1_0000, 0x10_ffff)], letters),
);
const inOtherCases = (name: string) => [name, name.toUpperCase(), name.toLowerCase(), name.normalize("NFC")];

describe("escapeLocalpart", () => {
  const examples = [
    ["space cadet", "space\\20cadet"],
    ['call me "ishmael"', "call\\20me\\20\\22ishmael\\22"],
    ["at&t guy", "at\\26t\\20guy"],
    ["d'artagnan", "d\\27artagnan"],
    ["/.fanboy", "\\2f.fanboy"],
    ["::foo::", "\\3a\\3afoo\\3a\\3a"],
    ["<foo>", "\\3cfoo\\3e"],
    ["user@host", "user\\40host"],
    ["c:\\5commas", "c\\3a\\5c5commas"],
    ["\\3and\\2is\\5cool", "\\5c3and\\2is\\5c5cool"],
    ["\\2plus\\2is\\4", "\\2plus\\2is\\4"],
    ["foo\\bar", "foo\\bar"],
    ["foob\\41r", "foob\\41r"],
    ["here's_a_wild_&_/cr%zy/_address", "here\\27s_a_wild_\\26_\\2fcr%zy\\2f_address"],
    ['_for:<wv>("IMPS")', "_for\\3a\\3cwv\\3e(\\22IMPS\\22)"],
    ["\\5c20", "\\5c5c20"],
  ] as const;
  for (const [name, escaped] of examples) {
    it(`makes ${escaped} of ${name}`, () => assert.equal(escapeLocalpart(name), escaped));
  }

  it("loses nothing: unescaping gives the name back", () => {
    fc.assert(
      fc.property(
        fc.oneof(anyName, nameOf(ascii)),
        (name) => unescapeLocalpart(escapeLocalpart(name)) === name,
      ),
    );
  });
});

describe("localpartOfUserName", () => {
  const given = {
    "an English name": [
      ["Alice", "alice"],
      ["bob_the.builder-99+x", "bob_the.builder-99+x"],
    ],
    "a name of digits": [["12345", "12345"]],
    "a name with spaces": [["Alice Liddell", "alice\\20liddell"]],
    "a mail address": [
      ["Alice@Example.org", "alice\\40example.org"],
      ["o'neil@x.ie", "o\\27neil\\40x.ie"],
    ],
    "the rest of ASCII": [["!#$%()*+,-.;=?[]^_`{|}~", "!#$%()*+,-.;=?[]^_`{|}~"]],
    "an escape sequence in the name": [["a\\20b", "a\\5c20b"]],
    "a German name": [
      ["Jürgen Öztürk", "jürgen\\20öztürk"],
      ["ÄÖÜ", "äöü"],
    ],
    "a French name": [["Hélène Çœur", "hélène\\20çœur"]],
    "a Spanish name": [
      ["Íñigo", "íñigo"],
      ["Iñaki", "iñaki"],
    ],
    "a Polish name": [["Łukasz Żądło", "łukasz\\20żądło"]],
    "a Czech name": [["Jiří Šťastný", "jiří\\20šťastný"]],
    "a Romanian name": [["Ștefan Țurcanu", "ștefan\\20țurcanu"]],
    "a Vietnamese name": [["Nguyễn Ước", "nguyễn\\20ước"]],
    "a Turkish name with a dotless i": [
      ["Işıl Çağrı", "işıl\\20çağrı"],
      ["ışık", "ışık"],
    ],
    "a Russian name": [["Алёна Щукина", "алёна\\20щукина"]],
    "a Ukrainian name": [["Ґалаґан Їжак", "ґалаґан\\20їжак"]],
    "a Greek name with a final sigma": [
      ["ΝΊΚΟΣ", "νίκοσ"],
      ["Νίκος", "νίκοσ"],
      ["ταΐζω", "ταΐζω"],
    ],
    "an Armenian name": [["Արամ", "արամ"]],
    "a Georgian name": [["ნინო", "ნინო"]],
    "a Hebrew name": [
      ["דוד", "דוד"],
      ["דוד לוי", "דוד\\20לוי"],
      ["שָׁלוֹם".normalize("NFKC"), "שָׁלוֹם".normalize("NFKC")],
    ],
    "an Arabic name": [
      ["محمد علي", "محمد\\20علي"],
      ["علی۱رضا", "علی۱رضا"],
      ["مُحَمَّد", "مُحَمَّد"],
    ],
    "a Hindi name": [["प्रिया", "प्रिया"]],
    "a Thai name": [["สมชาย", "สมชาย"]],
    "a Japanese name": [
      ["さくら", "さくら"],
      ["カナダ", "カナダ"],
      ["山田太郎", "山田太郎"],
    ],
    "a Chinese name": [
      ["王小明", "王小明"],
      ["𠮷野", "𠮷野"],
    ],
    "a Korean name": [["김철수", "김철수"]],
    "a symbol of old": [["☺", "☺"]],
  };
  for (const [what, names] of Object.entries(given)) {
    it(`gives the localpart of ${what}`, () => {
      for (const [name = "", expected] of names)
        assert.deepEqual(localpartOfUserName(name), { localpart: expected });
    });
  }

  const refused: Record<string, [LocalpartProblem, ...string[]]> = {
    "an empty name": ["empty", ""],
    "a name with a space first or last": ["leading-or-trailing-space", " alice", "alice ", " "],
    "a backslash that clients escape differently": ["ambiguous-escape", "c:\\net", "\\", "a\\\\20b"],
    "an escape sequence in upper case": ["ambiguous-escape", "a\\2Fb", "a\\5C"],
    "a soft hyphen": ["ignored-character", "al\u00adice"],
    "a character of no width": [
      "ignored-character",
      "al\u200bice",
      "alice\ufeff",
      "a\u200db",
      "a\ufe0f",
      "a\u1806b",
    ],
    "a Hangul filler": ["ignored-character", "a\u115f", "\u3164"],
    "a character younger than Unicode 3.2": [
      "unassigned-character",
      "😀",
      "ẞ",
      "ৎ",
      "가\u11a7",
      "\u{e000}\u0221",
    ],
    "full-width letters": ["not-nfkc", "Ａlice"],
    "a ligature": ["not-nfkc", "ﬁona"],
    "a decomposed letter": ["not-nfkc", "Ju\u0308rgen", "\u1100\u1161"],
    "another letter's look-alike": ["not-nfkc", "\u212a", "ſ", "²", "\u00b5"],
    "a space that is not U+0020": ["not-nfkc", "a\u00a0b", "\u3000"],
    "capitals whose lower case composes": ["not-nfkc", "J\u030c", "T\u0308"],
    "an escape that a mark changes": ["not-nfkc", ":\u0301", "/\u0307"],
    "a control character": ["prohibited-character", "a\u0000", "a\nb", "\u007f", "a\u0085"],
    "a line separator": ["prohibited-character", "a\u2028b"],
    "private use and non-characters": ["prohibited-character", "\ue000", "\ufdd0", "\u{10ffff}"],
    "a replacement character": ["prohibited-character", "a\ufffd"],
    "a direction mark": ["ignored-character", "a\u200eb", "\u202ealice"],
    "a lone surrogate": ["prohibited-character", "a\ud800", "\udc00b"],
    "a sharp s": ["ambiguous-folding", "Weiß"],
    "a dotted capital I": ["ambiguous-folding", "İzmir"],
    "an iota subscript": ["ambiguous-folding", "ᾳ", "ᾼ", "α\u0345\u0314".normalize("NFKC")],
    "a capital without a lower case in Unicode 3.2": ["ambiguous-folding", "Ӏ", "Ⴀ", "Ꭰ", "Ↄ"],
    "two directions in one name": ["mixed-direction", "דוד2", "2דוד", "aד", "דaד", "ד:ד", "على1"],
  };
  for (const [what, [expected, ...names]] of Object.entries(refused)) {
    it(`refuses ${what}`, () => {
      for (const name of names) assert.equal(doubt(name), expected, hex(name));
    });
  }

  it("gives plain names, which take a short cut, what it gives them in capitals, which do not", () => {
    const plain = fc.string({ unit: fc.constantFrom(..."abcxyz0189._-"), maxLength: 12 });
    fc.assert(
      fc.property(plain, fc.constantFrom("a", "z"), (name, letter) => {
        assert.equal(localpart(name + letter), name + letter);
        assert.equal(localpart((name + letter).toUpperCase()), name + letter);
      }),
    );
  });

  it("takes 1023 bytes of UTF-8 and refuses 1024, escapes counted", () => {
    assert.equal(localpart("a".repeat(1023)), "a".repeat(1023));
    assert.equal(doubt("a".repeat(1024)), "too-long");
    assert.equal(localpart("王".repeat(341)), "王".repeat(341));
    assert.equal(doubt(`a${"王".repeat(341)}`), "too-long");
    assert.equal(localpart(`${"@".repeat(340)}abc`)?.length, 1023);
    assert.equal(doubt("@".repeat(342)), "too-long");
  });

  it("answers for an absurdly long name without looking at it", () => {
    const name = "\u0344".repeat(1_000_000);
    const started = performance.now();
    for (let i = 0; i < 1000; i++) assert.equal(doubt(name), "too-long");
    assert.ok(performance.now() - started < 2000);
  });

  it("takes no more bytes for the localpart than for the name with its escapes", () => {
    for (const character of everyCharacter) {
      const prepared = localpart(character);
      if (prepared === undefined) continue;
      assert.equal(
        Buffer.byteLength(prepared),
        Buffer.byteLength(escapeLocalpart(character)),
        hex(character),
      );
    }
  });
});

describe("localpartOfUserName beside the real ejabberd", () => {
  const { it, before } = needing("ejabberd");
  const corpora = {
    alone: () => everyCharacter,
    within: () => everyCharacter.map((c) => `a${c}b`),
    rightToLeft: () => everyCharacter.map((c) => `ד${c}ד`),
    marks: () => {
      // Every two marks behind a letter, every mark behind others, two marks behind everything: to see
      // ejabberd order and compose them.
      const all = everyCharacter.filter((c) => localpart(c) !== undefined);
      const marks = all.filter((c) => /\p{M}/u.test(c));
      return [
        ...marks.flatMap((first) => marks.map((second) => `a${first}${second}`)),
        ...Array.from("eOωΙиकக가か").flatMap((base) => marks.map((mark) => base + mark)),
        ...all.flatMap((c) => [`${c}\u0301`, `${c}\u0327\u0308`]),
      ];
    },
    random: () => fc.sample(anyName, { seed: 3920, numRuns: 20_000 }).flatMap(inOtherCases),
  };
  /** The names that get a localpart, with it. */
  const accepted: Record<keyof typeof corpora, [name: string, localpart: string][]> = {
    alone: [],
    within: [],
    rightToLeft: [],
    marks: [],
    random: [],
  };
  const ejabberd = new Map<string, string | undefined>();

  before(async () => {
    // The single characters are asked for in any case, of the rest only what is accepted here.
    const questions = new Set(everyCharacter.map(escapeLocalpart));
    for (const kind of Object.keys(corpora) as (keyof typeof corpora)[]) {
      for (const name of corpora[kind]()) {
        const ours = localpart(name);
        if (ours === undefined) continue;
        accepted[kind].push([name, ours]);
        questions.add(escapeLocalpart(name)).add(ours);
      }
    }
    const list = [...questions];
    const answers = await nodeprep(list);
    list.forEach((name, i) => {
      ejabberd.set(name, answers[i]);
    });
  });

  function assertSame(kind: keyof typeof corpora, atLeast: number): void {
    for (const [name, ours] of accepted[kind]) {
      const theirs = ejabberd.get(escapeLocalpart(name));
      if (ours !== theirs) assert.fail(`${hex(name)}: ${hex(ours)}, but ejabberd ${hex(theirs ?? "")}`);
      if (ours !== ejabberd.get(ours)) assert.fail(`${hex(name)}: not the same when prepared again`);
    }
    assert.ok(accepted[kind].length >= atLeast, `only ${accepted[kind].length} names were accepted`);
  }

  it("gives what ejabberd gives for every character alone", () => assertSame("alone", 90_000));

  it("gives what ejabberd gives for every character between two letters", () => assertSame("within", 90_000));

  it("gives what ejabberd gives for every character between two Hebrew letters", () =>
    assertSame("rightToLeft", 300));

  it("gives what ejabberd gives for every two marks behind a letter", () => assertSame("marks", 250_000));

  it("gives what ejabberd gives for names of many scripts, marks, digits and directions", () =>
    assertSame("random", 20_000));

  it("gives one localpart only to names that differ in case", () => {
    const names = new Map<string, string>();
    let shared = 0;
    for (const [name, ours] of Object.values(accepted).flat()) {
      const other = names.get(ours);
      names.set(ours, name);
      if (other === undefined || other === name) continue;
      shared++;
      if (!differOnlyInCase(name, other)) assert.fail(`${hex(name)} and ${hex(other)}`);
    }
    assert.ok(shared > 5000, `only ${shared} names shared a localpart`);
  });

  it("refuses no letter, mark, digit, punctuation or symbol that ejabberd lets stand, but for a few", () => {
    const needlessly = everyCharacter.filter(
      (c) =>
        /[\p{L}\p{M}\p{N}\p{P}\p{S}]/u.test(c) &&
        ejabberd.get(escapeLocalpart(c)) === c &&
        // Marks and punctuation of scripts from right to left stand in names of that direction only.
        localpart(c) === undefined &&
        localpart(`ד${c}ד`) === undefined,
    );
    // The backslash; capitals whose lower case is younger than Unicode 3.2 (palochka, old Georgian, Cherokee,
    // turned F, reversed C); Hangul fillers and Khmer inherent vowels, which show as nothing; Arabic's tail
    // fragment.
    const known = /^[\\\u04C0\u10A0-\u10C5\u13A0-\u13F4\u2132\u2183\u115F\u1160\u17B4\u17B5\uFE73]$/;
    assert.deepEqual(needlessly.filter((c) => !known.test(c)).map(hex), []);
  });

  it("refuses of what ejabberd takes only what one of these doubts is for", (context) => {
    const counts: Record<string, number> = {};
    for (const character of everyCharacter) {
      if (ejabberd.get(escapeLocalpart(character)) === undefined) continue;
      const why = doubt(character) ?? "accepted";
      counts[why] = (counts[why] ?? 0) + 1;
    }
    context.diagnostic(JSON.stringify(counts));
    assert.equal(counts["prohibited-character"], undefined);
    assert.equal(counts["unassigned-character"], undefined);
  });
});
