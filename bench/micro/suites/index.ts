import type { BenchSuite } from '../harness.js';
import { bytesSuite } from './bytes.js';
import { crc32cSuite } from './crc32c.js';
import { dottedSuite } from './dotted.js';
import { frameScanSuite } from './frame-scan.js';
import { keyHashSuite } from './key-hash.js';
import { kvSuite } from './kv.js';
import { logSuites } from './log.js';
import { raftSuite } from './raft.js';
import { replicationSuites } from './replication.js';
import { respScanSuite } from './resp-scan.js';
import { wireSuite } from './wire.js';

export const SUITES: readonly BenchSuite[] = [
  crc32cSuite,
  frameScanSuite,
  respScanSuite,
  keyHashSuite,
  bytesSuite,
  wireSuite,
  kvSuite,
  dottedSuite,
  raftSuite,
  ...logSuites,
  ...replicationSuites,
];
