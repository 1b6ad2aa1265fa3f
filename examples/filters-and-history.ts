// Find by what is known about documents, change them, see them as they were: node examples/filters-and-history.ts
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { create } from '@memvid/sdk';

const folder = await mkdtemp(join(tmpdir(), 'memvid-example-'));
const memory = await create(join(folder, 'plans.mv2'));

const [draft = ''] = await memory.putMany([
  { title: 'Launch', text: 'The launch is planned for May.', metadata: { status: 'draft', budget: 40_000 } },
  { title: 'Party', text: 'The launch party is on a boat.', metadata: { status: 'final', budget: 5_000 } },
]);

const cheap = await memory.find('launch', { where: { budget: { $lt: 10_000 } } });
console.log('cheap:', cheap.hits.map((hit) => hit.title).join());

await memory.update(draft, {
  text: 'The launch is planned for June.',
  metadata: { status: 'final', budget: 40_000 },
});
const now = await memory.find('planned launch', { k: 1 });
const before = await memory.find('planned launch', { k: 1, asOfFrame: Number(draft) });
console.log('now:', now.hits[0]?.text);
console.log('before:', before.hits[0]?.text);

const { removed } = await memory.removeMany({ where: { status: 'final', budget: { $gte: 10_000 } } });
console.log('removed:', removed);

await memory.close();
await rm(folder, { recursive: true });
