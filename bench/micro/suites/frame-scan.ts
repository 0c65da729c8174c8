import { createFrameScan, FRAME, scanFrame, writeFrameHeader } from '../../../native-like/frame-scan/index.js';
import type { BenchSuite } from '../harness.js';

const FRAMES = 64;
const BODY_BYTES = 300;

export const frameScanSuite: BenchSuite = {
  name: 'frame-scan',
  create: () => {
    const frameBytes = 12 + BODY_BYTES;
    const stream = Buffer.alloc(FRAMES * frameBytes, 7);
    for (let at = 0; at < stream.length; at += frameBytes) writeFrameHeader(stream, at, BODY_BYTES, at);
    const out = createFrameScan();
    const scanAll = (): number => {
      let frames = 0;
      for (let at = 0; scanFrame(stream, at, stream.length, 65_536, out) === FRAME; at = out.next) frames++;
      return frames;
    };
    const header = Buffer.alloc(12);
    const write = (): number => {
      writeFrameHeader(header, 0, 1234, 5678);
      return header[4] as number;
    };
    const work = { amount: FRAMES, unit: 'entries' } as const;
    return {
      cases: [
        { name: `${FRAMES} frames of ${BODY_BYTES} B`, run: scanAll, check: () => scanAll() === FRAMES, work },
        {
          name: 'write a header',
          run: write,
          check: () => {
            write();
            return scanFrame(header, 0, 8, 2000, out) === 0 && out.next === 12 + 1234;
          },
        },
      ],
    };
  },
};
