import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { secondsOfLocalTime } from "../../../stores/sql/local-time.ts";

describe("a time without a zone", () => {
  it("is that of the zone's clocks, in winter and in summer", () => {
    assert.equal(secondsOfLocalTime("2033-05-18 03:33:20", "UTC"), 2_000_000_000);
    assert.equal(secondsOfLocalTime("2033-05-18T05:33:20.999", "Europe/Berlin"), 2_000_000_000);
    assert.equal(secondsOfLocalTime("2027-01-15 09:00:00", "Europe/Berlin"), 1_800_000_000);
    assert.equal(secondsOfLocalTime("2027-01-15 13:45:00", "Asia/Kathmandu"), 1_800_000_000);
  });

  it("is the first of an hour that comes twice, and some time near an hour that there is not", () => {
    // Summer time ended on 2026-10-25 at 01:00 UTC, and began on 2026-03-29 at 01:00 UTC.
    const ends = Date.UTC(2026, 9, 25, 1) / 1000;
    assert.equal(secondsOfLocalTime("2026-10-25 02:30:00", "Europe/Berlin"), ends - 1800);
    assert.equal(secondsOfLocalTime("2026-10-25 03:00:00", "Europe/Berlin"), ends + 3600);
    const begins = Date.UTC(2026, 2, 29, 1) / 1000;
    const gap = secondsOfLocalTime("2026-03-29 02:30:00", "Europe/Berlin") ?? 0;
    assert.ok(Math.abs(gap - begins) <= 3600, String(gap - begins));
  });

  it("is found again from what a zone shows, but for the hour that comes twice", () => {
    const zones = [
      "UTC",
      "Europe/Berlin",
      "America/New_York",
      "Australia/Lord_Howe",
      "Asia/Kolkata",
      "America/Sao_Paulo",
    ];
    fc.assert(
      fc.property(
        fc.constantFrom(...zones),
        fc.integer({ min: 172_800, max: 4_000_000_000 }),
        (timeZone, seconds) => {
          const shown = new Date(seconds * 1000).toLocaleString("sv-SE", { timeZone });
          const found = secondsOfLocalTime(shown, timeZone) ?? assert.fail(shown);
          const again = new Date(found * 1000).toLocaleString("sv-SE", { timeZone });
          assert.equal(again, shown);
          assert.ok(found <= seconds && seconds - found <= 3600);
        },
      ),
    );
  });

  it("is no time where the text is none", () => {
    for (const text of [
      "",
      "0000-00-00 00:00:00",
      "2026-13-01 00:00:00",
      "2026-00-01 00:00:00",
      "tomorrow",
      "2026-01-01",
      "infinity",
    ]) {
      assert.equal(secondsOfLocalTime(text, "UTC"), undefined, text);
    }
  });
});
