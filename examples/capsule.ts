// Encrypt a memory with a password and get it back: node examples/capsule.ts
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

import { create, lock, MemvidError, open, unlock } from '@memvid/sdk';

const folder = await mkdtemp(join(tmpdir(), 'memvid-example-'));
const path = join(folder, 'diary.mv2');
const memory = await create(path);
await memory.put({ text: 'The treasure is under the oak.' });
await memory.close();

const capsule = await lock(path, { password: 'correct horse' });
console.log('capsule:', basename(capsule));

const output = join(folder, 'again.mv2');
try {
  await unlock(capsule, { password: 'wrong', output });
} catch (error) {
  if (MemvidError.isMemvidError(error)) console.log(error.code, error.suggestion);
}
const again = await open(await unlock(capsule, { password: 'correct horse', output }));
console.log('found:', (await again.find('treasure')).hits[0]?.text);
await again.close();
await rm(folder, { recursive: true });
