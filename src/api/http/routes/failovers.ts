import { KvorumError, toKvorumError } from '../../../base/errors/error.js';
import type { Operation } from '../../../kv/types.js';
import type { DiscardedWrites, Failover, LostWrites } from '../../../replica/router.js';
import { keyMembers, valueMembers } from '../bytes.js';
import type { Exchange } from '../exchange.js';
import { printable } from '../query.js';
import type { RouteSpec } from '../route.js';
import * as schemas from '../schemas-semisync.js';
import { semisyncNamed } from '../semisync-view.js';

function discardedDocument({
  acknowledged,
  beforeLog = false,
  certain,
  entries,
  file,
  fromIndex,
  maybeAcknowledged,
  toIndex,
  writes,
}: DiscardedWrites): Record<string, unknown> {
  return {
    file,
    from_offset: fromIndex,
    to_offset: toIndex,
    entries,
    writes,
    acknowledged,
    maybe_acknowledged: maybeAcknowledged,
    certain,
    before_log: beforeLog,
  };
}

function failoverDocument({ before, discarded, epoch, forced, leader, startIndex }: Failover): Record<string, unknown> {
  return {
    epoch,
    leader,
    before,
    start_offset: startIndex,
    forced,
    discarded: discarded === null ? null : discardedDocument(discarded),
  };
}

/** As JSON text: keys and values may be any bytes. */
function operationJson(operation: Operation): string {
  const head = `"op":"${operation.op}",${keyMembers(operation.key)}`;
  if (operation.op === 'increment') return `{${head},"by":"${operation.delta}"}`;
  if (operation.op === 'delete') return `{${head}}`;
  const { value } = operation;
  return `{${head},${valueMembers({ source: value, start: 0, end: value.length })}}`;
}

function commandJson({ command, epoch, index }: LostWrites['commands'][number]): string {
  const { operations, session } = command;
  const client = session === undefined ? '' : `,"client_id":${JSON.stringify(session.clientId)},"seq":${session.seq}`;
  return `{"offset":${index},"epoch":${epoch}${client},"operations":[${operations.map(operationJson).join(',')}]}`;
}

async function failovers(exchange: Exchange): Promise<string> {
  const { control, keyspace } = semisyncNamed(exchange, exchange.query.get('keyspace'));
  const file = exchange.query.get('file');
  const head = JSON.stringify({ id: exchange.router.self, keyspace: keyspace.name }).slice(1, -1);
  if (file === undefined) {
    const known = await control.failovers();
    const acknowledged = known.reduce((sum, { discarded }) => sum + (discarded?.acknowledged ?? 0), 0);
    const maybe = known.reduce((sum, { discarded }) => sum + (discarded?.maybeAcknowledged ?? 0), 0);
    const shown = JSON.stringify(known.map(failoverDocument));
    return `{${head},"acknowledged_lost":${acknowledged},"maybe_acknowledged_lost":${maybe},"failovers":${shown}}`;
  }
  const lost = await control.lostWrites(file);
  if (lost === null) {
    throw new KvorumError(
      'lost_writes_not_found',
      `${exchange.router.self} has no file of lost writes ${printable(file)}`,
    );
  }
  const facts = JSON.stringify(discardedDocument(lost)).slice(1, -1);
  return `{${head},${facts},"commands":[${lost.commands.map(commandJson).join(',')}]}`;
}

export const FAILOVER_ROUTES: readonly RouteSpec[] = [
  {
    method: 'GET',
    path: '/admin/failovers',
    operation: 'admin',
    schema: schemas.FAILOVERS,
    handle: (exchange) => {
      failovers(exchange).then(
        (body) => exchange.json(200, body),
        (error: unknown) => exchange.fail(toKvorumError(error)),
      );
    },
  },
];
