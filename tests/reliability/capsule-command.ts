/**
 * `npm run capsule`: peak memory and time of locking and unlocking a large memory. Option: `--megabytes` (1024).
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { create } from '@memvid/sdk';
import { sdkEntry } from '../support/places.ts';
import { randomNumbers } from '../support/random.ts';

const { values } = parseArgs({ options: { megabytes: { type: 'string' } } });
const wanted = Number(values.megabytes ?? 1024) * 2 ** 20;
const folder = mkdtempSync(join(tmpdir(), 'memvid-capsule-'));
try {
  const file = join(folder, 'large.mv2');
  const memory = await create(file, { enableLex: false });
  const random = randomNumbers(1);
  const size = (): number => statSync(file).size;
  while (size() < wanted) {
    await memory.putMany(
      Array.from({ length: 64 }, () => {
        const code = (): number => 0x4e00 + Math.floor(random() * 20_000);
        return { title: 't', text: String.fromCodePoint(...Array.from({ length: 50_000 }, code)) };
      }),
    );
  }
  await memory.close();
  const capsule = `${file}e`;
  const measured = (code: string): { megabytes: number; seconds: number } => {
    const program = `
      const sdk = await import(${JSON.stringify(sdkEntry)});
      const [file, capsule] = ${JSON.stringify([file, capsule])};
      const start = performance.now();
      ${code};
      console.log(JSON.stringify({
        megabytes: Math.round(process.resourceUsage().maxRSS / 1024),
        seconds: Math.round((performance.now() - start) / 100) / 10,
      }));
    `;
    const run = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' });
    if (run.status !== 0) throw new Error(run.stderr);
    return JSON.parse(run.stdout) as { megabytes: number; seconds: number };
  };
  const figures = {
    file: Math.round(size() / 2 ** 20),
    before: measured('sdk.info()'),
    lock: measured(`await sdk.lock(file, { password: 'p' })`),
    unlock: measured(`await sdk.unlock(capsule, { password: 'p', output: file, force: true })`),
    wrongPassword: measured(
      `await sdk.unlock(capsule, { password: 'q', output: file + '2' }).catch(() => {})`,
    ),
  };
  process.stdout.write(`${JSON.stringify(figures, undefined, 2)}\n`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
