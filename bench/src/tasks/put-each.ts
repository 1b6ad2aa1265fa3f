import type { Document } from '../corpus/document.ts';
import type { Peer } from '../peer.ts';
import type { Samples } from '../record.ts';
import { quantile } from '../statistics.ts';
import { Meter } from './meter.ts';

/** Stores documents one by one and closes the store; what one costs with everything that comes with many. */
export async function putEach(peer: Peer, documents: readonly Document[], figure: string): Promise<Samples> {
  const meter = new Meter(peer);
  for (const document of documents) await meter.call(() => peer.put(document));
  const p50 = quantile(meter.walls, 0.5);
  const p99 = quantile(meter.walls, 0.99);
  await meter.call(() => peer.close());
  const calls = documents.length;
  return {
    [figure]: {
      value: (meter.wall / calls) * 1000,
      unit: 'us/put',
      cpu: (meter.cpu / calls) * 1000,
      cpuUnit: 'us/put',
      calls,
    },
    [`${figure}_p50`]: { value: p50, unit: 'ms', calls },
    [`${figure}_p99`]: { value: p99, unit: 'ms', calls },
  };
}
