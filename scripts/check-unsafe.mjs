// Runs the modules with `unsafe` under Miri and the address sanitizer, as far as each of them can: Miri knows the loops for
// processors up to AVX2 and no memory maps, the sanitizer runs everything. Needs a nightly toolchain with miri and rust-src:
// `rustup toolchain install nightly --component miri,rust-src`.
import { run, secondsSince } from './lib/workspace.mjs';

const target = 'x86_64-unknown-linux-gnu';
const miri = { MIRIFLAGS: '-Zmiri-disable-isolation' };

/** @type {[string, Record<string, string>, string[]][]} */
const steps = [
  ['Miri: loops that run everywhere', miri, ['miri', 'test', '-p', 'vec', '--test', 'suite', 'kernels::']],
  [
    'Miri: loops for AVX2',
    { ...miri, RUSTFLAGS: '-Ctarget-feature=+avx2' },
    ['miri', 'test', '-p', 'vec', '--test', 'suite', 'kernels::'],
  ],
  ['Miri: shared bytes', miri, ['miri', 'test', '-p', 'mv2', '--lib', 'bytes::']],
  [
    'address sanitizer: vectors and files',
    { RUSTFLAGS: '-Zsanitizer=address' },
    ['test', '-p', 'vec', '-p', 'mv2', '--lib', '--tests', '--target', target],
  ],
];

for (const [title, environment, commandArguments] of steps) {
  const start = performance.now();
  const status = await run('cargo', ['+nightly', ...commandArguments], {
    env: { ...process.env, ...environment },
  });
  console.log(`${status === 0 ? 'ok    ' : 'FAILED'} ${title} (${secondsSince(start)})`);
  if (status !== 0) process.exitCode = 1;
}
