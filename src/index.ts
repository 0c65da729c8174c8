/** The public API: a cluster inside this process, and a client for any cluster. */
export { createCluster, type Cluster, type CreateClusterOptions } from './host/cluster.js';
export type { ReplicaNode } from './host/node.js';
export type { ReplicaEndpoints } from './host/messages.js';
export {
  connect,
  KvorumClient,
  type Bytes,
  type ConnectOptions,
  type GetResult,
  type Level,
  type ReadConsistency,
  type ReadOptions,
  type ScanOptions,
  type ScanResult,
  type Session,
  type WriteOptions,
  type WriteResult,
} from './client/client.js';
export type {
  KeyspaceMembers,
  KeyspaceResult,
  MemberChangeOptions,
  MemberRole,
  MembersChanged,
  MembersView,
  MemberView,
  NewMember,
} from './client/members.js';
export { ERRORS, type ErrorCode, type ErrorSpec, type RetryHint } from './base/errors/catalogue.js';
export { KvorumError, isKvorumError } from './base/errors/error.js';
export { loadTopology, type LoadRequest, type LoadedTopology } from './config/load.js';
export type { Topology } from './config/topology.js';
export { VERSION } from './version.js';
