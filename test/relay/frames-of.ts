import type { FrameReader } from "../../relay/frames.ts";

/** Returns the payloads of all frames that are whole once this chunk has come. */
export function framesOf(reader: FrameReader, chunk: Uint8Array): Buffer[] {
  reader.push(chunk);
  const frames: Buffer[] = [];
  for (let payload = reader.next(); payload !== undefined; payload = reader.next()) frames.push(payload);
  return frames;
}
