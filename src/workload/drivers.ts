import { systemClock } from '../base/clock.js';
import type { Prng } from '../base/prng.js';
import { systemScheduler } from '../base/scheduler.js';
import type { LaneFactory } from './lane.js';
import { HttpProtocol } from './lanes/http.js';
import type { Protocol } from './lanes/protocol.js';
import { RespProtocol } from './lanes/resp.js';
import { SocketLane } from './lanes/socket-lane.js';
import type { Endpoint, WorkloadSettings } from './settings.js';
import { Values } from './values.js';

export interface DriverContext {
  readonly settings: WorkloadSettings;
  readonly endpoints: readonly Endpoint[];
  readonly prng: Prng;
}

/** Makes the lanes of one thread; the number is that of the lane among all lanes of all threads. */
export type LaneFactories = (lane: number) => LaneFactory;

/** What a module that `settings.driver` names has to export: another protocol for the same generator. */
export interface DriverModule {
  createLaneFactories(context: DriverContext): LaneFactories;
}

export async function loadDriver(context: DriverContext): Promise<LaneFactories> {
  const { driver } = context.settings;
  if (driver === 'resp' || driver === 'http') return socketLanes(context, driver);
  const module = (await import(driver)) as DriverModule;
  return module.createLaneFactories(context);
}

function socketLanes({ endpoints, prng, settings }: DriverContext, driver: 'resp' | 'http'): LaneFactories {
  const { keyspace, pipeline, timeoutMs, valueBytes, waitReplicas } = settings;
  const values = new Values(valueBytes, prng.fork('values'));
  const protocol: Protocol =
    driver === 'resp'
      ? new RespProtocol({ keyspace, waitReplicas }, values)
      : new HttpProtocol(keyspace, values, prng.fork('scans'));
  return (lane) => {
    const first = lane % endpoints.length;
    const turned = [...endpoints.slice(first), ...endpoints.slice(0, first)];
    const options = {
      endpoints: turned,
      protocol,
      pipeline,
      timeoutMs,
      clock: systemClock,
      scheduler: systemScheduler,
    };
    return (events) => new SocketLane(options, events);
  };
}
