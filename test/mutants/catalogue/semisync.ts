import type { Mutant } from '../mutant.js';

const ENGINE = 'src/engines/semisync';

/** What goes wrong where a leader waits for a write quorum of followers: in the core, and in the member that drives it. */
export const SEMISYNC_MUTANTS: readonly Mutant[] = [
  {
    name: 'leader-counts-as-follower',
    title: 'the leader counts itself as one of the W that acknowledge',
    rule: 'ap.md §1.3.5',
    engine: 'semisync',
    edits: [
      {
        file: `${ENGINE}/quorum.js`,
        find: 'const descending = [...followers].sort((a, b) => b - a);',
        replace: 'const descending = [own, ...followers].sort((a, b) => b - a);',
      },
    ],
  },
  {
    name: 'newest-write-quorum-at-promotion',
    title: 'promises are counted by the newest write quorum instead of the smallest that may be in force',
    rule: 'ap.md §1.3.4',
    engine: 'semisync',
    edits: [
      {
        file: `${ENGINE}/quorum.js`,
        find: 'if (index > newest.commit && writeQuorum < smallest)',
        replace: 'if (index > newest.commit)',
      },
    ],
    test: 'test/unit/engines/semisync/quorum.test.ts',
  },
  {
    name: 'promise-told-before-disk',
    title: 'a promise is told before it is on disk',
    rule: 'ap.md §1.3.5',
    engine: 'semisync',
    edits: [{ file: `${ENGINE}/send.js`, find: 'return !message.ask;', replace: 'return false;' }],
  },
  {
    name: 'write-quorum-degrades',
    title: 'a leader that misses followers goes on with those that it has',
    rule: 'ap.md §1.3.2',
    engine: 'semisync',
    edits: [
      {
        file: `${ENGINE}/commit.js`,
        find: 'const writeQuorum = quorums.forEntry(indexAfter(reached));',
        replace:
          'const live = [...state.progress.values()].filter((each) => each.isAvailable(state.tick, state.options.maxLagTicks));\n' +
          '        const writeQuorum = Math.min(live.length, quorums.forEntry(indexAfter(reached)));',
      },
      {
        file: `${ENGINE}/commit.js`,
        find: 'if (upTo === end && rules.reached(own, followers, requiredAcks(state, end)) < end)',
        replace: 'if (writeQuorum < 0)',
      },
    ],
  },
  {
    name: 'suffix-committed-after-demotion',
    title: 'who led before takes its own last entries for committed when the new leader says how far it is',
    rule: 'ap.md §1.3.3',
    engine: 'semisync',
    edits: [
      {
        file: `${ENGINE}/follower.js`,
        find: '        commitTo(state, Math.min(message.commit, state.matched));\n',
        replace: '        commitTo(state, Math.min(message.commit, state.log.lastIndex));\n',
      },
    ],
  },
  {
    name: 'older-epoch-counted',
    title: 'entries of older epochs are committed by counting, without the entry that opens the epoch',
    rule: 'raft.md C1',
    engine: 'semisync',
    edits: [
      {
        file: `${ENGINE}/commit.js`,
        find: 'if (reached >= state.epochStartIndex)',
        replace: 'if (reached >= 0)',
      },
    ],
  },
  {
    name: 'promise-does-not-fence',
    title: 'who has promised a ballot goes on acknowledging the leader of before',
    rule: 'ap.md §1.3.5',
    engine: 'semisync',
    edits: [
      {
        file: `${ENGINE}/promise.js`,
        find: 'if (message.term > state.term)\n        becomeFollower(state, message.term, null);',
        replace: '',
      },
    ],
  },
  {
    name: 'one-promise-too-few',
    title: 'one promise too few is enough to lead',
    rule: 'ap.md §1.3.5',
    engine: 'semisync',
    edits: [
      {
        file: `${ENGINE}/quorum.js`,
        find: 'return Math.max(majority(followers), followers - writeQuorum + 1);',
        replace: 'return Math.max(1, Math.max(majority(followers), followers - writeQuorum + 1) - 1);',
      },
    ],
  },
  {
    name: 'full-sync-available',
    title: 'a follower in a full sync counts as one that can acknowledge',
    rule: 'ap.md §1.3.2',
    engine: 'semisync',
    edits: [
      {
        file: `${ENGINE}/progress.js`,
        find: "return this.state === 'replicate' && tick - this.keptUpTick <= maxLagTicks;",
        replace: "return this.state !== 'probe' && tick - this.heardTick <= maxLagTicks;",
      },
    ],
    test: 'test/unit/engines/semisync/catch-up.test.ts',
  },
  {
    name: 'follower-acknowledges-early',
    title: 'a follower acknowledges what is not on its disk yet',
    rule: 'raft.md R1',
    engine: 'semisync',
    edits: [
      {
        file: `${ENGINE}/send.js`,
        find: "case 'appendResponse':\n            return true;",
        replace: "case 'appendResponse':\n            return message.rejected;",
      },
    ],
  },
  {
    name: 'discarded-not-saved',
    title: 'what is thrown away after a promotion is told, and is in no file',
    rule: 'ap.md §1.3.6',
    engine: 'semisync',
    edits: [
      {
        file: 'src/replica/semisync/member.js',
        find: 'this.#failovers.keep(discarded, this.#newestLed);',
        replace: '',
      },
    ],
  },
  {
    name: 'discarded-not-told',
    title: 'a suffix is truncated without a word',
    rule: 'ap.md §1.3.6',
    engine: 'semisync',
    edits: [
      {
        file: `${ENGINE}/merge.js`,
        find: 'discard(state, index, true);',
        replace: '',
      },
    ],
  },
  {
    name: 'quorum-change-at-once',
    title: 'a change of the write quorum is in force for its own entry',
    rule: 'ap.md §1.3.4',
    engine: 'semisync',
    edits: [
      {
        file: `${ENGINE}/quorum-history.js`,
        find: 'return this.after(indexAfter(index, -1)).writeQuorum;',
        replace: 'return this.after(index).writeQuorum;',
      },
    ],
  },
  {
    name: 'forced-loss-not-reported',
    title: 'a promotion by force with too few promises says nothing of it',
    rule: 'ap.md §1.3.6',
    engine: 'semisync',
    faults: ['partition', 'crash', 'force', 'promotion', 'quorum', 'checkpoint'],
    edits: [{ file: `${ENGINE}/candidacy.js`, find: 'candidacy.lossPossible = !enough;', replace: '' }],
  },
  {
    name: 'rebuilding-promises',
    title: 'a member whose log is being replaced counts towards the promises',
    rule: 'ap.md §1.3.6',
    engine: 'semisync',
    edits: [
      {
        file: `${ENGINE}/promise.js`,
        find: 'if (state.logLost || state.rebuilding)',
        replace: 'if (state.logLost)',
      },
    ],
    test: 'test/unit/engines/semisync/force.test.ts',
  },
  {
    name: 'strong-read-unconfirmed',
    title: 'a strong read does not ask whether its leader still leads',
    rule: 'ap.md §1.3.7',
    engine: 'semisync',
    edits: [{ file: `${ENGINE}/reads.js`, find: 'return count >= required;', replace: 'return count >= 0;' }],
  },
  {
    name: 'staleness-from-arrival',
    title: 'what a leader vouches for is taken to be as young as the message that says it',
    rule: 'ap.md §1.3.7',
    engine: 'semisync',
    edits: [
      {
        file: `${ENGINE}/freshness.js`,
        find: 'const tick = clock - state.freshness.clockBase;',
        replace: 'const tick = clock > 0 ? state.tick : -1;',
      },
    ],
    test: 'test/unit/engines/semisync/freshness.test.ts',
  },
];
