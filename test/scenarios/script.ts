import { assert, assertDefined } from '../../src/base/assert.js';
import type { ReplicaId } from '../../src/base/brand.js';
import type { MembershipChange } from '../../src/engines/raft/membership.js';
import { entryText, membershipText, roleText } from './describe.js';
import { Group, type MemberSpec } from './group.js';

/**
 * A scenario is a text that people read and a test runs:
 *
 *   # prose
 *   > command           what is done
 *     line of trace     what happened then; compared with what really happens
 *
 * README.md in this folder lists the commands. `REWRITE=1` writes down what happens instead of comparing.
 */
export interface Scenario {
  readonly text: string;
  /** The same text with the traces of this run. */
  run(): string;
}

type Command = (group: Group, args: readonly string[]) => void;

export function parseScenario(text: string): Scenario {
  return { text, run: () => runScenario(text) };
}

function runScenario(text: string): string {
  let group: Group | null = null;
  const output: string[] = [];
  for (const line of text.trimEnd().split('\n')) {
    if (line.startsWith('  ')) continue; // The trace of the last run.
    output.push(line);
    if (!line.startsWith('> ')) continue;
    const [name = '', ...args] = line.slice(2).trim().split(/\s+/);
    if (name === 'members') group = createGroup(args);
    else execute(assertDefined(group, 'a scenario begins with its members'), name, args, line);
    for (const told of group?.take() ?? []) output.push(`  ${told}`);
  }
  return `${output.join('\n')}\n`;
}

function execute(group: Group, name: string, args: readonly string[], line: string): void {
  const command = COMMANDS[name];
  assert(command !== undefined, `there is no command like '${line}'`);
  command(group, args);
}

/** `a b c`, `a:1,1,2` with a log of these terms, `a:1,2@3` in term 3, `+d` a replica that waits to be added, `leases`. */
function createGroup(args: readonly string[]): Group {
  const leaseReads = args.includes('leases');
  const members = args
    .filter((arg) => arg !== 'leases')
    .map((arg): MemberSpec => {
      const [name = '', log = ''] = arg.split(':');
      const [terms = '', term] = log.split('@');
      const joining = name.startsWith('+');
      return {
        id: joining ? name.slice(1) : name,
        terms: terms === '' ? [] : terms.split(',').map(Number),
        term: term === undefined ? undefined : Number(term),
        joining,
      };
    });
  return new Group(members, { leaseReads });
}

const COMMANDS: Readonly<Record<string, Command>> = {
  tick: (group, [id = '', count = '1']) => group.tick(id, Number(count)),
  campaign: (group, [id = '']) => group.campaign(id),
  propose: (group, [id = '', ...words]) => {
    const payload = Buffer.from(words.join(' '));
    group.step(id, { type: 'propose', id: group.nextId(), payload });
  },
  read: (group, [id = '', lease]) => {
    group.step(id, { type: 'readIndex', id: group.nextId(), lease: lease === 'lease' });
  },
  add: (group, [id = '', member = '']) => change(group, id, { op: 'add', member: infoOf(member) }),
  promote: (group, [id = '', member = '']) => {
    change(group, id, { op: 'promote', replica: member as ReplicaId, folder: null });
  },
  remove: (group, [id = '', member = '']) => change(group, id, { op: 'remove', replica: member as ReplicaId }),
  transfer: (group, [id = '', target]) => {
    group.step(id, { type: 'transfer', target: (target as ReplicaId | undefined) ?? null });
  },
  unreachable: (group, [id = '', peer = '']) => group.step(id, { type: 'unreachable', peer: peer as ReplicaId }),
  stalled: (group, [id = '']) => group.step(id, { type: 'stalled' }),
  deliver: (group, args) => forEachMatching(group, args, (message) => group.deliver(message)),
  lose: (group, args) => forEachMatching(group, args, (message) => group.drop(message)),
  copy: (group, args) => forEachMatching(group, args, (message) => group.copy(message)),
  settle: (group, [how]) => group.settle(how === 'quietly'),
  cut: (group, [from = '', to = '']) => {
    group.cut(from, to);
    group.cut(to, from);
  },
  'cut-one-way': (group, [from = '', to = '']) => group.cut(from, to),
  heal: (group) => group.heal(),
  'slow-disk': (group, [id = '']) => {
    group.node(id).slow = true;
  },
  'fast-disk': (group, [id = '']) => {
    group.node(id).slow = false;
  },
  sync: (group, [id = '']) => group.sync(id),
  crash: (group, [id = '']) => group.crash(id),
  restart: (group, [id = '']) => group.restart(id),
  checkpoint: (group, [id = '']) => group.checkpoint(id),
  log: (group, ids) => {
    for (const id of idsOf(group, ids)) {
      const { disk } = group.node(id);
      const base = disk.baseIndex === 0 ? '' : `checkpoint ${disk.baseIndex}/${disk.baseTerm}, `;
      group.say(`${id}: on disk: ${base}${disk.entries.map(entryText).join(', ') || 'no entries'}`);
    }
  },
  status: (group, ids) => {
    for (const id of idsOf(group, ids)) {
      const { alive, raft } = group.node(id);
      const status = raft.status();
      const last = group.lastOf(group.node(id));
      group.say(alive ? `${id}: ${roleText(status)}, commit ${status.commitIndex}, last ${last}` : `${id}: down`);
      for (const { matchIndex, nextIndex, peer, state } of status.progress) {
        group.say(`${id}:   ${peer} ${state}, match ${matchIndex}, next ${nextIndex}`);
      }
    }
  },
  membership: (group, ids) => {
    for (const id of idsOf(group, ids)) {
      const { committedMembership, membership } = group.node(id).raft;
      const committed = membershipText(committedMembership.membership);
      const since = membership.index === committedMembership.index ? '' : `, not committed: `;
      const latest = since === '' ? '' : `{${membershipText(membership.membership)}} of ${membership.index}`;
      group.say(`${id}: {${committed}} of ${committedMembership.index}${since}${latest}`);
    }
  },
};

function idsOf(group: Group, ids: readonly string[]): readonly string[] {
  return ids.length > 0 ? ids : [...group.nodes.keys()];
}

function infoOf(id: string): Extract<MembershipChange, { op: 'add' }>['member'] {
  return { id: id as ReplicaId, folder: null, peer: null, http: null, redis: null, region: null };
}

function change(group: Group, id: string, wanted: MembershipChange): void {
  group.step(id, { type: 'changeMembership', id: group.nextId(), change: wanted });
}

/** `a b` from a to b, `a *`, `* b`, `* *`, then optionally a type and how many of them (all that are there now). */
function forEachMatching(
  group: Group,
  [from = '*', to = '*', type = '*', count = 'all']: readonly string[],
  act: (message: ReturnType<Group['matching']>[number]) => void,
): void {
  const wild = (word: string): string | null => (word === '*' ? null : word);
  const found = group.matching(wild(from), wild(to), wild(type));
  for (const message of count === 'all' ? found : found.slice(0, Number(count))) act(message);
}
