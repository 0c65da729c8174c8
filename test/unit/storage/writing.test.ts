import t from 'tap';
import { originId, replicaId } from '../../../src/base/brand.js';
import { renewed, type WritingRecord } from '../../../src/storage/writing.js';

t.test(
  'ap.md §1.0.1: a folder that is lost twice under a clock that went back is not given one incarnation twice',
  (t) => {
    const first: WritingRecord = { incarnation: '0000000000100001', boot: 1, whole: true };
    const second: WritingRecord = { incarnation: '0000000000110002', boot: 1, whole: true };
    const above = [originId('n1~018cc251fbd0f1dc')];
    const [one, other] = [first, second].map((record) =>
      renewed(record, replicaId('n1'), above, () => record.incarnation),
    );
    t.equal(one?.incarnation, '018cc251fbd10001', 'of the moment after the greatest that is known');
    t.equal(other?.incarnation, '018cc251fbd10002', 'with random digits of its own');
    t.end();
  },
);
