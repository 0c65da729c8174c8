import type { ReplicaId } from '../../src/base/brand.js';
import { silentLogger } from '../../src/base/logger.js';
import { createPrng } from '../../src/base/prng.js';
import { createDelayedTransport } from '../../src/transport/delayed.js';
import { createMemoryNetwork } from '../../src/transport/memory/index.js';
import { createTcpTransport, type TcpTransport } from '../../src/transport/tcp/index.js';
import type { PeerAddress, Transport, TransportHandlers } from '../../src/transport/transport.js';
import { transportContract, type TransportHarness } from './transport.js';

const IDS = ['n1', 'n2', 'n3'] as ReplicaId[];
const queueBytesMax = 1024 * 1024;

function memory(decorate: (transport: Transport, self: ReplicaId) => Transport): Promise<TransportHarness> {
  const network = createMemoryNetwork({ queueBytesMax });
  return Promise.resolve({
    queueBytesMax,
    create: (self, folder) => Promise.resolve(decorate(network.transport(self, IDS, folder), self)),
    addressOf: (id) => ({ id, host: '', port: 0 }),
  });
}

transportContract('memory', () => memory((transport) => transport));
transportContract('memory, delayed', () => {
  return memory((transport, self) => createDelayedTransport(transport, { self, rangeMs: [0, 3], seed: 1 }));
});

transportContract('tcp', () => {
  const ports = new Map<ReplicaId, number>();
  const running = new Set<TcpTransport>();
  let incarnation = 0;
  const peersOf = (self: ReplicaId) => {
    // Port 1 for those who do not run: nobody listens there.
    return IDS.filter((id) => id !== self).map(addressOf);
  };
  const create = (self: ReplicaId, folder: string | null): Promise<TcpTransport> => {
    const transport = createTcpTransport({
      self,
      cluster: 'contract',
      incarnation: ++incarnation,
      folder,
      listen: { host: '127.0.0.1', port: 0 },
      peers: peersOf(self),
      logger: silentLogger,
      prng: createPrng(incarnation),
      queueBytesMax,
    });
    const start = transport.start.bind(transport);
    // Ports are only known once they are taken: tell everybody then.
    transport.start = async (handlers: TransportHandlers) => {
      await start(handlers);
      ports.set(self, transport.address?.port ?? 0);
      running.add(transport);
      for (const other of running) other.setPeers(peersOf(other === transport ? self : idOf(other)));
    };
    ids.set(transport, self);
    return Promise.resolve(transport);
  };
  const ids = new Map<TcpTransport, ReplicaId>();
  const idOf = (transport: TcpTransport): ReplicaId => ids.get(transport) as ReplicaId;
  const addressOf = (id: ReplicaId): PeerAddress => ({ id, host: '127.0.0.1', port: ports.get(id) ?? 1 });
  return Promise.resolve({ queueBytesMax, create, addressOf });
});
